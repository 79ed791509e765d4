import type { AlterTableCmd } from 'libpg-query';
import { asNode } from '../../syntax/parse-tree';
import type { TableName } from '../../syntax/statement';
import type { WrittenTable } from '../batches';
import { tableNameOf } from '../../catalogue/catalog-facts';
import type { TranslationContext } from '../context';
import type { KnownCatalogue } from '../known-catalogue';
import type { Rewrite } from '../rewrite';
import type { StatementText } from '../text/statement-text';
import { Pass } from './step';
import type { Step } from './step';

/** The table of an ALTER TABLE, and its actions as they are written. */
export class AlteredTable implements WrittenTable {
  readonly name: TableName;
  readonly written: string;
  /** `ALTER TABLE IF EXISTS ONLY t`, as it is written. */
  readonly prefix: string;
  readonly actions: readonly Action[];
  /** How many actions the text has, as far as its commas say. */
  readonly writtenActions: number;
  /** The constraints that the statement itself drops. */
  readonly dropped: ReadonlySet<string>;

  constructor(readonly rewrite: Rewrite<'AlterTableStmt'>) {
    const { source, tree } = rewrite;
    const nameAt = source.indexAt(source.at(tree.relation?.location));
    let at = source.afterName(nameAt);
    this.name = tableNameOf(tree.relation);
    this.written = source.cut(nameAt, at);
    while (/^[*)]$/.test(source.tokens[at]?.value ?? '')) at++;
    this.prefix = source.cut(0, at);
    const parts = source.splitAtCommas(at, source.tokens.length);
    const commands = (tree.cmds ?? []).flatMap((item) => asNode(item, 'AlterTableCmd') ?? []);
    this.writtenActions = parts.length;
    this.actions = commands.map((command, index) => {
      const { from, to } = parts[index] ?? { from: at, to: at };
      return new Action(this, command, from, to);
    });
    this.dropped = new Set(
      commands.flatMap(({ subtype, name }) => (subtype === 'AT_DropConstraint' ? (name ?? []) : [])),
    );
  }

  get source(): StatementText {
    return this.rewrite.source;
  }

  get context(): TranslationContext {
    return this.rewrite.context;
  }

  get catalogue(): KnownCatalogue {
    return this.rewrite.catalogue;
  }

  /** A statement of its own with one action. */
  alteration(action: string, pass: Pass): Step {
    return { pass, statement: { sql: `${this.prefix} ${action}` } };
  }

  /** The job that checks a constraint for the rows that were there before it. */
  validation(constraint: string): Step {
    return {
      pass: Pass.Validate,
      statement: { sql: `ALTER TABLE ASYNC ${this.written} VALIDATE CONSTRAINT ${constraint}` },
    };
  }
}

/** One action of an ALTER TABLE, and the tokens that it is written with. */
export class Action {
  constructor(
    readonly table: AlteredTable,
    readonly command: AlterTableCmd,
    readonly from: number,
    readonly to: number,
  ) {}

  get source(): StatementText {
    return this.table.source;
  }

  get rewrite(): Rewrite<'AlterTableStmt'> {
    return this.table.rewrite;
  }

  /** The column or constraint that the action names. */
  get name(): string {
    return this.command.name ?? '';
  }

  /** Whether PostgreSQL carries it out before it adds and changes, as `ATPrepCmd` says of PostgreSQL 16. */
  get isDrop(): boolean {
    const { subtype, def } = this.command;
    if (subtype === 'AT_ColumnDefault') return def === undefined;
    return /^AT_Drop(?:Column|Constraint|NotNull|Identity|Expression)$/.test(subtype ?? '');
  }

  /** Where it begins, as an offset. */
  get start(): number {
    return this.source.tokens[this.from]?.start ?? this.source.start;
  }

  get written(): string {
    return this.source.cut(this.from, this.to);
  }

  /** The comments before and after it, each on lines of its own. */
  get comments(): string {
    const { tokens, sql, end } = this.source;
    const before = sql.slice(this.source.endBefore(this.from), tokens[this.from]?.start ?? end);
    const after = sql.slice(this.source.endBefore(this.to), tokens[this.to]?.start ?? end);
    return [before, after]
      .map((gap) => gap.trim())
      .filter((gap) => gap !== '')
      .map((gap) => `${gap}\n`)
      .join('');
  }

  /** Leaves it as it is written. */
  keep(pass: Pass): readonly Step[] {
    return [{ pass, kept: this.written }];
  }
}
