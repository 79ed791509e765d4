import { literal, type Refusal, type Statement } from '../../sql';
import type { Ask } from '../limits/catalogue-checks';
import { DATA_CONFLICT, SCHEMA_CONFLICT } from '../session/client-error';
import { BackendError } from '../session/backend-link';
import type { BackendLink, Outcome, Step } from '../session/backend-link';
import type { Concurrency } from './concurrency';
import type { Member, Waiter } from './member';
import { effectsOf } from './effects';
import type { Effects } from './effects';
import { fieldsOf, type ErrorFields } from './error-fields';
import type { LoggedStatement, OwnWork } from './logged-statement';
import { Judge } from './judge';
import { OpenTransaction } from './open-transaction';
import { PrivateTables } from './private-tables';
import { Replay } from './replay';
import { Savepoint } from './savepoint';
import { relationsChangedBy } from './catalogue/schema-changes';
import type { ChangedRelation } from './catalogue/schema-changes';
import { StaleCatalogue } from './catalogue/stale-catalogue';
import { TrueAnswers, type StatementAnswer } from './true-answers';

/** What a participant must know of its session. */
export interface ParticipantSession {
  readonly link: BackendLink;
  /** Whether a portal is open that would end with the transaction's savepoint. */
  readonly hasOpenPortal: () => boolean;
  /** Every portal of the transaction is gone. */
  readonly onPortalsGone: () => void;
}

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
  readonly #truth: TrueAnswers;

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
    this.#truth = new TrueAnswers({
      concurrency,
      link: this.#link,
      judge: this.#judge,
      replay: this.#replay,
      privateTables: this.#privateTables,
      rollBack: () => this.#rollBack(),
      concession: () => this.#concession(),
      conflict: (refusal) => this.#conflict(refusal),
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
      await this.#truth.putBack(transaction);
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
      ? await this.#truth.ofFailed(transaction, statement, outcome.error, conceded)
      : await this.#truth.ofExecuted(transaction, statement);
    if (!answer.error) transaction.log.push({ ...statement, answer: answer.messages });
    return answer;
  }

  /** What a statement that changes no rows is to be answered with where PostgreSQL answered with an error. */
  async explain(error: ErrorFields): Promise<ErrorFields> {
    return this.#truth.explain(this.#transaction, error, await this.#concession());
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
    const error = await this.#truth.ofDeferredChecks(transaction);
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

  /** Whether the statement that is over now was made to fail by us. */
  async #concession(): Promise<boolean> {
    if (!this.#conceding) return false;
    await this.#conceding;
    this.#conceding = undefined;
    return true;
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
