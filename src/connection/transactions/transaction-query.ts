import timers from 'node:timers';
import { Query, type QueryResult, type Submittable } from 'pg';
import { summarizeText, type TextSummary } from '../../sql';
import { answer, transactionIsAborted } from './local-answers';
import { areOfLastStatement } from './last-statement';
import { Outbox, writeStatement, type WireConnection } from './outbox';
import { isServerError, outcomeOf, unreadable, type Commits } from './outcome';
import { DsqlError } from '../errors';
import { rememberFields, rememberRowsBefore } from './answer-facts';
import type { ReportedStatus, Session } from './session';
import { isSubmittable, watch } from './submittables';
import {
  MessageTooLargeError,
  NotSentError,
  TooManyParametersError,
  TransactionRolledBackError,
} from './transaction-errors';

type Callback = (error: Error | null | undefined, result?: QueryResult | QueryResult[]) => void;

/** The parts of node-postgres' `Query` that its types leave out. */
interface HostQuery {
  readonly text: string;
  readonly values: readonly unknown[] | undefined;
  readonly name: string | undefined;
  readonly rows: number | undefined;
  queryMode: string | undefined;
  callback: Callback | undefined;
  /** Of the statement that is being answered. */
  readonly _result: QueryResult<Record<string, unknown>>;
  /** What the client failed with when it read a row. */
  _canceledDueToError: Error | false;
  submit(connection: WireConnection): Error | null;
  handleCommandComplete(message: { text: string }, connection: WireConnection): void;
  handleError(error: Error, connection: WireConnection): void;
  handleReadyForQuery(connection: WireConnection): void;
}

const BaseQuery = Query as unknown as new (config: unknown, values: unknown, callback: unknown) => HostQuery;

/** The longest message that Aurora DSQL reads; it ends the connection of a longer one without a word (AWS, 2026-10-01). */
const MAX_MESSAGE_BYTES = 10 * 1024 * 1024;
/** The most parameters that the protocol can count. */
const MAX_PARAMETERS = 65_535;

/** A transaction that begins so is as any other, and as a statement outside one. */
const PLAIN_BEGIN = /^\s*(?:BEGIN|START)(?:\s+(?:WORK|TRANSACTION))?\s*;?\s*$/i;

/** As they were when this was loaded: the fake clock of an application's test neither strikes a query nor spares it. */
const { setTimeout, clearTimeout } = timers;

/**
 * A query that knows of the transaction around it.
 *
 * BEGIN is answered at once and travels with the next statement under one Sync, so that a refused BEGIN skips the
 * statement, as pgjdbc and Npgsql do it; so does COMMIT with a last statement, which skips it when it fails. All messages of
 * a query are written together, or none. An error of the server is reported when the server has said how it leaves the
 * session.
 */
export class TransactionQuery extends BaseQuery {
  readonly #session: Session;
  /** What is committed, or may be, by what was written. */
  #commits: Commits;
  #progress: 'queued' | 'writing' | 'sent' | 'reported' = 'queued';
  /** Why it cannot be written. */
  #unsendable: Error | undefined;
  /** BEGIN was written before this statement, and its answer has not come. */
  #leadsWithBegin = false;
  /** COMMIT was written behind this statement. */
  #trailsCommit = false;
  /** It has a name that the server does not know yet. */
  #parsesName = false;
  #isSynced: boolean;
  /** How many statements of its text the server has completed. */
  #completed = 0;
  #wasRolledBack = false;
  #summaryOfText: TextSummary | undefined;
  readonly #wire: WireConnection;
  readonly #outbox: Outbox;

  constructor(
    { session, wire }: Pick<QueryOwner, 'session' | 'wire'>,
    outbox: Outbox,
    config: unknown,
    values: unknown,
    callback: unknown,
  ) {
    super(config, values, callback);
    this.#session = session;
    this.#wire = wire;
    this.#outbox = outbox;
    this.#isSynced = this.rows === undefined;
  }

  /** What its text does. */
  get summary(): TextSummary {
    if (this.#summaryOfText !== undefined) return this.#summaryOfText;
    const summary = summarizeText(this.#fullText ?? '');
    // What a name alone stands for may be told later.
    if (typeof this.text === 'string') this.#summaryOfText = summary;
    return summary;
  }

  /** Whether it is the last of its transaction. */
  get isLast(): boolean {
    return areOfLastStatement(this.values);
  }

  /** A statement that was sent before can be named without its text. */
  get #fullText(): string | undefined {
    return typeof this.text === 'string' ? this.text : textOfName(this.#wire, this.name);
  }

  override submit(connection: WireConnection): Error | null {
    if (this.#progress === 'reported')
      return this.#refuse(new Error('The statement timed out before it was sent.'));
    const session = this.#session;
    const { verb, statements, commits } = this.summary;
    switch (session.phase) {
      case 'broken':
        return this.#refuse(this.#notSent());
      case 'refused':
        return this.#afterRefusedBegin(connection);
      case 'idle':
        if (verb === 'begin') return this.#begin(connection);
        if (verb === 'commit' || this.isLast || (statements > 1 && commits[0] === true)) {
          return this.#refuse(session.lostCommit ?? new TransactionRolledBackError('absent'));
        }
        // There is nothing to roll back: the server has said so.
        if (verb === 'rollback') return this.#answer(connection, 'ROLLBACK', 'I');
        break;
      case 'begun':
        if (verb === 'begin') return this.#begin(connection);
        if (verb !== undefined) return this.#endUnsent(connection, verb === 'commit' ? 'COMMIT' : 'ROLLBACK');
    }
    return this.#send(connection);
  }

  override handleCommandComplete(message: { text: string }, connection: WireConnection): void {
    if (this.#leadsWithBegin) {
      this.#session.beginWasAccepted();
      this.#forgetBegin(connection);
      return;
    }
    const isOfCommit = this.#trailsCommit && this.#completed === 1;
    const commits = isOfCommit || this.summary.commits[this.#completed] === true;
    this.#completed++;
    if (commits && message.text === 'ROLLBACK') this.#wasRolledBack = true;
    if (isOfCommit) return;
    super.handleCommandComplete(message, connection);
    this.#isSynced = true;
  }

  /** Called by node-postgres with what the server has reported, with why this could not be sent, and when the connection ends. */
  override handleError(error: Error, connection: WireConnection): void {
    switch (this.#progress) {
      case 'writing':
        this.#unsendable = error;
        return;
      case 'queued':
        this.#report(error === this.#unsendable ? error : this.#notSent(error), connection);
        return;
      case 'sent':
        if (isServerError(error)) this.#hold(error, connection);
        else this.#report(this.#outcomeOf(error), connection);
    }
  }

  override handleReadyForQuery(connection: WireConnection): void {
    if (this.#progress === 'reported') return;
    const { _canceledDueToError: rowError } = this;
    if (this.#wasRolledBack) this.#report(new TransactionRolledBackError('aborted'), connection);
    else if (rowError) this.#report(unreadable(rowError, this.#commits), connection);
    else {
      this.#progress = 'reported';
      super.handleReadyForQuery(connection);
    }
  }

  /**
   * The client will not wait any longer. Where it was not sent yet, what comes behind it was meant for another state, and
   * no part of its transaction may be committed without it.
   */
  timeOut(connection: WireConnection): void {
    if (this.#progress === 'reported') return;
    const error = new Error('Query read timeout');
    this.#session.break(error);
    this.#report(this.#outcomeOf(error), connection);
  }

  /** @param error - with what node-postgres has refused it */
  #notSent(error?: Error): Error {
    const { verb } = this.summary;
    const { lostCommit, breakReason } = this.#session;
    const mayCommit = this.summary.mayCommit || this.isLast;
    if (mayCommit && lostCommit !== undefined) return lostCommit;
    const subject = mayCommit ? 'COMMIT' : verb === 'rollback' ? 'ROLLBACK' : 'statement';
    return new NotSentError(subject, { cause: breakReason ?? error });
  }

  #outcomeOf(error: Error): Error {
    const outcome = outcomeOf(error, this.#commits, this.#session.isFirst);
    if (this.#commits === 'COMMIT' && outcome !== error) this.#session.commitWasLost(outcome);
    return outcome;
  }

  #begin(connection: WireConnection): null {
    this.#session.begin(this.#fullText ?? '');
    return this.#answer(connection, 'BEGIN', 'T');
  }

  #endUnsent(connection: WireConnection, tag: 'COMMIT' | 'ROLLBACK'): null {
    this.#session.end();
    return this.#answer(connection, tag, 'I');
  }

  /** As PostgreSQL answers in a transaction that has failed; the server has none. */
  #afterRefusedBegin(connection: WireConnection): Error | null {
    const { verb } = this.summary;
    if (verb === 'commit' || verb === 'rollback') {
      return this.#endUnsent(connection, 'ROLLBACK');
    }
    return this.#refuse(transactionIsAborted(this.#session));
  }

  #answer(connection: WireConnection, tag: string, status: ReportedStatus): null {
    this.#progress = 'sent';
    return answer(connection, tag, status);
  }

  #refuse(error: Error): Error {
    this.#unsendable = error;
    return error;
  }

  #send(connection: WireConnection): Error | null {
    const session = this.#session;
    const { mayCommit, onlyReads } = this.summary;
    const { isLast } = this;
    // node-postgres would send an empty text, and the server would do nothing.
    if (this.#fullText === undefined && this.name !== undefined) return this.#refuse(unknownName(this.name));
    const parameters = this.values?.length ?? 0;
    if (parameters > MAX_PARAMETERS) {
      return this.#refuse(new TooManyParametersError(parameters, MAX_PARAMETERS));
    }
    const isBegun = session.phase === 'begun';
    const isWhole = isLast && isBegun && PLAIN_BEGIN.test(session.unsentBegin);
    const leadsWithBegin = isBegun && !isWhole;
    const trailsCommit = isLast && !isWhole;
    const outbox = this.#outbox;
    const isKnown = this.#isNameKnown(connection);
    const refusal = this.#write(leadsWithBegin, trailsCommit) ?? tooLarge(outbox);
    if (refusal !== undefined || !connection.stream.writable) {
      if (!isKnown) this.#forgetName(connection);
      return this.#refuse(refusal ?? this.#notSent());
    }
    this.#parsesName = !isKnown;
    this.#leadsWithBegin = leadsWithBegin;
    this.#trailsCommit = trailsCommit;
    if (isWhole) session.end();
    if (mayCommit || trailsCommit) this.#commits = 'COMMIT';
    else if (session.phase === 'idle' && !onlyReads) this.#commits = 'statement';
    this.#progress = 'sent';
    if (leadsWithBegin) session.beginWasSent();
    outbox.send();
    return null;
  }

  #write(leadsWithBegin: boolean, trailsCommit: boolean): Error | undefined {
    const { connection } = this.#outbox;
    this.#outbox.empty(trailsCommit ? 'COMMIT' : undefined);
    this.#progress = 'writing';
    try {
      if (leadsWithBegin || trailsCommit) this.queryMode = 'extended';
      if (leadsWithBegin) writeStatement(connection, this.#session.unsentBegin);
      return super.submit(connection) ?? this.#unsendable;
    } finally {
      this.#progress = 'queued';
    }
  }

  /** Keeps an error of the server until it has said how it leaves the session, or the connection has ended. */
  #hold(error: Error, connection: WireConnection): void {
    if (this.#leadsWithBegin) {
      this.#session.beginWasRefused(error);
      this.#forgetBegin(connection);
    }
    if (this.#commits === 'statement' || this.#trailsCommit) rememberRowsBefore(error, this._result.rows);
    // What is read page by page has sent no Sync yet, and without one the server does not go on.
    if (!this.#isSynced) connection.sync();
    this.#isSynced = true;
    this.#session.whenReady(() => {
      this.#report(this.#outcomeOf(error), connection);
    });
  }

  #report(error: Error, connection: WireConnection): void {
    if (this.#progress === 'reported') return;
    this.#progress = 'reported';
    // It would hide the error.
    this._canceledDueToError = false;
    super.handleError(error, connection);
  }

  /** node-postgres takes the answer to the Parse of BEGIN for that of this statement, and its name for parsed. */
  #forgetBegin(connection: WireConnection): void {
    this.#leadsWithBegin = false;
    if (this.#parsesName) this.#forgetName(connection);
  }

  #isNameKnown(connection: WireConnection): boolean {
    return textOfName(connection, this.name) !== undefined;
  }

  #forgetName({ parsedStatements, submittedNamedStatements = {} }: WireConnection): void {
    if (this.name === undefined) return;
    Reflect.deleteProperty(parsedStatements, this.name);
    Reflect.deleteProperty(submittedNamedStatements, this.name);
  }
}

/** The text of a statement that the server knows by its name, or is about to. */
function textOfName(
  { parsedStatements, submittedNamedStatements = {} }: WireConnection,
  name: string | undefined,
): string | undefined {
  const known = [parsedStatements, submittedNamedStatements].find((texts) =>
    Object.hasOwn(texts, name ?? ''),
  );
  return known?.[name ?? ''];
}

function unknownName(name: string): DsqlError {
  return new DsqlError(
    `The statement was not sent, because no statement named "${name}" was sent on this connection before. Pass its text along with its name.`,
  );
}

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

/** What a {@link transactionalQuery} belongs to. */
interface QueryOwner {
  readonly session: Session;
  readonly wire: WireConnection;
  /** How long a query may take that does not say so itself, in milliseconds. */
  readonly queryTimeoutMs: number | undefined;
}

/**
 * A client's `query` method, for every form in which node-postgres is called.
 *
 * @param run - the method as node-postgres has it
 */
export function transactionalQuery(owner: QueryOwner, run: RunQuery) {
  const { session, wire, queryTimeoutMs } = owner;
  const outbox = new Outbox(wire);
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
    const query = new TransactionQuery(owner, outbox, config, values, callback);
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
      run(query as unknown as Submittable);
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

function tooLarge({ longestMessageBytes }: Outbox): Error | undefined {
  return longestMessageBytes > MAX_MESSAGE_BYTES
    ? new MessageTooLargeError(longestMessageBytes, MAX_MESSAGE_BYTES)
    : undefined;
}
