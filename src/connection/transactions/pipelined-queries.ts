import {
  isCommitOutcomeUnknownError,
  SkippedStatementError,
  TransactionRolledBackError,
} from './transaction-errors';
import type { Callback } from './host-query';
import { isServerError } from './outcome';
import type { WireConnection } from './outbox';
import type { QueryOwner, TransactionQuery } from './transaction-query';

/**
 * Statements of a transaction that are written together, under one Sync: node-postgres takes them for one query.
 *
 * BEGIN travels with the first of them and COMMIT with the last, if that is the last of the transaction. Behind an error the
 * server skips everything up to the Sync, COMMIT included (PostgreSQL's protocol, pipelining). All of them are answered when
 * the server has said how it leaves the session: those that it has completed with their results, the one that has failed
 * with its error, and those behind it with a {@link SkippedStatementError}. Where an answer is lost, each that it was due
 * to has the outcome of what was sent.
 */
export class PipelinedQueries {
  /** node-postgres sets its type parsers here. */
  readonly _result: { _types?: unknown } = {};
  /** node-postgres sets it, where its client is told to. */
  binary: boolean | undefined;
  /** Called when all of them are answered. Tracers of node-postgres put their own in its place. */
  callback: Callback = () => undefined;
  readonly #owner: QueryOwner;
  readonly #queries: readonly [TransactionQuery, ...TransactionQuery[]];
  /** Which of them is being answered. */
  #current = 0;
  #isSent = false;
  /** The one that cannot be written. */
  #unsendable: TransactionQuery | undefined;

  /** @param queries - in the order in which they are sent */
  constructor(owner: QueryOwner, queries: readonly [TransactionQuery, ...TransactionQuery[]]) {
    this.#owner = owner;
    this.#queries = queries;
  }

  /** node-postgres notes under it that a statement was parsed. */
  get name(): string | undefined {
    return this.#answering.name;
  }

  /** Of the one that is being answered; before they are sent, of all of them, which is what tracers read. */
  get text(): string {
    return this.#isSent ? this.#answering.text : this.#queries.map(({ text }) => text).join(';\n');
  }

  /** Called by node-postgres when the connection is free: writes all of them, or none. */
  submit(connection: WireConnection): Error | null {
    const { hindrance } = this.#queries[0];
    if (hindrance !== undefined) return hindrance;
    const refusal = this.#write(connection);
    if (refusal === undefined) return null;
    for (const query of this.#queries) query.takeBack(connection);
    return refusal;
  }

  handleRowDescription(message: object): void {
    this.#answering.handleRowDescription(message);
  }

  handleDataRow(message: object): void {
    this.#answering.handleDataRow(message);
  }

  handleCommandComplete(message: { text: string }, connection: WireConnection): void {
    this.#answering.handleCommandComplete(message, connection);
    if (this.#answering.isComplete) this.#goOn();
  }

  handleEmptyQuery(connection: WireConnection): void {
    this.#answering.handleEmptyQuery(connection);
    this.#goOn();
  }

  /** A COPY has no place here: node-postgres ends it with an error. */
  handleCopyInResponse(connection: WireConnection): void {
    this.#answering.handleCopyInResponse(connection);
  }

  handleCopyData(): void {
    // As node-postgres' own query.
  }

  handleReadyForQuery(connection: WireConnection): void {
    if (this.#answering.wasRolledBack)
      this.#fail(new TransactionRolledBackError('aborted'), true, connection);
    else {
      for (const query of this.#queries) query.handleReadyForQuery(connection);
      this.#tell(undefined);
    }
  }

  /** Called by node-postgres with what the server has reported, with why this could not be sent, and when the connection ends. */
  handleError(error: Error, connection: WireConnection): void {
    if (!this.#isSent) this.#reportNotSent(error, connection);
    else if (isServerError(error)) this.#hold(error, connection);
    else this.#fail(this.#answering.outcomeOf(error), false, connection);
  }

  get #answering(): TransactionQuery {
    return this.#queries[this.#current] ?? this.#queries[0];
  }

  /** COMMIT is answered in the place of the last one. */
  #goOn(): void {
    if (this.#current < this.#queries.length - 1) this.#current++;
  }

  #write(connection: WireConnection): Error | undefined {
    const { session, outbox } = this.#owner;
    const last = this.#queries.length - 1;
    const commits = this.#queries[last]?.isLast === true ? 'COMMIT' : undefined;
    const isBegun = session.phase === 'begun';
    const placed = this.#queries.map((query, index) => ({
      query,
      place: {
        leadsWithBegin: index === 0 && isBegun,
        trailsCommit: index === last && commits !== undefined,
        isAtSync: index === last,
      },
    }));
    outbox.empty();
    for (const { query, place } of placed) {
      query._result._types ??= this._result._types;
      query.binary ??= this.binary;
      const refusal = query.write(place, connection);
      if (refusal === undefined) continue;
      this.#unsendable = query;
      return refusal;
    }
    if (!connection.stream.writable) return this.#queries[0].notSent();
    for (const { query, place } of placed) query.wasWritten(place, commits);
    this.#isSent = true;
    outbox.send();
    return undefined;
  }

  #reportNotSent(error: Error, connection: WireConnection): void {
    const unsendable = this.#unsendable;
    for (const query of this.#queries) {
      if (unsendable === undefined) query.report(query.hindrance ?? query.notSent(error), connection);
      else
        query.report(query === unsendable ? error : new SkippedStatementError({ cause: error }), connection);
    }
    this.#tell(error);
  }

  /** Keeps an error of the server until it has said how it leaves the session, or the connection has ended. */
  #hold(error: Error, connection: WireConnection): void {
    this.#answering.noteServerError(error, connection);
    const { session } = this.#owner;
    session.whenReady(() => {
      // Where the server says that the transaction is still there, it has not committed it, whatever the error is.
      if (session.phase === 'failed') this.#answering.willNotCommit();
      const outcome = this.#answering.outcomeOf(error);
      this.#fail(outcome, !isCommitOutcomeUnknownError(outcome), connection);
    });
  }

  /**
   * The statement that is being answered has failed, or its answer is not going to come.
   *
   * @param isSkipped - whether the server has said so, and has skipped what comes behind it
   */
  #fail(outcome: Error, isSkipped: boolean, connection: WireConnection): void {
    this.#queries.forEach((query, index) => {
      // What cannot be read of an earlier one must not hide this.
      const isCompleted = index < this.#current && query._canceledDueToError === false;
      const isAffected = index === this.#current || (index > this.#current && !isSkipped);
      if (isCompleted) query.handleReadyForQuery(connection);
      else query.report(isAffected ? outcome : new SkippedStatementError({ cause: outcome }), connection);
    });
    this.#tell(outcome);
  }

  #tell(error: Error | undefined): void {
    const { callback } = this;
    this.callback = () => undefined;
    callback(error, this.#queries.at(-1)?._result);
  }
}
