import { literal, parseQuery } from '../../sql';
import type { Refusal, Statement } from '../../sql';
import type { Ask } from '../limits/catalogue-checks';
import { sleep } from '../real-time';
import { DATA_CONFLICT, SCHEMA_CONFLICT } from '../session/client-error';
import { BackendError } from '../session/backend-link';
import type { BackendLink, Outcome, Step } from '../session/backend-link';
import { textValues } from '../wire/client-messages';
import type { Message } from '../wire/message-buffer';
import { count } from '../wire/server-messages';
import type { Concurrency } from './concurrency';
import type { Member, Waiter } from './member';
import { effectsOf } from './effects';
import type { Effects } from './effects';
import {
  CANCELLED,
  DEADLOCK,
  DOUBTFUL,
  fieldsOf,
  ifNotExists,
  isCatalogueConflict,
  SCHEMA_ERROR,
  TAKEN,
} from './error-fields';
import type { ErrorFields } from './error-fields';
import { rerun } from './logged-statement';
import type { LoggedStatement, OwnWork } from './logged-statement';
import { Judge } from './judge';
import { OpenTransaction } from './open-transaction';
import { PrivateTables } from './private-tables';
import { DIFFERENT, Replay, tellsInsertedRows } from './replay';
import { Savepoint } from './savepoint';
import { relationsChangedBy } from './schema-changes';
import type { ChangedRelation } from './schema-changes';
import { StaleCatalogue } from './stale-catalogue';

/** What a participant must know of its session. */
export interface ParticipantSession {
  readonly link: BackendLink;
  /** Whether a portal is open that would end with the transaction's savepoint. */
  readonly hasOpenPortal: () => boolean;
  /** Every portal of the transaction is gone. */
  readonly onPortalsGone: () => void;
}

/** An answer to a statement: messages for the client, or the fields of an error. */
export type StatementAnswer =
  { readonly messages: readonly Message[]; readonly error?: undefined } | { readonly error: ErrorFields };

const MAX_ATTEMPTS = 10;

/** Statements whose effect is no part of the transaction, or that have none. */
const LASTING: ReadonlySet<string> = new Set(['DeallocateStmt', 'DiscardStmt', 'VariableShowStmt']);

/**
 * One session's part in optimistic concurrency control: "displace and replay".
 *
 * Writes are executed for real, in REPEATABLE READ, and hold PostgreSQL's locks. When another session's statement waits
 * for a transaction that is idle, that transaction is displaced: a hidden ROLLBACK TO SAVEPOINT gives up its locks, and
 * keeps its snapshot. It is replayed from its log before its next statement or COMMIT, which may displace others in
 * turn. If PostgreSQL then refuses, or answers differently than the client was told, the transaction has lost.
 *
 * One that has lost goes on: the tables it uses are copied as its snapshot shows them, under their very names, and its
 * log and everything that follows is executed there. So it sees what it wrote, with true row counts, RETURNING, keys
 * and cascades, and learns at COMMIT that it has lost.
 *
 * A change of the schema that was committed since a transaction took its snapshot makes its COMMIT fail with OC001, if it
 * has written anything, and at once a statement that fails because of it. A statement outside of a transaction block
 * takes the schema as it finds it. That an index was built is no such change here, so that tests do not depend on when
 * it happens.
 *
 * Known limits:
 * - A transaction that is displaced is executed again. Values that do not come again (`clock_timestamp()`, `random()`,
 *   `nextval()` elsewhere than in the default of a column) and that RETURNING told the client make it lose, although it
 *   might have won. `gen_random_uuid()` and `now()` do come again, and so do numbers of identity columns and sequences
 *   that RETURNING told; what a client learns of them by other means (`currval`, SELECT) changes.
 * - A transaction is not displaced while its client has a portal half read, or while it is an implicit one that was
 *   flushed but not synchronized: what waits for it gives way after half a second, and has lost.
 * - Tables of more than 64 MB in all are not copied: a transaction that has lost on them is told so by its next
 *   statement.
 * - INSERT of a key that a concurrent transaction has deleted and committed loses at COMMIT; that a cluster answers so
 *   is an assumption.
 */
export class Participant implements Member {
  readonly #concurrency: Concurrency;
  readonly #link: BackendLink;
  readonly #ask: Ask = (sql, parameters) => this.#link.hidden(sql, parameters);
  readonly #session: ParticipantSession;
  #transaction: OpenTransaction | undefined;
  /** We have cancelled the statement that runs, so that it stops waiting; resolves when that cannot hit another. */
  #conceding: Promise<void> | undefined;
  readonly #judge: Judge;
  readonly #replay: Replay;
  readonly #privateTables: PrivateTables;
  #committing: ((committed: boolean) => void) | undefined;
  readonly #stale: StaleCatalogue;
  readonly #savepoint: Savepoint;

  constructor(concurrency: Concurrency, session: ParticipantSession) {
    this.#concurrency = concurrency;
    this.#session = session;
    this.#link = session.link;
    this.#stale = new StaleCatalogue(this.#ask);
    this.#savepoint = new Savepoint(this.#link);
    this.#judge = new Judge(concurrency, this.#link);
    this.#replay = new Replay(concurrency, this.#link, this.#judge);
    this.#privateTables = new PrivateTables({
      link: this.#link,
      replay: this.#replay,
      room: concurrency.privateRoom,
      occupant: this,
      rollBack: () => this.#rollBack(),
    });
    concurrency.join(this);
  }

  get transaction(): OpenTransaction | undefined {
    return this.#transaction;
  }

  /** PostgreSQL's process of this session. */
  get processId(): number {
    return this.#link.processId;
  }

  /** Whether the transaction has lost and goes on where nobody sees it. */
  get isPrivate(): boolean {
    return this.#transaction?.whereabouts === 'private';
  }

  get #isInPlace(): boolean {
    return this.#transaction?.whereabouts === 'in place';
  }

  /** Whether {@link Participant.restore} has anything to do. */
  get isDisplaced(): boolean {
    return this.#transaction?.whereabouts === 'displaced';
  }

  /** Why the transaction cannot answer any statement but its end. */
  get refusal(): Refusal | undefined {
    return this.#transaction?.isLost ? (this.#transaction.verdict ?? DATA_CONFLICT) : undefined;
  }

  // ----- the course of a transaction

  /** What is to be sent right behind a BEGIN that opens a transaction. */
  begins(): Step[] {
    this.#transaction ??= new OpenTransaction();
    const transaction = this.#transaction;
    // What an implicit transaction has written before would be left out.
    if (transaction.hasWritten) return [];
    return this.#savepoint.set(() => {
      transaction.hasSavepoint = true;
    });
  }

  /** A statement is about to be executed: at the latest it takes the transaction's snapshot. */
  takesSnapshot(): void {
    const transaction = (this.#transaction ??= new OpenTransaction());
    if (transaction.seesUpTo !== Number.POSITIVE_INFINITY) return;
    transaction.seesUpTo = this.#concurrency.opened(transaction);
    transaction.catalogueVersion = this.#concurrency.catalogueVersion;
  }

  /**
   * Whether a statement is against a table that another session changed before this transaction began, and after this
   * session has last read the catalogue, which it does now.
   *
   * A cluster was seen to answer so after ALTER TABLE ADD COLUMN, GRANT and REVOKE, to reads as well, and to take the
   * statement the next time (AWS's skill "Troubleshooting in DSQL", observed 2026-10-01). Whether it does where the
   * session has never used the table is not known; here it does.
   */
  async meetsStaleCatalogue(statement: Statement): Promise<boolean> {
    const version = this.#transaction?.catalogueVersion ?? this.#concurrency.catalogueVersion;
    if (!(await this.#stale.isUsedBy([statement], ({ first }) => first <= version))) return false;
    this.#stale.readAnew();
    return true;
  }

  /** The client has executed DEALLOCATE ALL, which reaches our statements too. */
  forgetPrepared(): void {
    this.#savepoint.forgetPrepared();
  }

  /** A statement was executed whose answer need not be verified. */
  executed(statement: LoggedStatement): void {
    if (!LASTING.has(statement.statement.node)) this.#transaction?.log.push(statement);
  }

  /** A portal that had been left half read was executed to its end. */
  resumed({ statement, source }: LoggedStatement): void {
    const { inserts, deletes, sets } = effectsOf(statement);
    // What writes had been executed wholly before; of what only locks, the rest of the rows is to be locked.
    if (inserts || deletes || sets.size > 0) return;
    this.#transaction?.log.push({ statement, source: { ...source, maxRows: 0 } });
  }

  /** Our part of a statement that only DSQL has is done. */
  executedOwn({ statement, source }: Pick<LoggedStatement, 'statement' | 'source'>, own: OwnWork): void {
    const logged = this.#transaction?.log.at(-1);
    if (!own.statement.replaces && logged?.statement === statement) logged.own = own;
    else this.#transaction?.log.push({ statement, source, own });
  }

  /** The transaction is over. */
  ended(committed: boolean): void {
    const transaction = this.#transaction;
    this.#transaction = undefined;
    this.#committing?.(committed);
    this.#committing = undefined;
    if (transaction) this.#concurrency.closed(transaction);
    this.#concurrency.privateRoom.left(this);
  }

  /** The session is over, and whatever it had open with it. */
  leave(): void {
    this.ended(false);
    this.#concurrency.leave(this);
  }

  /**
   * Puts back what was displaced, before anything looks at it: in place if nothing is in the way, else, as this has
   * lost then, in private, unless only COMMIT is to come. Of a table that others have changed meanwhile there can be no
   * copy: what has lost for that is put back in place if it can be.
   */
  async restore(what: 'for a statement' | 'for commit'): Promise<void> {
    const transaction = this.#transaction;
    if (transaction?.whereabouts !== 'displaced') return;
    const { verdict: before } = transaction;
    if (before && what === 'for commit') return;
    if (!transaction.isLost && (!before || before === SCHEMA_CONFLICT)) {
      await this.#putBack(transaction);
      if (this.#isInPlace) return;
    }
    if (transaction.isLost || what === 'for commit') return;
    await this.#privateTables.enter(transaction, []);
  }

  /** To be called before a DDL statement that no transaction has failed before. */
  async foreseeChange(statement: Statement): Promise<void> {
    const transaction = this.#transaction;
    if (transaction) transaction.changedRelations = await relationsChangedBy(statement, this.#ask);
  }

  /** To be called before a statement that writes, which is sent to PostgreSQL only then. */
  async foresee(statement: Statement): Promise<void> {
    await this.#judge.foresee(this.#transaction, statement);
  }

  /**
   * Decides on the answer to a statement that writes.
   *
   * @param statement - as it is to be logged; `answer` is what PostgreSQL answered
   */
  async verify(statement: LoggedStatement, outcome: Outcome): Promise<StatementAnswer> {
    const transaction = this.#transaction;
    if (!transaction) return outcome.error ? { error: outcome.error } : { messages: statement.answer ?? [] };
    const conceded = await this.#concession();
    const answer = outcome.error
      ? await this.#resolve(transaction, statement, outcome.error, conceded)
      : await this.#check(transaction, statement);
    if (!answer.error) transaction.log.push({ ...statement, answer: answer.messages });
    return answer;
  }

  /** What a statement that changes no rows is to be answered with where PostgreSQL answered with an error. */
  async explain(error: ErrorFields): Promise<ErrorFields> {
    const conceded = await this.#concession();
    // What makes a mere reader wait is a change of the schema.
    const yields = conceded && error.get('C') === CANCELLED;
    return yields || error.get('M') === SCHEMA_CONFLICT.message || this.#isOutdated(error)
      ? this.#conflict(SCHEMA_CONFLICT)
      : error;
  }

  /**
   * Prepares the COMMIT of the transaction, explicit or not.
   *
   * @returns what to answer instead
   */
  async commits(): Promise<ErrorFields | undefined> {
    const transaction = this.#transaction;
    if (!transaction) return undefined;
    await this.restore('for commit');
    if (transaction.verdict) return this.#conflict(transaction.verdict);
    if (!transaction.hasWritten) {
      const read = transaction.log.map(({ statement }) => statement);
      const isOld = await this.#stale.isUsedBy(read, ({ last }) => last > transaction.catalogueVersion);
      return isOld && transaction.hasSavepoint ? this.#conflict(SCHEMA_CONFLICT) : undefined;
    }
    const isOutdated = transaction.catalogueVersion !== this.#concurrency.catalogueVersion;
    if (transaction.hasSavepoint && isOutdated) return this.#conflict(SCHEMA_CONFLICT);
    const error = await this.#checkDeferred(transaction);
    if (error) return error;
    const { verdict } = transaction as { readonly verdict: Refusal | undefined };
    if (verdict) return this.#conflict(verdict);
    if (transaction.hasDdl) {
      const [row] = await this.#link.hidden('SELECT pg_catalog.pg_current_xact_id_if_assigned()');
      transaction.leavesCatalogue = row?.[0] === null;
    }
    const sharedRows = await this.#judge.settleLocks(transaction);
    this.#committing = this.#concurrency.committing(this, transaction, effectsOfLog(transaction), sharedRows);
    return undefined;
  }

  #refuse(refusal: Refusal): { readonly error: ErrorFields } {
    return { error: this.#conflict(refusal) };
  }

  /** What the client is told; with OC001 the session reads the catalogue anew. */
  #conflict(refusal: Refusal): ErrorFields {
    if (refusal === SCHEMA_CONFLICT) this.#stale.readAnew();
    return fieldsOf(refusal);
  }

  // ----- what other sessions do to this one

  /** Another session has changed relations. */
  catalogueChanged(relations: readonly ChangedRelation[]): void {
    this.#stale.changed(relations, this.#concurrency.catalogueVersion);
  }

  /** PostgreSQL said that the statement that runs waits for a lock. */
  waits(): void {
    this.#judge.waits();
    this.#concurrency.monitor.waits(this);
  }

  /** The unit of the client is answered. */
  rests(): void {
    this.#concurrency.monitor.rests(this);
    this.#concurrency.privateRoom.rests(this);
  }

  /** Gives up the locks of the transaction, if the session has it idle, for another whose statement waits for them. */
  displaceFor(waiter: Waiter): 'displaced' | 'was displaced' | 'busy' | 'cannot be displaced' {
    const transaction = this.#transaction;
    if (this.#link.isBusy) return this.#link.awaitsClient ? 'cannot be displaced' : 'busy';
    if (!transaction) return 'cannot be displaced';
    // A failed transaction has given up its locks as one that is displaced.
    if (this.#link.status === 'E' || this.isDisplaced) return 'was displaced';
    if (!transaction.hasSavepoint || this.#session.hasOpenPortal()) return 'cannot be displaced';
    if (waiter.transaction) transaction.displacedBy.add(waiter.transaction);
    void this.#displace(transaction);
    return 'displaced';
  }

  /**
   * Gives up what a transaction keeps that was displaced or has failed: PostgreSQL locks a sequence for the whole of the
   * transaction that took a number from it, whatever is rolled back of that. So it is rolled back wholly, and another
   * one takes its place, with the same snapshot.
   */
  beginAnew(): void {
    const transaction = this.#transaction;
    if (!transaction || this.#link.isBusy) return;
    // A connection that is gone holds nothing either.
    void this.#link.exclusive(() => this.#beginAnew(transaction)).catch(() => undefined);
  }

  /**
   * Gives up the copies of tables, for another transaction that wants to copy the same.
   *
   * @returns when that is done, `undefined` while the session is busy
   */
  leavePrivate(): Promise<void> | undefined {
    if (this.#link.isBusy) return undefined;
    const transaction = this.#transaction;
    // One that has failed has no copies any more, and must stay failed.
    if (transaction?.whereabouts !== 'private' || this.#link.status === 'E') return Promise.resolve();
    // The next one may have to wait for this one in PostgreSQL, and then gives way.
    if (this.#session.hasOpenPortal()) return Promise.resolve();
    return this.#displace(transaction);
  }

  /** Makes the statement that waits fail: what it waits for cannot be displaced. */
  concede(): void {
    this.#conceding ??= this.#link.cancel();
  }

  // ----- inside

  async #displace(transaction: OpenTransaction): Promise<void> {
    if (transaction.whereabouts === 'private') this.#concurrency.privateRoom.left(this);
    transaction.whereabouts = 'displaced';
    // A connection that is gone holds nothing either.
    await this.#link.exclusive(() => this.#rollBack()).catch(() => undefined);
  }

  async #beginAnew(transaction: OpenTransaction): Promise<void> {
    if (this.#link.status === 'E') {
      await this.#link.hidden('ROLLBACK');
      await this.#link.hidden('BEGIN');
      await this.#link.abortTransaction();
      await this.#link.hiddenExchange([], 'sync');
      return;
    }
    try {
      // A savepoint cannot export a snapshot.
      await this.#link.hidden('RELEASE SAVEPOINT dsql');
      const [row] = await this.#link.hidden(
        "SELECT pg_catalog.pg_export_snapshot(), pg_catalog.current_setting('transaction_read_only')",
      );
      await this.#concurrency.keepSnapshot(row?.[0] ?? '', async (snapshot) => {
        await this.#link.hidden('ROLLBACK');
        await this.#link.hidden(row?.[1] === 'on' ? 'BEGIN READ ONLY' : 'BEGIN');
        await this.#link.hidden(`SET TRANSACTION SNAPSHOT ${literal(snapshot)}`);
      });
    } catch (error) {
      if (!(error instanceof BackendError)) throw error;
      await this.#link.hiddenExchange([], 'sync');
      await this.#link.hidden('ROLLBACK');
      await this.#link.hidden('BEGIN');
      transaction.isLost = true;
      transaction.verdict ??= SCHEMA_CONFLICT;
    }
    await this.#link.hiddenExchange(this.#savepoint.set(), 'sync');
  }

  /** Whether a statement may have failed because the schema is not any more what the transaction's snapshot shows. */
  #isOutdated(error: ErrorFields): boolean {
    const transaction = this.#transaction;
    if (!transaction?.hasSavepoint || transaction.seesUpTo === Number.POSITIVE_INFINITY) return false;
    if (transaction.catalogueVersion === this.#concurrency.catalogueVersion) return false;
    const code = error.get('C') ?? '';
    return SCHEMA_ERROR.test(code) || error.get('R') === 'RevalidateCachedQuery';
  }

  /** Whether the statement that is over now was made to fail by us. */
  async #concession(): Promise<boolean> {
    if (!this.#conceding) return false;
    await this.#conceding;
    this.#conceding = undefined;
    return true;
  }

  /** Finds out what a failed statement is to be answered with. */
  async #resolve(
    transaction: OpenTransaction,
    statement: LoggedStatement,
    error: ErrorFields,
    conceded = false,
  ): Promise<StatementAnswer> {
    const code = error.get('C') ?? '';
    const concedes = conceded && code === CANCELLED;
    if (this.#isOutdated(error)) return this.#refuse(SCHEMA_CONFLICT);
    if (code === DEADLOCK) return this.#retry(transaction, statement, error);
    if (statement.statement.kind === 'ddl') {
      if (code === CANCELLED && !concedes) return { error };
      const isConflict = isCatalogueConflict(error) || (TAKEN.has(code) && ifNotExists(statement.statement));
      return isConflict ? this.#refuse(SCHEMA_CONFLICT) : { error };
    }
    if (!transaction.hasSavepoint) return concedes ? this.#refuse(DATA_CONFLICT) : { error };
    if (transaction.whereabouts === 'private') return this.#widen(transaction, statement, error);
    if (!concedes && !DOUBTFUL.has(code)) return { error };
    // Nothing was committed behind its back: it is what it seems to be.
    if (!concedes && code !== '40001' && !this.#concurrency.isContended(transaction)) return { error };
    return this.#inPrivate(transaction, statement);
  }

  /** Executes a statement that was the victim of a deadlock again, with all that went before it. */
  async #retry(
    transaction: OpenTransaction,
    statement: LoggedStatement,
    deadlock: ErrorFields,
  ): Promise<StatementAnswer> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      await this.#rollBack();
      await sleep(Math.random() * attempt);
      if (transaction.whereabouts === 'private') return this.#inPrivate(transaction, statement);
      if (transaction.hasSavepoint) {
        await this.#putBack(transaction);
        if (transaction.verdict) return this.#inPrivate(transaction, statement);
      } else {
        const failed = await this.#replay.run(transaction, 'in place', false);
        if (failed === DEADLOCK) continue;
        if (failed) return this.#refuse(DATA_CONFLICT);
      }
      const [again] = await rerun(this.#link, [statement]);
      if (!again) break;
      const { error } = again.outcome;
      if (error?.get('C') === DEADLOCK) continue;
      if (error) return this.#resolve(transaction, statement, error);
      return this.#check(transaction, { ...statement, answer: again.messages });
    }
    return transaction.hasSavepoint ? this.#inPrivate(transaction, statement) : { error: deadlock };
  }

  /** Makes sure that a statement which PostgreSQL has executed was answered from the transaction's snapshot alone. */
  async #check(transaction: OpenTransaction, statement: LoggedStatement): Promise<StatementAnswer> {
    switch (await this.#judge.judge(transaction, statement)) {
      case 'unclear':
        return this.#inPrivate(transaction, statement);
      case 'conflict':
        transaction.verdict ??= DATA_CONFLICT;
    }
    return { messages: statement.answer ?? [] };
  }

  /**
   * Executes the log again, in place.
   *
   * @returns whether it succeeded; else the transaction has lost and stays displaced
   */
  async #putBack(transaction: OpenTransaction): Promise<void> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      // That numbers of sequences must be restored is found out by the first attempt.
      const failure = await this.#replay.run(transaction, 'in place', attempt > 1);
      await this.#concession();
      if (!failure) {
        transaction.whereabouts = 'in place';
        transaction.displacedBy.clear();
        return;
      }
      await this.#rollBack();
      const mayRestoreKeys =
        failure === DIFFERENT && attempt === 1 && transaction.log.some(tellsInsertedRows);
      if (failure !== DEADLOCK && !mayRestoreKeys) break;
      await sleep(Math.random() * (attempt - 1));
    }
    transaction.verdict ??= transaction.hasDdl ? SCHEMA_CONFLICT : DATA_CONFLICT;
  }

  /** Executes a statement in private, where its answer is true; the transaction has lost if it succeeds. */
  async #inPrivate(transaction: OpenTransaction, statement: LoggedStatement): Promise<StatementAnswer> {
    if (!(await this.#privateTables.enter(transaction, [statement]))) return this.#lose(transaction);
    const [again] = await rerun(this.#link, [statement]);
    const error = again?.outcome.error;
    if (error) return this.#widen(transaction, statement, error);
    transaction.verdict ??= DATA_CONFLICT;
    return { messages: again?.messages ?? [] };
  }

  /** A statement failed in private: if it met tables of all, because a function wrote there, those are copied, too. */
  async #widen(
    transaction: OpenTransaction,
    statement: LoggedStatement,
    error: ErrorFields,
  ): Promise<StatementAnswer> {
    if (error.get('C') !== '40001') return { error };
    if (!(await this.#privateTables.enter(transaction, 'every table'))) return this.#lose(transaction);
    const [again] = await rerun(this.#link, [statement]);
    if (again?.outcome.error?.get('C') === '40001') return this.#lose(transaction);
    if (again?.outcome.error) return { error: again.outcome.error };
    transaction.verdict ??= DATA_CONFLICT;
    return { messages: again?.messages ?? [] };
  }

  async #lose(transaction: OpenTransaction): Promise<StatementAnswer> {
    await this.#link.abortTransaction();
    return this.#refuse(transaction.verdict ?? DATA_CONFLICT);
  }

  /** Has foreign keys that may wait for COMMIT checked while the answer can still be found out. */
  async #checkDeferred(transaction: OpenTransaction): Promise<ErrorFields | undefined> {
    if (!transaction.hasSavepoint || !this.#concurrency.isContended(transaction)) return undefined;
    if (!(await this.#concurrency.anyDeferrable())) return undefined;
    const [statement] = parseQuery('SET CONSTRAINTS ALL IMMEDIATE').statements;
    if (!statement) return undefined;
    const source = {
      text: Buffer.from(statement.text),
      parameterTypes: count(0),
      values: textValues([]),
      maxRows: 0,
    };
    const logged: LoggedStatement = { statement, source };
    const [checked] = await rerun(this.#link, [logged]);
    if (!checked?.outcome.error) return undefined;
    return (await this.#resolve(transaction, logged, checked.outcome.error)).error;
  }

  /** Rolls back to the savepoint, or all of an implicit transaction, and leaves PostgreSQL ready for a statement. */
  async #rollBack(): Promise<void> {
    if (this.#link.skipping) await this.#link.hiddenExchange([], 'sync');
    if (this.#transaction?.hasSavepoint) await this.#savepoint.rollBack();
    this.#session.onPortalsGone();
  }
}

function effectsOfLog({ log }: OpenTransaction): Effects[] {
  return log
    .filter(({ statement }) => statement.targets.length > 0)
    .map(({ statement }) => effectsOf(statement));
}
