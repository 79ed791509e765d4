import {
  literal,
  quoted,
  quotedTable,
  statementOf,
  type DsqlStatement,
  type DsqlStatementKind,
  type TableName,
} from '../../sql';
import type { ReadTables } from '../catalogue/read-tables';
import { isOneOf } from '../catalogue/read-tables';
import { sequenceName, type RebuiltNames } from './rebuilt-names';

/** With this begins the comment of a table that is being rebuilt. */
const MARK = 'aurora-dsql-orm rebuilds this table: ';

/** The CHECK by which a table is known that a rebuild has made, until its comment says so. */
export const MARK_CONSTRAINT = 'aurora-dsql-orm rebuilds a table';
export const markConstraint = `CONSTRAINT ${quoted(MARK_CONSTRAINT)} CHECK (true)`;

/** What is left to do of a rebuild, as the comment of the new table keeps it. */
export interface RebuildRecord {
  /** The ALTER TABLE that asked for it. */
  readonly change: string;
  readonly names: RebuiltNames;
  /** What is done while the old table has its other name, and the new one its first. */
  readonly during: readonly DsqlStatement[];
  /** What is done when the new table has its name. */
  readonly after: readonly DsqlStatement[];
}

/** A rebuild that was begun. */
export interface UnfinishedRebuild extends RebuildRecord {
  /** Whether writers are kept out, or were. */
  readonly isPastRename: boolean;
  /** What is left to be done; all of it can be done again. */
  readonly left: readonly DsqlStatement[];
}

type Kept = readonly [kind: DsqlStatementKind, sql: string, isRepeated?: 1];

/** The statement that keeps what is to be done of a rebuild with the new table. */
export function keepRecord({ change, names, during, after }: RebuildRecord): string {
  const kept = (statements: readonly DsqlStatement[]) =>
    statements.map(({ kind, sql, repeat }): Kept => (repeat === undefined ? [kind, sql] : [kind, sql, 1]));
  const record = JSON.stringify({ change, names, during: kept(during), after: kept(after) });
  return `COMMENT ON TABLE ${quotedTable({ schema: names.schema, name: names.copy })} IS ${literal(MARK + record)}`;
}

/** What drops a table, if it is there. */
export function dropTable(table: { readonly schema: string; readonly name: string }): string {
  return `DROP TABLE IF EXISTS ${quotedTable(table)}`;
}

/** A statement of a rebuild that is run until it touches no row. */
export function repeatedStep(sql: string, name: string): DsqlStatement {
  return { ...statementOf(sql, 'dml'), repeat: { maxRows: 3000, table: { name }, key: ['*'] } };
}

/** Finds the rebuilds that were begun and not finished. */
export async function unfinishedRebuilds(
  read: (sql: string) => Promise<readonly unknown[]>,
  readTables: ReadTables,
): Promise<readonly UnfinishedRebuild[]> {
  const rows = (await read(
    `SELECT c.relname AS name, d.description AS comment FROM pg_catalog.pg_description d JOIN pg_catalog.pg_class c ON c.oid = d.objoid WHERE d.classoid = 1259 AND d.objsubid = 0 AND c.relkind = 'r' AND d.description LIKE ${literal(`${MARK}%`)} ORDER BY c.relname`,
  )) as readonly { readonly name: string; readonly comment: string }[];
  const found: UnfinishedRebuild[] = [];
  for (const { name, comment } of rows) {
    const record = recordIn(comment);
    if (record !== undefined) found.push(await resumed(record, name, read, readTables));
  }
  return found;
}

/** A record as a comment has it. */
interface KeptRecord extends Pick<RebuildRecord, 'change' | 'names'> {
  readonly during: readonly Kept[];
  readonly after: readonly Kept[];
}

function keptIn(comment: string): KeptRecord | undefined {
  if (!comment.startsWith(MARK)) return undefined;
  try {
    return JSON.parse(comment.slice(MARK.length)) as KeptRecord;
  } catch {
    // Somebody has written it who only quotes the beginning.
    return undefined;
  }
}

/** What a comment keeps of a rebuild; nothing where it is another one. */
export function recordIn(comment: string | null): RebuildRecord | undefined {
  const kept = keptIn(comment ?? '');
  if (kept === undefined) return undefined;
  const { change, names, during, after } = kept;
  const statements = (all: readonly Kept[]) =>
    all.map(([kind, sql, isRepeated]) =>
      isRepeated === 1 ? repeatedStep(sql, names.copy) : statementOf(sql, kind),
    );
  return { change, names, during: statements(during), after: statements(after) };
}

/** Whether a rebuild makes a view that is beside the one whose name it gets in the end. */
export function makesBeside({ during }: RebuildRecord, view: Required<TableName>): boolean {
  return during.some(({ sql }) => sql.startsWith(`ALTER VIEW ${quotedTable(view)} RENAME TO `));
}

async function resumed(
  record: RebuildRecord,
  markedTable: string,
  read: (sql: string) => Promise<readonly unknown[]>,
  readTables: ReadTables,
): Promise<UnfinishedRebuild> {
  const { names, during, after } = record;
  const { schema, table, old } = names;
  if (markedTable === names.copy) {
    const isPastRename = await isRenamed(names, read);
    return { ...record, isPastRename, left: isPastRename ? [...during, ...after] : [] };
  }
  const named = await readTables(isOneOf([table, old].map((name) => ({ schema, name }))));
  const isDropped = after.some(({ sql }) => sql === dropTable({ schema, name: old }));
  const taken = new Set(
    named
      // Its names are free when it is dropped, which comes first.
      .filter(({ name }) => name === table || !isDropped)
      .flatMap(({ constraints, indexes, columns }) => [
        ...[...constraints, ...indexes].map(({ name }) => name),
        ...columns.flatMap(({ sequence }) => (sequence === null ? [] : [sequenceName(sequence)])),
      ]),
  );
  return { ...record, isPastRename: true, left: after.filter(({ sql }) => isPending(sql, taken)) };
}

/** Whether the old table has its other name: somebody else may have made a table of that name beside it. */
async function isRenamed(
  { schema, table, old }: RebuiltNames,
  read: (sql: string) => Promise<readonly unknown[]>,
): Promise<boolean> {
  const tables = (await read(
    `SELECT c.relname AS name FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname = ${literal(schema)} AND c.relname IN (${literal(table)}, ${literal(old)})`,
  )) as readonly { readonly name: string }[];
  return tables.length === 1 && tables[0]?.name === old;
}

const RENAME =
  /^ALTER (?:INDEX .+|SEQUENCE .+|TABLE .+) RENAME (?:CONSTRAINT "((?:[^"]|"")+)" )?TO "((?:[^"]|"")+)"$/;

/** Whether a statement is still to be done: a name that was given already is not given again. */
function isPending(sql: string, taken: Set<string>): boolean {
  const [matched, constraint, written = ''] = RENAME.exec(sql) ?? [];
  if (matched === undefined) return true;
  const [, index = ''] = /^ALTER (?:INDEX|SEQUENCE) (?:"(?:[^"]|"")+"\.)?"((?:[^"]|"")+)"/.exec(sql) ?? [];
  const name = (text: string) => text.replaceAll('""', '"');
  const from = name(constraint ?? index);
  const to = name(written);
  if (!taken.has(from) || taken.has(to)) return false;
  taken.delete(from);
  taken.add(to);
  return true;
}
