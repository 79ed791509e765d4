import { quotedTable, type TableName } from '../../sql';

/** Runs a query past the project's log. */
export type Query = (sql: string) => Promise<readonly Record<string, unknown>[]>;

/** How many rows a table has, as far as it was looked at. */
export interface RowEstimate {
  readonly rows: number;
  /** Whether there may be more: they were counted up to here. */
  readonly isLeast: boolean;
}

/**
 * How far rows are counted where nothing is known of them. Counting a large table to its end may take longer than the five
 * minutes of a transaction (AWS user guide, system tables, 2026-09).
 */
const COUNTED = 10_000;

/**
 * Says how many rows tables have: what the catalogue has estimated, and otherwise by counting some.
 *
 * @returns by the name that each table was asked by; nothing of those that are not there yet
 */
export async function estimateRows(
  tables: readonly TableName[],
  query: Query,
): Promise<ReadonlyMap<string, RowEstimate>> {
  const estimates = new Map<string, RowEstimate>();
  if (tables.length === 0) return estimates;
  const known = await query(
    `SELECT n.nspname AS schema, c.relname AS name, c.reltuples::float8 AS rows FROM pg_catalog.pg_class c
       JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind = 'r' AND n.nspname !~ '^(pg_|sys$|information_schema$)'
       ORDER BY n.nspname = current_schema() DESC`,
  );
  for (const table of tables) {
    const key = quotedTable(table);
    if (estimates.has(key)) continue;
    const isIt = (row: Record<string, unknown>) =>
      row.name === table.name && (table.schema === undefined || row.schema === table.schema);
    const found = known.find(isIt);
    if (found === undefined) continue;
    const rows = Number(found.rows);
    estimates.set(key, rows > 0 ? { rows, isLeast: false } : await count(key, query));
  }
  return estimates;
}

async function count(table: string, query: Query): Promise<RowEstimate> {
  const [{ rows } = { rows: 0 }] = await query(
    `SELECT count(*)::integer AS rows FROM (SELECT FROM ${table} LIMIT ${COUNTED}) AS counted`,
  );
  return { rows: Number(rows), isLeast: Number(rows) === COUNTED };
}
