import { Query, type QueryResult, type Submittable } from 'pg';
import { rememberFields } from './result-fields';
import { rememberRowsBefore } from './rows-before-error';
import { CommitOutcomeUnknownError, TransactionRolledBackError } from './transaction-errors';
import {
  mayHoldSeveralStatements,
  onlyReads,
  transactionVerb,
  type TransactionVerb,
} from './transaction-text';

/** What a client remembers of the transaction that its statements stand in. */
export interface TransactionState {
  /** The transaction status of the last ReadyForQuery: idle, in a transaction, in a failed one. */
  status: 'I' | 'T' | 'E';
  /** The text of a BEGIN that has been answered and not been sent: it travels with the next statement. */
  deferredBegin: string | undefined;
  /** Why a deferred BEGIN failed: until the transaction is ended, its statements must not run outside one. */
  beginFailure: unknown;
}

type Callback = (error: Error | null | undefined, result?: QueryResult | QueryResult[]) => void;

/** The parts of node-postgres' connection that a query writes to. */
interface WireConnection {
  readonly stream: {
    readonly destroyed: boolean;
    cork?(): void;
    uncork?(): void;
    destroy(error?: Error): void;
  };
  readonly parsedStatements: Record<string, string>;
  readonly submittedNamedStatements?: Record<string, string>;
  parse(statement: { text: string; name: string; types: unknown[] }): void;
  bind(portal: { portal: string; statement: string; values: unknown[]; binary: boolean }): void;
  execute(portal: { portal: string; rows: number }): void;
  query(text: string): void;
  emit(event: 'commandComplete' | 'readyForQuery' | 'errorMessage', message: unknown): void;
}

/** The parts of node-postgres' `Query` that its types leave out. */
interface HostQuery {
  readonly text: string;
  readonly values: readonly unknown[] | undefined;
  readonly name: string | undefined;
  queryMode: string | undefined;
  callback: Callback | undefined;
  /** Of the statement that is being answered. */
  readonly _result: QueryResult<Record<string, unknown>>;
  submit(connection: WireConnection): Error | null;
  handleCommandComplete(message: { text: string }, connection: WireConnection): void;
  handleError(error: Error, connection: WireConnection): void;
  handleReadyForQuery(connection: WireConnection): void;
}

const BaseQuery = Query as unknown as new (config: unknown, values: unknown, callback: unknown) => HostQuery;

/**
 * A query that knows of the transaction around it.
 *
 * BEGIN is answered at once and travels with the next statement under one Sync, so that a refused BEGIN skips the
 * statement, as pgjdbc and Npgsql do it. A COMMIT that was answered with ROLLBACK, or that finds no transaction, is an
 * error. A ROLLBACK that has nothing to roll back is not sent.
 *
 * What is answered here is answered where the server's answers come in, so node-postgres goes on as after a round trip.
 */
export class TransactionQuery extends BaseQuery {
  readonly #state: TransactionState;
  readonly verb: TransactionVerb | undefined;
  /** What is committed, or may be, once this has been sent. */
  #commits: 'COMMIT' | 'statement' | undefined;
  /** BEGIN was written before this statement, and its answer has not come. */
  #leadsWithBegin = false;
  /** An error of this moment is about a value that cannot be sent; the server knows nothing of it. */
  #writing = false;
  #rolledBack = false;

  constructor(state: TransactionState, config: unknown, values: unknown, callback: unknown) {
    super(config, values, callback);
    this.#state = state;
    this.verb = typeof this.text === 'string' ? transactionVerb(this.text) : undefined;
  }

  override submit(connection: WireConnection): Error | null {
    const state = this.#state;
    if (state.beginFailure !== undefined) return this.#afterFailedBegin(connection);
    switch (this.verb) {
      case 'begin':
        if (state.status !== 'I' && state.deferredBegin === undefined) break;
        state.deferredBegin ??= this.text;
        return answerLocally(connection, 'BEGIN', 'T');
      case 'commit':
        if (state.deferredBegin !== undefined) return this.#endUnsent(connection, 'COMMIT');
        if (state.status === 'I') return new TransactionRolledBackError('absent');
        break;
      case 'rollback':
        if (state.deferredBegin !== undefined || state.status === 'I') {
          return this.#endUnsent(connection, 'ROLLBACK');
        }
        break;
      default:
        if (state.deferredBegin !== undefined && this.text !== '') {
          return this.#submitAfterBegin(connection, state.deferredBegin);
        }
    }
    if (this.verb === 'commit') this.#commits = 'COMMIT';
    else if (state.status === 'I' && !onlyReads(this.text)) this.#commits = 'statement';
    return this.#write(() => super.submit(connection));
  }

  override handleCommandComplete(message: { text: string }, connection: WireConnection): void {
    if (this.#leadsWithBegin) {
      this.#leadsWithBegin = false;
      return;
    }
    if (this.verb === 'commit' && message.text === 'ROLLBACK') this.#rolledBack = true;
    super.handleCommandComplete(message, connection);
  }

  override handleError(error: Error, connection: WireConnection): void {
    if (this.#writing) {
      this.#report(error, connection);
      return;
    }
    if (this.#leadsWithBegin) {
      this.#leadsWithBegin = false;
      this.#state.beginFailure = error;
      // node-postgres took the answer to the Parse of BEGIN for that of this statement.
      if (this.name !== undefined) {
        Reflect.deleteProperty(connection.parsedStatements, this.name);
        Reflect.deleteProperty(connection.submittedNamedStatements ?? {}, this.name);
      }
    }
    if (this.#commits === 'statement') rememberRowsBefore(error, this._result.rows);
    this.#report(this.outcomeOf(error), connection);
  }

  /** An error that says nothing about what was sent and may have been committed, said as such. */
  outcomeOf(error: Error): Error {
    return this.#commits === undefined || isDecision(error)
      ? error
      : new CommitOutcomeUnknownError({ cause: error }, this.#commits);
  }

  /** What is reported here is said as it is. */
  #report(error: Error, connection: WireConnection): void {
    this.#commits = undefined;
    super.handleError(error, connection);
  }

  override handleReadyForQuery(connection: WireConnection): void {
    if (this.#rolledBack) this.#report(new TransactionRolledBackError('aborted'), connection);
    else super.handleReadyForQuery(connection);
  }

  #submitAfterBegin(connection: WireConnection, begin: string): Error | null {
    this.#state.deferredBegin = undefined;
    this.#leadsWithBegin = true;
    this.queryMode = 'extended';
    const { stream } = connection;
    stream.cork?.();
    try {
      connection.parse({ text: begin, name: '', types: [] });
      connection.bind({ portal: '', statement: '', values: [], binary: false });
      connection.execute({ portal: '', rows: 0 });
      return this.#write(() => super.submit(connection));
    } finally {
      stream.uncork?.();
    }
  }

  #write(submit: () => Error | null): Error | null {
    this.#writing = true;
    try {
      return submit();
    } finally {
      this.#writing = false;
    }
  }

  #endUnsent(connection: WireConnection, tag: string): null {
    this.#state.deferredBegin = undefined;
    return answerLocally(connection, tag, 'I');
  }

  /** As PostgreSQL answers in a transaction that has failed. */
  #afterFailedBegin(connection: WireConnection): Error | null {
    const cause = this.#state.beginFailure;
    if (this.verb === 'commit' || this.verb === 'rollback') {
      this.#state.beginFailure = undefined;
      return answerLocally(connection, 'ROLLBACK', 'I');
    }
    return Object.assign(
      new Error('current transaction is aborted, commands ignored until end of transaction block', { cause }),
      { code: '25P02', severity: 'ERROR' },
    );
  }
}

/** Sends a deferred BEGIN by itself, before something that it cannot travel with. */
class LoneBeginQuery extends BaseQuery {
  readonly #state: TransactionState;

  constructor(state: TransactionState) {
    super('BEGIN', undefined, () => undefined);
    this.#state = state;
  }

  override submit(connection: WireConnection): Error | null {
    const { deferredBegin, status } = this.#state;
    if (deferredBegin === undefined) return answerLocally(connection, 'BEGIN', status);
    this.#state.deferredBegin = undefined;
    connection.query(deferredBegin);
    return null;
  }

  /** What comes after it would run outside the transaction, so nothing may come after it. */
  override handleError(error: Error, connection: WireConnection): void {
    connection.stream.destroy(error);
    super.handleError(error, connection);
  }
}

type RunQuery = (query: Submittable, values?: unknown, callback?: unknown) => unknown;

/**
 * A client's `query` method, for every form in which node-postgres is called.
 *
 * @param run - the method as node-postgres has it
 */
export function transactionalQuery(state: TransactionState, run: RunQuery) {
  /** A BEGIN was queued, and nothing behind it yet. */
  let beginIsLast = false;

  return (config: unknown, values?: unknown, callback?: unknown): unknown => {
    if (isSubmittable(config)) {
      if (beginIsLast) run(new LoneBeginQuery(state) as unknown as Submittable);
      beginIsLast = false;
      return run(config, values, callback);
    }
    const query = new TransactionQuery(state, config, values, callback);
    if (beginIsLast && mayHoldSeveralStatements(query.text, query.values)) {
      run(new LoneBeginQuery(state) as unknown as Submittable);
    }
    beginIsLast = query.verb === 'begin';
    Object.assign(query, { query_timeout: (config as { query_timeout?: unknown }).query_timeout });
    if (query.callback === undefined) return promised(query, run);
    query.callback = telling(query, query.callback);
    run(query as unknown as Submittable);
    return undefined;
  };
}

function isSubmittable(config: unknown): config is Submittable {
  return typeof (config as { submit?: unknown }).submit === 'function';
}

/** node-postgres reports a `query_timeout` to the callback, past the query. */
function telling(query: TransactionQuery, callback: Callback): Callback {
  return (error, result) => {
    if (!error) rememberFields(result);
    callback(error ? query.outcomeOf(error) : error, result);
  };
}

async function promised(query: TransactionQuery, run: RunQuery): Promise<unknown> {
  try {
    return await new Promise((resolve, reject) => {
      query.callback = telling(query, (error, result) => {
        if (error) reject(error);
        else resolve(result);
      });
      run(query as unknown as Submittable);
    });
  } catch (error) {
    // As node-postgres does: the stack should lead to the caller and not to the socket.
    if (error instanceof Error) Error.captureStackTrace(error);
    throw error;
  }
}

/** Not before node-postgres has noted that the query is under way. */
function answerLocally(connection: WireConnection, tag: string, status: TransactionState['status']): null {
  process.nextTick(() => {
    if (connection.stream.destroyed) return;
    connection.emit('commandComplete', { text: tag });
    connection.emit('readyForQuery', { status });
  });
  return null;
}

/**
 * Whether what failed is known not to have been committed: the server said so itself, went on, and was not `unavailable`
 * (XX000, AWS user guide, troubleshooting, 2026-09-08).
 */
function isDecision(error: Error): boolean {
  const { code, severity } = error as { readonly code?: unknown; readonly severity?: unknown };
  return typeof code === 'string' && severity === 'ERROR' && !/^(?:XX|08|57P|40003)/.test(code);
}
