/** By the error that node-postgres reports. */
const rowsByError = new WeakMap<object, readonly Readonly<Record<string, unknown>>[]>();

/** Remembers what the server had sent of a statement before it reported that the statement has failed. */
export function rememberRowsBefore(error: Error, rows: readonly Readonly<Record<string, unknown>>[]): void {
  if (rows.length > 0) rowsByError.set(error, rows);
}

/**
 * The rows of a write that stood alone and has failed, as a {@link DsqlClient} received them before the error. They were
 * never in the database, but what a sequence gave for them is given to nobody else.
 *
 * A statement that stands alone is committed after its rows were sent (PostgreSQL's protocol, message flow), so a conflict
 * comes behind them. Whether a cluster sends them before it commits is not recorded anywhere.
 *
 * @param error - the very error that the client has reported
 * @returns nothing where no rows came
 */
export function rowsBefore(error: unknown): readonly Readonly<Record<string, unknown>>[] | undefined {
  return typeof error === 'object' && error !== null ? rowsByError.get(error) : undefined;
}
