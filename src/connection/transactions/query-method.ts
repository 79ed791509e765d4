import timers from 'node:timers';
import type { Submittable } from 'pg';
import { rememberFields } from './answer-facts';
import { BaseQuery, type Callback } from './host-query';
import { answer } from './local-answers';
import { Outbox, type WireConnection } from './outbox';
import { pipelineOf } from './pipeline';
import type { Session } from './session';
import { isSubmittable, watch } from './submittables';
import { TransactionQuery, type QueryOwner } from './transaction-query';

/** As they were when this was loaded: the fake clock of an application's test neither strikes a query nor spares it. */
const { setTimeout, clearTimeout } = timers;

/** Sends BEGIN by itself, before something that it cannot travel with. */
class LoneBeginQuery extends BaseQuery {
  readonly #session: Session;

  constructor(session: Session) {
    super('BEGIN', undefined, () => undefined);
    this.#session = session;
  }

  override submit(connection: WireConnection): Error | null {
    const { phase, isInTransaction } = this.#session;
    if (phase !== 'begun') return answer(connection, 'BEGIN', isInTransaction ? 'T' : 'I');
    this.#session.beginWasSent();
    connection.query(this.#session.unsentBegin);
    return null;
  }

  override handleCommandComplete(message: { text: string }, connection: WireConnection): void {
    this.#session.beginWasAccepted();
    super.handleCommandComplete(message, connection);
  }

  /** What comes behind it would run outside the transaction, so nothing may come behind it. */
  override handleError(error: Error, connection: WireConnection): void {
    this.#session.break(error);
    super.handleError(error, connection);
  }
}

type RunQuery = (query: Submittable, values?: unknown, callback?: unknown) => unknown;

/**
 * A client's `query` method, for every form in which node-postgres is called.
 *
 * @param queryTimeoutMs - how long a query may take that does not say so itself, in milliseconds
 * @param run - the method as node-postgres has it
 */
export function transactionalQuery(
  {
    session,
    wire,
    queryTimeoutMs,
  }: Omit<QueryOwner, 'outbox'> & { readonly queryTimeoutMs?: number | undefined },
  run: RunQuery,
) {
  const owner: QueryOwner = { session, wire, outbox: new Outbox(wire) };
  /** A BEGIN was queued, and nothing behind it that is sure to carry it: node-postgres may refuse a query. */
  let mayBeUnsent = false;

  const sendLoneBegin = () => {
    if (mayBeUnsent) run(new LoneBeginQuery(session) as unknown as Submittable);
    mayBeUnsent = false;
  };

  return (config: unknown, values?: unknown, callback?: unknown): unknown => {
    if (isSubmittable(config)) {
      sendLoneBegin();
      return run(watch(session, config), values, callback);
    }
    const query = new TransactionQuery(owner, config, values, callback);
    const { verb, statements } = query.summary;
    const controlsTransaction = query.summary.controlsTransaction || query.isLast;
    if (statements > 1) sendLoneBegin();
    if (verb !== undefined) mayBeUnsent = verb === 'begin';
    const { query_timeout: timeoutMs = queryTimeoutMs } = (config ?? {}) as {
      readonly query_timeout?: number;
    };
    const start = (done: Callback): void => {
      const timer = timeoutMs
        ? setTimeout(() => {
            query.timeOut(wire);
          }, timeoutMs)
        : undefined;
      const hasAnswer = session.awaitAnswer(controlsTransaction);
      query.callback = (error, result) => {
        clearTimeout(timer);
        hasAnswer();
        if (!error) rememberFields(result);
        done(error, result);
      };
      const pipeline = pipelineOf(query.values);
      if (pipeline === undefined) run(query as unknown as Submittable);
      else pipeline.join(query, owner, run);
    };
    if (query.callback === undefined) return promised(start);
    start(query.callback);
    return undefined;
  };
}

async function promised(start: (done: Callback) => void): Promise<unknown> {
  try {
    return await new Promise((resolve, reject) => {
      start((error, result) => {
        if (error) reject(error);
        else resolve(result);
      });
    });
  } catch (error) {
    // As node-postgres does: the stack should lead to the caller and not to the socket.
    if (error instanceof Error) Error.captureStackTrace(error);
    throw error;
  }
}
