import { asNode, type NodeBody, type Statement } from '../../sql';
import { namesIn } from './names';
import type { NeededObject } from './needed-objects';
import { lookedAt } from './reads';

/** PostgreSQL leaves at least so much of a table's name in the name of an index, a constraint or a sequence that it chooses. */
const KEPT_OF_NAME = 25;

/** What the statements of a migration so far would have changed. */
export class EarlierStatements {
  readonly #touched = new Set<string>();
  /** Tables that may be others than those which have their names now. */
  readonly #remade = new Set<string>();
  readonly #texts: string[] = [];
  /** Whether they would have changed more than their names tell. */
  #isUnclear = false;
  #callsFunctions = false;
  #drops = false;

  /** Whether they would have changed nothing. */
  get isEmpty(): boolean {
    return this.#touched.size === 0 && !this.#isUnclear;
  }

  get isUnclear(): boolean {
    return this.#isUnclear;
  }

  /** Whether they may have left a table with fewer indexes than it has now, or given its name to another. */
  get mayDropIndexes(): boolean {
    return this.#drops || this.#isUnclear || this.#callsFunctions;
  }

  note(statement: Statement): void {
    this.#drops ||= mayDrop(statement);
    const names = namesIn(statement);
    for (const name of names) this.#touched.add(name);
    this.#isUnclear ||= !NAMES_ALL.has(statement.node);
    this.#texts.push(statement.text.toLowerCase());
    if (isOfTables(statement)) for (const name of names) this.#remade.add(name);
  }

  /** A function of a user may have done anything. */
  noteCall(): void {
    this.#callsFunctions = true;
  }

  touches(name: string): boolean {
    return this.#touched.has(name);
  }

  /** Whether a query, with what is given beside it, may have another answer behind them than it has now. */
  mayAnswer(query: string, parameters?: unknown): boolean {
    if (this.isEmpty) return false;
    if (this.#isUnclear) return true;
    const { tables, isAtCatalogue } = lookedAt(query);
    if (!isAtCatalogue) return tables.some((name) => this.#touched.has(name));
    const text = withParameters(query, parameters);
    return !asksForTables(query) || [...this.#touched].some((name) => text.includes(name));
  }

  /** Whether something that is not there now may be there behind them. */
  mayMake({ name, table, isNamedByItself }: NeededObject): boolean {
    if (this.#isUnclear || this.#callsFunctions) return true;
    if (table !== undefined && this.#remade.has(table.name)) return true;
    // In a text a name may be written with escapes, and may be one that is no relation's.
    if (this.#touched.has(name)) return true;
    const written = name.toLowerCase();
    if (this.#texts.some((text) => text.includes(written))) return true;
    return (
      isNamedByItself && [...this.#touched].some((touched) => name.startsWith(touched.slice(0, KEPT_OF_NAME)))
    );
  }
}

/** Whether a statement may drop an index, with what that belongs to or alone, or gives the name of a table to another. */
function mayDrop({ node, tree }: Statement): boolean {
  if (node === 'DropStmt' || node === 'RenameStmt') return true;
  if (node !== 'AlterTableStmt') return false;
  const { cmds = [] } = tree as NodeBody<'AlterTableStmt'>;
  return cmds.some((item) =>
    /^AT_Drop(?:Column|Constraint)$/.test(asNode(item, 'AlterTableCmd')?.subtype ?? ''),
  );
}

/** Whether a statement makes, renames or drops whole tables. */
function isOfTables({ node, tree }: Statement): boolean {
  if (node === 'RenameStmt') {
    const { renameType = '' } = tree as NodeBody<'RenameStmt'>;
    return renameType === 'OBJECT_TABLE' || renameType === 'OBJECT_VIEW';
  }
  return (
    node === 'CreateStmt' || node === 'DropStmt' || node === 'AlterObjectSchemaStmt' || node === 'ViewStmt'
  );
}

/** Statements that change nothing but what they name. */
const NAMES_ALL: ReadonlySet<string> = new Set(
  (
    'AlterTableStmt CreateStmt IndexStmt RenameStmt DropStmt ViewStmt CommentStmt GrantStmt CreateSeqStmt AlterSeqStmt CreateEnumStmt ' +
    'AlterEnumStmt InsertStmt UpdateStmt DeleteStmt CreateExtensionStmt CreateFunctionStmt CreateDomainStmt CreateSchemaStmt SelectStmt'
  ).split(' '),
);

/** Whether a query of the catalogue is about tables that it names, and about no others. */
function asksForTables(text: string): boolean {
  return /(?:relname|table_?name)"?(?:::\w+)?\s*(?:=|IN\b)\s*\(?\s*(?:'|\$\d)/i.test(text);
}

/** A text with what is given beside it. */
function withParameters(text: string, parameters: unknown): string {
  const asText = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);
  return `${text} ${JSON.stringify(parameters ?? '', asText)}`;
}
