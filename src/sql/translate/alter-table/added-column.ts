import type { ColumnDef, Constraint } from 'libpg-query';
import { serialType } from '../../facts/column-types';
import { columnConstraints } from '../../refusals';
import { asNode } from '../../syntax/parse-tree';
import { afterType, formattedType } from '../columns/type-names';
import type { StatementText } from '../text/statement-text';
import type { Action, AlteredTable } from './altered-table';

/** A clause after a column's type: its tokens, and the node. */
export interface Clause {
  /** `undefined` for COLLATE. */
  readonly constraint: Constraint | undefined;
  readonly from: number;
  readonly to: number;
}

/** The column of an ADD COLUMN, as it is written. */
export class AddedColumn {
  readonly name: string;
  readonly definition: ColumnDef;
  /** As `format_type()` gives it. */
  readonly type: string | undefined;
  /** Its name as the text writes it. */
  readonly written: string;
  readonly clauses: readonly Clause[];
  /** `ADD COLUMN IF NOT EXISTS`. */
  readonly isRepeatable: boolean;
  readonly #typeAt: number;

  constructor(readonly action: Action) {
    const { source, command, to } = action;
    this.definition = asNode(command.def, 'ColumnDef') ?? {};
    this.name = this.definition.colname ?? '';
    this.type = formattedType(this.definition.typeName);
    this.#typeAt = source.indexAt(source.at(this.definition.typeName?.location));
    this.written = source.cut(this.#typeAt - 1, this.#typeAt);
    this.clauses = clausesOf(source, this.definition, to);
    this.isRepeatable = command.missing_ok === true;
  }

  get table(): AlteredTable {
    return this.action.table;
  }

  /** `GENERATED … AS IDENTITY`. */
  get identity(): Clause | undefined {
    return this.clauses.find(({ constraint }) => constraint?.contype === 'CONSTR_IDENTITY');
  }

  /** Whether a sequence gives its values. */
  get isCounted(): boolean {
    return this.identity !== undefined || this.#isSerial;
  }

  get isNotNull(): boolean {
    return (
      this.#isSerial ||
      this.clauses.some(({ constraint }) => /^CONSTR_(?:NOTNULL|IDENTITY)$/.test(constraint?.contype ?? ''))
    );
  }

  /** Whether DSQL adds it as it is. */
  get isBare(): boolean {
    return this.clauses.length === 0 && !this.#isSerial;
  }

  get #isSerial(): boolean {
    return this.action.rewrite.isRefused('serial') && serialType(this.definition.typeName) !== undefined;
  }

  /** Up to the type, the type, and what may follow it before the first clause: STORAGE, COMPRESSION. */
  get bareAction(): string {
    const { source, from, to } = this.action;
    const end = this.clauses[0]?.from ?? to;
    if (!this.isCounted) return source.cut(from, end);
    const { typeName } = this.definition;
    const typeEnd = typeName ? afterType(source, this.#typeAt, typeName) : this.#typeAt;
    return `${source.cut(from, this.#typeAt)} bigint ${source.cut(typeEnd, end)}`.trim();
  }
}

function clausesOf(source: StatementText, column: ColumnDef, to: number): Clause[] {
  const starts: { constraint: Constraint | undefined; from: number }[] = [];
  for (const constraint of columnConstraints(column)) {
    starts.push({ constraint, from: source.indexAt(source.at(constraint.location)) });
  }
  if (column.collClause) {
    starts.push({ constraint: undefined, from: source.indexAt(source.at(column.collClause.location)) });
  }
  starts.sort((a, b) => a.from - b.from);
  // What follows a REFERENCES and only says when it is checked belongs to it.
  const clauses: Clause[] = [];
  starts.forEach(({ constraint, from }, index) => {
    const clause = { constraint, from, to: starts[index + 1]?.from ?? to };
    const previous = clauses.at(-1);
    if (previous && constraint?.contype?.startsWith('CONSTR_ATTR_') === true) {
      clauses[clauses.length - 1] = { ...previous, to: clause.to };
    } else clauses.push(clause);
  });
  return clauses;
}
