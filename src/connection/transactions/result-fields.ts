import type { FieldDef, QueryResult } from 'pg';

/** By the array of its rows, because that is all that some hosts give on. */
const fieldsOfRows = new WeakMap<object, readonly FieldDef[]>();

/** Remembers what the server has said of the columns of a result. */
export function rememberFields(result: QueryResult | QueryResult[] | undefined): void {
  for (const each of [result ?? []].flat()) {
    if (each.rows.length > 0) fieldsOfRows.set(each.rows, each.fields);
  }
}

/**
 * The columns of a result of a {@link DsqlClient}: their names, types and where they come from.
 *
 * @param rows - the very array that the client has given
 * @returns nothing for anything else, and for a result without rows
 */
export function fieldsOf(rows: unknown): readonly FieldDef[] | undefined {
  return typeof rows === 'object' && rows !== null ? fieldsOfRows.get(rows) : undefined;
}
