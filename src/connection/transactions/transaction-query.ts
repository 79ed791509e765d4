import { summarizeText, type TextSummary } from '../../sql';
import { DsqlError } from '../errors';
import { rememberRowsBefore } from './answer-facts';
import { BaseQuery } from './host-query';
import { areOfLastStatement } from './last-statement';
import { answer, transactionIsAborted } from './local-answers';
import { writeStatement, type Outbox, type WireConnection } from './outbox';
import { isServerError, outcomeOf, unreadable, type Commits } from './outcome';
import type { ReportedStatus, Session } from './session';
import {
  MessageTooLargeError,
  NotSentError,
  TooManyParametersError,
  TransactionRolledBackError,
} from './transaction-errors';

/** The longest message that Aurora DSQL reads; it ends the connection of a longer one without a word (AWS, 2026-10-01). */
const MAX_MESSAGE_BYTES = 10 * 1024 * 1024;
/** The most parameters that the protocol can count. */
const MAX_PARAMETERS = 65_535;

/** A transaction that begins so is as any other, and as a statement outside one. */
const PLAIN_BEGIN = /^\s*(?:BEGIN|START)(?:\s+(?:WORK|TRANSACTION))?\s*;?\s*$/i;

/** What the queries of a connection belong to. */
export interface QueryOwner {
  readonly session: Session;
  readonly wire: WireConnection;
  /** Collects the messages of each of them in turn. */
  readonly outbox: Outbox;
}

/** What is written around a statement. */
export interface Place {
  readonly leadsWithBegin: boolean;
  readonly trailsCommit: boolean;
  /** Whether it is the last one before the Sync. */
  readonly isAtSync: boolean;
}

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

  constructor({ session, wire, outbox }: QueryOwner, config: unknown, values: unknown, callback: unknown) {
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

  /** Whether the server has completed it. */
  get isComplete(): boolean {
    return this.#completed > 0;
  }

  /** COMMIT was answered with ROLLBACK. */
  get wasRolledBack(): boolean {
    return this.#wasRolledBack;
  }

  /** Why it cannot be sent now as a statement of a transaction. */
  get hindrance(): Error | undefined {
    const session = this.#session;
    if (session.phase === 'broken') return this.notSent();
    if (session.phase === 'refused') return transactionIsAborted(session);
    if (session.phase !== 'idle') return undefined;
    if (this.isLast) return session.lostCommit ?? new TransactionRolledBackError('absent');
    return new DsqlError('The statement was not sent, because its transaction had ended.');
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
        return this.#refuse(this.notSent());
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
        this.report(error === this.#unsendable ? error : this.notSent(error), connection);
        return;
      case 'sent':
        if (isServerError(error)) this.#hold(error, connection);
        else this.report(this.outcomeOf(error), connection);
    }
  }

  override handleReadyForQuery(connection: WireConnection): void {
    if (this.#progress === 'reported') return;
    const { _canceledDueToError: rowError } = this;
    if (this.#wasRolledBack) this.report(new TransactionRolledBackError('aborted'), connection);
    else if (rowError) this.report(unreadable(rowError, this.#commits), connection);
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
    this.giveUp(new Error('Query read timeout'), connection);
  }

  /** The same for another reason of the client's. */
  giveUp(error: Error, connection: WireConnection): void {
    if (this.#progress === 'reported') return;
    this.#session.break(error);
    this.report(this.outcomeOf(error), connection);
  }

  /**
   * What is reported of it when it was not sent.
   *
   * @param error - with what node-postgres has refused it
   */
  notSent(error?: Error): Error {
    const { verb } = this.summary;
    const { lostCommit, breakReason } = this.#session;
    const mayCommit = this.summary.mayCommit || this.isLast;
    if (mayCommit && lostCommit !== undefined) return lostCommit;
    const subject = mayCommit ? 'COMMIT' : verb === 'rollback' ? 'ROLLBACK' : 'statement';
    return new NotSentError(subject, { cause: breakReason ?? error });
  }

  /** What became of it when it has failed after it was sent. */
  outcomeOf(error: Error): Error {
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
    const { isLast } = this;
    const isBegun = session.phase === 'begun';
    const isWhole = isLast && isBegun && PLAIN_BEGIN.test(session.unsentBegin);
    const place = { leadsWithBegin: isBegun && !isWhole, trailsCommit: isLast && !isWhole, isAtSync: true };
    this.#outbox.empty();
    const refusal =
      this.write(place, connection) ?? (connection.stream.writable ? undefined : this.notSent());
    if (refusal !== undefined) {
      this.takeBack(connection);
      return this.#refuse(refusal);
    }
    if (isWhole) session.end();
    const { mayCommit, onlyReads } = this.summary;
    const commitsItself = session.phase === 'idle' && !onlyReads;
    this.wasWritten(
      place,
      mayCommit || place.trailsCommit ? 'COMMIT' : commitsItself ? 'statement' : undefined,
    );
    this.#outbox.send();
    return null;
  }

  /**
   * Adds its messages to those that are to be sent.
   *
   * @returns why they cannot be sent
   */
  write({ leadsWithBegin, trailsCommit, isAtSync }: Place, connection: WireConnection): Error | undefined {
    // node-postgres would send an empty text, and the server would do nothing.
    if (this.#fullText === undefined && this.name !== undefined) return unknownName(this.name);
    const parameters = this.values?.length ?? 0;
    if (parameters > MAX_PARAMETERS) return new TooManyParametersError(parameters, MAX_PARAMETERS);
    const outbox = this.#outbox;
    outbox.prepareSync(trailsCommit ? 'behind COMMIT' : isAtSync ? 'written' : 'left out');
    this.#parsesName = !this.#isNameKnown(connection);
    this.#progress = 'writing';
    try {
      if (leadsWithBegin || trailsCommit || !isAtSync) this.queryMode = 'extended';
      if (leadsWithBegin) writeStatement(outbox.connection, this.#session.unsentBegin);
      return super.submit(outbox.connection) ?? this.#unsendable ?? tooLarge(outbox);
    } finally {
      this.#progress = 'queued';
    }
  }

  /** Its messages are not going to be sent. */
  takeBack(connection: WireConnection): void {
    if (this.#parsesName) this.#forgetName(connection);
    this.#parsesName = false;
  }

  /**
   * Its messages are being sent.
   *
   * @param commits - what is committed by them, or by those that are sent with them
   */
  wasWritten({ leadsWithBegin, trailsCommit }: Place, commits: Commits): void {
    this.#leadsWithBegin = leadsWithBegin;
    this.#trailsCommit = trailsCommit;
    this.#commits = commits;
    this.#progress = 'sent';
    if (leadsWithBegin) this.#session.beginWasSent();
  }

  /** What was sent with it has committed nothing. */
  willNotCommit(): void {
    this.#commits = undefined;
  }

  /** The server has reported an error of it. */
  noteServerError(error: Error, connection: WireConnection): void {
    if (this.#leadsWithBegin) {
      this.#session.beginWasRefused(error);
      this.#forgetBegin(connection);
    }
    if (this.#commits === 'statement' || this.#trailsCommit) rememberRowsBefore(error, this._result.rows);
  }

  /** Keeps an error of the server until it has said how it leaves the session, or the connection has ended. */
  #hold(error: Error, connection: WireConnection): void {
    this.noteServerError(error, connection);
    // What is read page by page has sent no Sync yet, and without one the server does not go on.
    if (!this.#isSynced) connection.sync();
    this.#isSynced = true;
    this.#session.whenReady(() => {
      this.report(this.outcomeOf(error), connection);
    });
  }

  /** Tells its caller that it has failed, unless it has been told. */
  report(error: Error, connection: WireConnection): void {
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

function tooLarge({ longestMessageBytes }: Outbox): Error | undefined {
  return longestMessageBytes > MAX_MESSAGE_BYTES
    ? new MessageTooLargeError(longestMessageBytes, MAX_MESSAGE_BYTES)
    : undefined;
}
