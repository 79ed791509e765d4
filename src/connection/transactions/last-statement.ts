/** Honest here: hosts hand on the very array of the parameters, and nothing else that could say so. */
const ofLastStatements = new WeakSet<object>();

/**
 * The parameters of the last statement of a transaction: COMMIT travels with the statement that a {@link DsqlClient} is
 * given them for, under one Sync, so that an error in the statement skips it. A transaction of which the server knows
 * nothing yet is that statement alone, which commits itself.
 *
 * When the statement succeeds, the transaction is committed; COMMIT must not be sent again. It fails as COMMIT does, too.
 *
 * @param parameters - left untouched
 * @returns a copy
 */
export function ofLastStatement(parameters: readonly unknown[] = []): unknown[] {
  const own = [...parameters];
  ofLastStatements.add(own);
  return own;
}

/** Whether COMMIT travels with the statement of these parameters. */
export function areOfLastStatement(parameters: unknown): boolean {
  return typeof parameters === 'object' && parameters !== null && ofLastStatements.has(parameters);
}
