import type { FieldDef, QueryResult } from 'pg';

/*
 * What a DsqlClient knows of an answer, and node-postgres and the ORMs do not hand on. They do hand on the array of rows, or
 * the error, unchanged; both belong to the caller, who must not find anything of ours in them. So WeakMaps are honest here.
 */

type Row = Readonly<Record<string, unknown>>;

const fieldsByRows = new WeakMap<object, readonly FieldDef[]>();
const rowsByError = new WeakMap<object, readonly Row[]>();

/** Remembers what the server has said of the columns of a result. */
export function rememberFields(result: QueryResult | QueryResult[] | undefined): void {
  if (result === undefined) return;
  for (const { rows, fields } of Array.isArray(result) ? result : [result]) {
    if (rows.length > 0) fieldsByRows.set(rows, fields);
  }
}

/**
 * The columns of a result of a {@link DsqlClient}: their names, types and where they come from.
 *
 * @param rows - the very array that the client has given
 * @returns nothing for anything else, and for a result without rows
 */
export function fieldsOf(rows: unknown): readonly FieldDef[] | undefined {
  return typeof rows === 'object' && rows !== null ? fieldsByRows.get(rows) : undefined;
}

/** Remembers what the server had sent of a statement before it reported that the statement has failed. */
export function rememberRowsBefore(error: Error, rows: readonly Row[]): void {
  if (rows.length > 0) rowsByError.set(error, rows);
}

/**
 * The rows of an autocommit write that has failed, as a {@link DsqlClient} received them before the error. They were never
 * in the database, but what a sequence gave for them is given to nobody else.
 *
 * An autocommit statement is committed after its rows were sent (PostgreSQL's protocol, message flow), so a conflict comes
 * behind them. Whether a cluster sends them before it commits is not recorded anywhere.
 *
 * @param error - the very error that the client has reported
 * @returns nothing where no rows came
 */
export function rowsBefore(error: unknown): readonly Row[] | undefined {
  return typeof error === 'object' && error !== null ? rowsByError.get(error) : undefined;
}
