import { isAfterCommitError, isCommitOutcomeUnknownError } from '../connection';
import { isNotCommitted, isPartlyCommittedError } from './errors';

/** The properties under which node-postgres, TypeORM, Sequelize and plain JavaScript keep the error that they wrap. */
const WRAPPED_IN = ['cause', 'driverError', 'parent', 'original'] as const;

/** Wrappers nest a few deep; a chain longer than this is a loop. */
const MAX_DEPTH = 16;

/**
 * The SQLSTATE that the server reported, however deep a host wrapped it.
 *
 * @returns nothing for an error that did not come from a server, such as a lost connection (`ECONNRESET`)
 */
export function sqlStateOf(error: unknown): string | undefined {
  return serverError(error)?.code;
}

/**
 * Whether the server reported that the transaction lost against another one and left no trace: SQLSTATE 40001, with
 * `(OC000)` for data and `(OC001)` for the schema. The wording is never looked at: it has changed (recorded from a
 * cluster, 2026-09; AWS user guide, concurrency control, 2026-09-15).
 */
export function isOccConflict(error: unknown): boolean {
  // What ended the connection under COMMIT does not say what became of that, whatever its code.
  return sqlStateOf(error) === '40001' && findInChain(error, isCommitOutcomeUnknownError) === undefined;
}

/** Whether the conflict is about the schema, `(OC001)`: a session's catalogue takes a moment to catch up. */
export function isSchemaConflict(error: unknown): boolean {
  const found = serverError(error);
  return found?.code === '40001' && found.message.includes('(OC001)');
}

/**
 * Looks through an error and everything that it wraps, outermost first. What failed after a commit is not looked into, nor
 * what was reported of an attempt whose outcome is known otherwise.
 *
 * @returns the first that `matches`
 */
export function findInChain<E extends object>(
  error: unknown,
  matches: (inner: unknown) => inner is E,
): E | undefined;
export function findInChain(error: unknown, matches: (inner: object) => boolean): object | undefined;
export function findInChain(error: unknown, matches: (inner: object) => boolean): object | undefined {
  let current: unknown = error;
  for (let depth = 0; depth < MAX_DEPTH && typeof current === 'object' && current !== null; depth++) {
    if (matches(current)) return current;
    // What failed then was not the transaction, or did not end it.
    if (isAfterCommitError(current) || isNotCommitted(current)) return undefined;
    if (isPartlyCommittedError(current)) return undefined;
    current = wrappedIn(current) ?? firstOf(current);
  }
  return undefined;
}

/** Own properties alone: what stands on a class may be there to say that nobody should use it any more. */
function wrappedIn(error: object): unknown {
  const name = WRAPPED_IN.find(
    (property) => Object.hasOwn(error, property) && Reflect.get(error, property) !== undefined,
  );
  return name === undefined ? undefined : Reflect.get(error, name);
}

/** An `AggregateError` keeps what it wraps in a list. */
function firstOf(error: object): unknown {
  const { errors } = error as { readonly errors?: unknown };
  return Array.isArray(errors) ? (errors as unknown[])[0] : undefined;
}

interface ServerError {
  readonly code: string;
  readonly message: string;
}

function serverError(error: unknown): ServerError | undefined {
  return findInChain(error, isServerError) as ServerError | undefined;
}

/** The severity tells a server's report from Node.js' own codes, some of which are five capital letters too (EPIPE). */
function isServerError(error: object): boolean {
  const { code, severity, message } = error as Partial<Record<keyof ServerError | 'severity', unknown>>;
  return typeof code === 'string' && typeof severity === 'string' && typeof message === 'string';
}
