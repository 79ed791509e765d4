import { refusalIn } from '../refused-connection';
import { AfterCommitError, CommitOutcomeUnknownError } from './transaction-errors';

/** What is committed, or may be, once a query has been sent: the transaction, or the statement itself. */
export type Commits = 'COMMIT' | 'statement' | undefined;

/** An error that the server has reported: it has a severity, and what Node.js calls a code has none. */
export interface ServerError extends Error {
  readonly code: string;
  readonly severity: string;
}

/** Whether the server has reported `error`. */
export function isServerError(error: unknown): error is ServerError {
  const { code, severity } = (error ?? {}) as { readonly code?: unknown; readonly severity?: unknown };
  return typeof code === 'string' && typeof severity === 'string';
}

/** The server could not read the message, so it did nothing (PostgreSQL's protocol; AWS user guide, quotas, 2026-09-15). */
const PROTOCOL_VIOLATION = '08P01';

/**
 * What became of a query that has failed after it was sent.
 *
 * @param commits - what it would have committed
 * @param error - what the server has reported, or what the client has met
 * @returns the error to report
 */
export function outcomeOf(error: Error, commits: Commits): Error {
  if (isServerError(error) && error.code === PROTOCOL_VIOLATION) return sayNothingWasDone(error);
  if (commits === undefined || isDecision(error) || refusalIn(error) !== undefined) return error;
  return new CommitOutcomeUnknownError({ cause: error }, commits);
}

/** What node-postgres says of a query that it has not sent, because its connection had ended. */
const NOT_SENT = 'is not queryable';

/** The same for a COMMIT that went through a client of node-postgres' own, which cannot tell what it has sent. */
export function outcomeOfPlainCommit(error: Error): Error {
  return outcomeOf(error, error.message.endsWith(NOT_SENT) ? undefined : 'COMMIT');
}

/** What is reported of a query that the server has carried out, where the client cannot read its rows. */
export function unreadable(error: Error, commits: Commits): Error {
  return commits === undefined ? error : new AfterCommitError({ cause: error });
}

/**
 * Whether the server itself has said that nothing was committed, and went on. `XX000` is `server unavailable`, after which
 * nobody knows (AWS user guide, troubleshooting, 2026-09-08).
 */
function isDecision(error: Error): boolean {
  return isServerError(error) && error.severity === 'ERROR' && !/^(?:XX|08|57P|40003)/.test(error.code);
}

function sayNothingWasDone(error: ServerError): Error {
  const said = 'The server could not read the message and did nothing.';
  return error.message.includes(said)
    ? error
    : Object.assign(error, { message: `${error.message}. ${said}` });
}
