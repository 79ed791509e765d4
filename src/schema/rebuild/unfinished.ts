import { literal, quotedTable, type DsqlStatement, type DsqlStatementKind } from '../../sql';
import type { ReadTables } from '../catalogue/read-tables';
import { isOneOf } from '../catalogue/read-tables';
import { sequenceName, type RebuiltNames } from './rebuilt-names';

/** With this begins the comment of a table that is being rebuilt. */
const MARK = 'aurora-dsql-orm rebuilds this table: ';

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

/** A statement of a rebuild. */
export function step(sql: string, kind: DsqlStatementKind = 'ddl'): DsqlStatement {
  return { sql, kind, notes: [], start: 0, end: sql.length };
}

/** What drops a table, if it is there. */
export function dropTable(table: { readonly schema: string; readonly name: string }): string {
  return `DROP TABLE IF EXISTS ${quotedTable(table)}`;
}

/** A statement of a rebuild that is run until it touches no row. */
export function repeatedStep(sql: string, name: string): DsqlStatement {
  return { ...step(sql, 'dml'), repeat: { maxRows: 3000, table: { name }, key: ['*'] } };
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
    if (record !== undefined) found.push(await resumed(record, name, readTables));
  }
  return found;
}

function recordIn(comment: string): RebuildRecord | undefined {
  const { change, names, during, after } = JSON.parse(comment.slice(MARK.length)) as {
    readonly change: string;
    readonly names: RebuiltNames;
    readonly during: readonly Kept[];
    readonly after: readonly Kept[];
  };
  const statements = (kept: readonly Kept[]) =>
    kept.map(([kind, sql, isRepeated]) =>
      isRepeated === 1 ? repeatedStep(sql, names.copy) : step(sql, kind),
    );
  return { change, names, during: statements(during), after: statements(after) };
}

async function resumed(
  record: RebuildRecord,
  markedTable: string,
  readTables: ReadTables,
): Promise<UnfinishedRebuild> {
  const { names, during, after } = record;
  const { schema, table, old } = names;
  const named = await readTables(isOneOf([table, old].map((name) => ({ schema, name }))));
  if (markedTable === names.copy) {
    const isPastRename = named.some(({ name }) => name === old);
    return { ...record, isPastRename, left: isPastRename ? [...during, ...after] : [] };
  }
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
