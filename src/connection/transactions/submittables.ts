import type { Submittable } from 'pg';
import { summarizeText } from '../../sql';
import { Description } from '../description';
import { DsqlError } from '../errors';
import { sayReady, transactionIsAborted } from './local-answers';
import type { WireConnection } from './outbox';
import { isServerError, outcomeOf, type Commits } from './outcome';
import type { Session } from './session';
import { NotSentError } from './transaction-errors';

/** Whether node-postgres takes it for a query that sends itself, such as a cursor. */
export function isSubmittable(config: unknown): config is Submittable {
  return typeof (config as Partial<Submittable> | undefined)?.submit === 'function';
}

/** The parts of a cursor, a stream or a COPY that are looked at here. */
interface WatchedQuery {
  readonly text?: unknown;
  /** Of a stream. */
  readonly cursor?: { readonly text?: unknown };
  submit(connection: WireConnection): unknown;
  handleCommandComplete?(...message: unknown[]): void;
  handleReadyForQuery(...message: unknown[]): void;
  handleError(error: Error, connection: WireConnection): void;
  /** Of a stream. */
  destroy?(error: Error): void;
  /** Of a cursor that is being read. */
  _cb?: ((error: Error) => void) | null;
}

/**
 * Sees to it that a query that sends itself reports an unknown outcome, too, and that it ends: pg-cursor takes no notice of
 * an error behind the last row, where an autocommit statement is committed, and closes at ReadyForQuery alone, which a
 * lost connection never brings.
 *
 * @returns the same object: its owner listens to it
 */
export function watch(session: Session, query: Submittable): Submittable {
  const watched = query as unknown as WatchedQuery;
  const text = watched.text ?? watched.cursor?.text;
  const { mayCommit, onlyReads, controlsTransaction } = summarizeText(typeof text === 'string' ? text : '');
  const submit = watched.submit.bind(watched);
  const handleError = watched.handleError.bind(watched);
  const handleCommandComplete = watched.handleCommandComplete?.bind(watched);
  const handleReadyForQuery = watched.handleReadyForQuery.bind(watched);
  let commits: Commits;
  let isSent = false;
  let isComplete = false;
  let isDone = false;
  watched.submit = (connection) => {
    const refusal = controlsTransaction ? controlInObject() : refusalOf(session);
    if (refusal !== undefined) {
      isDone = true;
      return refusal;
    }
    const mayWrite = !onlyReads && !(query instanceof Description);
    if (session.phase === 'idle' && mayWrite) commits = mayCommit ? 'COMMIT' : 'statement';
    isSent = true;
    return submit(connection);
  };
  watched.handleCommandComplete = (...message) => {
    isComplete = true;
    handleCommandComplete?.(...message);
  };
  watched.handleReadyForQuery = (...message) => {
    isDone = true;
    handleReadyForQuery(...message);
  };
  watched.handleError = (error, connection) => {
    const outcome = outcomeOf(error, commits, session.isFirst);
    // A time-out of its own, after which node-postgres would go on using the connection.
    if (!isDone && !isServerError(error)) session.break(error);
    handleError(outcome, connection);
    if (isComplete) failAfterLastRow(watched, outcome);
    if (!isSent) return;
    session.whenReady(() => {
      if (session.phase === 'broken') sayReady(connection, 'I');
    });
  };
  return query;
}

/** Why nothing can be sent at present. */
function refusalOf(session: Session): Error | undefined {
  if (session.phase === 'broken') return new NotSentError('statement', { cause: session.breakReason });
  return session.phase === 'refused' ? transactionIsAborted(session) : undefined;
}

function controlInObject(): DsqlError {
  return new DsqlError('Transaction control was not sent: pass its text to query(), not a query object.');
}

function failAfterLastRow(query: WatchedQuery, error: Error): void {
  if (query.destroy !== undefined) {
    query.destroy(error);
    return;
  }
  const { _cb: report } = query;
  query._cb = null;
  report?.(error);
}
