import { literal, parseQuery, quotedTable } from '../../sql';
import type { Refusal, Statement, TableName } from '../../sql';
import type { Ask } from '../limits/catalogue-checks';
import { sleep } from '../real-time';
import { DATA_CONFLICT, SCHEMA_CONFLICT } from '../session/client-error';
import { BackendError } from '../session/backend-link';
import type { BackendLink, Outcome, Step } from '../session/backend-link';
import { bind, close, execute, parse, textValues } from '../wire/client-messages';
import type { Message } from '../wire/message-buffer';
import { count } from '../wire/server-messages';
import type { Concurrency, SharedRow } from './concurrency';
import type { Member, Waiter } from './member';
import { effectsOf } from './effects';
import type { Effects } from './effects';
import { restoreGeneratedKeys } from './generated-keys';
import { rerun, sameAnswer } from './logged-statement';
import type { LoggedStatement, OwnWork } from './logged-statement';
import { OpenTransaction } from './open-transaction';
import { meansOneOf, relationsChangedBy, relationsUsedBy } from './schema-changes';
import type { ChangedRelation } from './schema-changes';

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

type ErrorFields = ReadonlyMap<string, string>;

/** A relation that others have changed, for the first and for the last time. */
interface StaleRelation extends ChangedRelation {
  readonly first: number;
  readonly last: number;
}

/**
 * Errors that may be due to what a transaction's snapshot does not show: a snapshot that is too old, a unique key, a
 * foreign key.
 */
const DOUBTFUL: ReadonlySet<string> = new Set(['40001', '23505', '23503']);
/** Syntax errors and violations of access rules: names that do not exist, privileges that are missing. */
const SCHEMA_ERROR = /^(?:42|3F)/;
/** The name of a new object is taken. */
const TAKEN: ReadonlySet<string> = new Set(['42P07', '42710', '42P06']);
const DEADLOCK = '40P01';
const CANCELLED = '57014';
/** What stands for an SQLSTATE when a statement that is executed again is answered otherwise. */
const DIFFERENT = 'different';
const MAX_ATTEMPTS = 10;

/** Statements whose effect is no part of the transaction, or that have none. */
const LASTING: ReadonlySet<string> = new Set(['DeallocateStmt', 'DiscardStmt', 'VariableShowStmt']);

const SAVEPOINT = 'dsql$savepoint';
const ROLLBACK_TO = 'dsql$rollback';
const PORTAL = 'dsql$control';

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
 *   flushed but not synchronized: whoever waits for it gives way after half a second, and has lost.
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
  /** PostgreSQL knows the statements for the savepoint. */
  #isPrepared = false;
  /** We have cancelled the statement that runs, so that it stops waiting; resolves when that cannot hit another. */
  #conceding: Promise<void> | undefined;
  /** Which of the rows that others had locked FOR KEY SHARE were there before the statement that runs. */
  #sharedRowsBefore: ReadonlyMap<SharedRow, boolean> = new Map();
  /** The statement that runs has had to wait for a lock. */
  #hasWaited = false;
  #committing: ((committed: boolean) => void) | undefined;
  /**
   * What other sessions have changed since this one has last read the catalogue, by `schema.name`, and in which versions
   * of the catalogue.
   */
  readonly #stale = new Map<string, StaleRelation>();

  constructor(concurrency: Concurrency, session: ParticipantSession) {
    this.#concurrency = concurrency;
    this.#session = session;
    this.#link = session.link;
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
    return this.#control(SAVEPOINT, () => {
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
    if (!(await this.#uses([statement], ({ first }) => first <= version))) return false;
    this.#stale.clear();
    return true;
  }

  /** The client has executed DEALLOCATE ALL, which reaches our statements too. */
  forgetPrepared(): void {
    this.#isPrepared = false;
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
      await this.#replay(transaction);
      if (this.#isInPlace) return;
    }
    if (transaction.isLost || what === 'for commit') return;
    await this.#enterPrivate(transaction, []);
  }

  /** To be called before a DDL statement that no transaction has failed before. */
  async foreseeChange(statement: Statement): Promise<void> {
    const transaction = this.#transaction;
    if (transaction) transaction.changedRelations = await relationsChangedBy(statement, this.#ask);
  }

  /** To be called before a statement that writes, which is sent to PostgreSQL only then. */
  async foresee(statement: Statement): Promise<void> {
    const transaction = this.#transaction;
    this.#sharedRowsBefore = new Map();
    this.#hasWaited = false;
    if (!transaction?.hasSavepoint || !this.#concurrency.isContended(transaction)) return;
    if (transaction.whereabouts === 'private' || !mayRemove(effectsOf(statement))) return;
    const shared = this.#concurrency.sharedRowsUnseenBy(transaction);
    if (shared.length === 0) return;
    const rows = await this.#sharedRows(shared);
    this.#sharedRowsBefore = new Map(shared.map((row, index) => [row, rows[index]?.present ?? false]));
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

  /** What a statement that only reads is to be answered with where PostgreSQL answered with an error. */
  async explain(error: ErrorFields): Promise<ErrorFields> {
    const conceded = await this.#concession();
    // What makes a mere reader wait is a change of the schema.
    const yields = conceded && error.get('C') === CANCELLED;
    return yields || this.#isOutdated(error) ? this.#conflict(SCHEMA_CONFLICT) : error;
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
      const isOld = await this.#uses(read, ({ last }) => last > transaction.catalogueVersion);
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
    const sharedRows = await this.#settleLocks(transaction);
    this.#committing = this.#concurrency.committing(this, transaction, effectsOfLog(transaction), sharedRows);
    return undefined;
  }

  /** Whether statements use one of the relations that others have changed, of those that matter. */
  async #uses(
    statements: readonly Statement[],
    matters: (relation: StaleRelation) => boolean,
  ): Promise<boolean> {
    if (this.#stale.size === 0) return false;
    const used = statements.flatMap(relationsUsedBy);
    const changed = [...this.#stale.values()].filter(matters);
    const isUsedAs = (schema: string | undefined, name: string) =>
      used.some((each) => each.schema === schema && each.name === name);
    if (changed.some(({ schema, name }) => isUsedAs(schema, name))) return true;
    const byName = changed.filter(({ name }) => isUsedAs(undefined, name));
    return byName.length > 0 && meansOneOf(byName, this.#ask);
  }

  #refuse(refusal: Refusal): { readonly error: ErrorFields } {
    return { error: this.#conflict(refusal) };
  }

  /** What the client is told; with OC001 the session reads the catalogue anew. */
  #conflict(refusal: Refusal): ErrorFields {
    if (refusal === SCHEMA_CONFLICT) this.#stale.clear();
    return fieldsOf(refusal);
  }

  // ----- what other sessions do to this one

  /** Another session has changed relations. */
  catalogueChanged(relations: readonly ChangedRelation[]): void {
    const last = this.#concurrency.catalogueVersion;
    for (const relation of relations) {
      const key = `${relation.schema}.${relation.name}`;
      this.#stale.set(key, { ...relation, first: this.#stale.get(key)?.first ?? last, last });
    }
  }

  /** PostgreSQL said that the statement that runs waits for a lock. */
  waits(): void {
    this.#hasWaited = true;
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
    // Whoever comes next may have to wait for this one in PostgreSQL, and then gives way.
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
    await this.#link.hiddenExchange(this.#control(SAVEPOINT), 'sync');
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
        await this.#replay(transaction);
        if (transaction.verdict) return this.#inPrivate(transaction, statement);
      } else {
        const failed = await this.#rerunLog(transaction, 'in place', false);
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
    switch (await this.#judge(transaction, statement)) {
      case 'unclear':
        return this.#inPrivate(transaction, statement);
      case 'conflict':
        transaction.verdict ??= DATA_CONFLICT;
    }
    return { messages: statement.answer ?? [] };
  }

  /**
   * Looks for conflicts that PostgreSQL does not see: with locks that were let go, and with keys that are gone in the
   * data that it checks keys against, but not in the snapshot. `unclear` is a statement of which the snapshot alone
   * might have made something else.
   */
  async #judge(
    transaction: OpenTransaction,
    { statement }: LoggedStatement,
  ): Promise<'fine' | 'conflict' | 'unclear'> {
    if (transaction.whereabouts === 'private' || !transaction.hasSavepoint) return 'fine';
    if (!this.#concurrency.isContended(transaction)) return 'fine';
    const effects = effectsOf(statement);
    if (await this.#meetsSharedRow(transaction, statement, effects)) return 'conflict';
    const setsKey = await this.#concurrency.anyKey(effects.sets);
    const needsFreeKey = effects.inserts || setsKey;
    const needsNoReference = effects.deletes || setsKey;
    if (!needsFreeKey && !needsNoReference) return 'fine';
    // Keys that others have taken away may have helped it.
    if (!(await this.#concurrency.keysGoneUnseenBy(transaction))) return 'fine';
    const { targets } = statement;
    const [row] = await this.#link.hidden(
      `SELECT pg_dsql_local.disagreement(${tableList(targets)}, ${needsFreeKey}, ${needsNoReference})`,
      targets.map(quotedTable),
    );
    const disagreement = row?.[0];
    if (!disagreement) return 'fine';
    return disagreement === 'duplicate' && !effects.upserts ? 'conflict' : 'unclear';
  }

  /** Whether a statement has locked or taken away a row that another transaction had locked FOR KEY SHARE and let go. */
  async #meetsSharedRow(
    transaction: OpenTransaction,
    { locking }: Statement,
    effects: Effects,
  ): Promise<boolean> {
    const removes = mayRemove(effects);
    if (!removes && locking !== 'update') return false;
    const shared = this.#concurrency.sharedRowsUnseenBy(transaction);
    if (shared.length === 0) return false;
    const rows = await this.#sharedRows(shared);
    return shared.some((row, index) => {
      const { present, locked } = rows[index] ?? { present: true, locked: false };
      if (locking === 'update' && locked) return true;
      // One that was let go meanwhile was in the way, or is of no concern.
      return removes && !present && (this.#sharedRowsBefore.get(row) ?? this.#hasWaited);
    });
  }

  async #sharedRows(
    shared: readonly SharedRow[],
  ): Promise<{ readonly present: boolean; readonly locked: boolean }[]> {
    const rows = await this.#link.hidden(
      'SELECT present, locked FROM pg_dsql_local.shared_rows($1::oid[], $2::text[])',
      [
        arrayLiteral(shared.map(({ relation }) => relation)),
        arrayLiteral(shared.map(({ condition }) => condition)),
      ],
    );
    return rows.map(([present, locked]) => ({ present: present === 't', locked: locked === 't' }));
  }

  /**
   * Executes the log again, in place.
   *
   * @returns whether it succeeded; else the transaction has lost and stays displaced
   */
  async #replay(transaction: OpenTransaction): Promise<void> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      // That numbers of sequences must be restored is found out by the first attempt.
      const failure = await this.#rerunLog(transaction, 'in place', attempt > 1);
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

  /**
   * Executes the log again; in place, every answer must be what it was.
   *
   * @param restoresKeys - whether numbers that came from a sequence are replaced by those that were told
   * @returns why it failed: an SQLSTATE or `different`
   */
  async #rerunLog(
    transaction: OpenTransaction,
    where: 'in place' | 'private',
    restoresKeys: boolean,
  ): Promise<string | undefined> {
    const log = transaction.log.filter(
      ({ statement }) => statement.kind !== 'read' || effectsOf(statement).callsFunction,
    );
    const inPlace = where === 'in place';
    const isContended =
      inPlace &&
      (this.#concurrency.sharedRowsUnseenBy(transaction).length > 0 ||
        (await this.#concurrency.keysGoneUnseenBy(transaction)));
    // One by one only where something has to be done in between.
    const stepwise =
      isContended || log.some((logged) => logged.own ?? (restoresKeys && tellsInsertedRows(logged)));
    const groups = stepwise ? log.map((statement) => [statement]) : [log];
    for (const group of groups) {
      if (isContended) for (const statement of group) await this.foresee(statement.statement);
      const failure = await this.#rerunGroup(group, inPlace, restoresKeys);
      if (failure !== undefined) return failure;
      if (!isContended) continue;
      for (const statement of group) {
        if ((await this.#judge(transaction, statement)) !== 'fine') return DIFFERENT;
      }
    }
    return undefined;
  }

  async #rerunGroup(
    group: readonly LoggedStatement[],
    inPlace: boolean,
    restoresKeys: boolean,
  ): Promise<string | undefined> {
    const executed = group.filter(({ own }) => !own?.statement.replaces);
    const reruns = await rerun(this.#link, executed);
    try {
      for (const [index, logged] of executed.entries()) {
        const again = reruns[index];
        if (!again) return DIFFERENT;
        if (again.outcome.error) return again.outcome.error.get('C') ?? DIFFERENT;
        if (!logged.answer || sameAnswer(logged.answer, again.messages)) continue;
        if (restoresKeys && (await restoreGeneratedKeys(this.#link, logged, again))) continue;
        if (inPlace) return DIFFERENT;
      }
      for (const { own } of group) {
        if (own && (await own.statement.run(this.#link)) !== own.jobId) return DIFFERENT;
      }
    } catch (error) {
      if (!(error instanceof BackendError)) throw error;
      return error.sqlstate;
    }
    return undefined;
  }

  /** Executes a statement in private, where its answer is true; the transaction has lost if it succeeds. */
  async #inPrivate(transaction: OpenTransaction, statement: LoggedStatement): Promise<StatementAnswer> {
    if (!(await this.#enterPrivate(transaction, [statement]))) return this.#lose(transaction);
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
    if (!(await this.#enterPrivate(transaction, 'every table'))) return this.#lose(transaction);
    const [again] = await rerun(this.#link, [statement]);
    if (again?.outcome.error?.get('C') === '40001') return this.#lose(transaction);
    if (again?.outcome.error) return { error: again.outcome.error };
    transaction.verdict ??= DATA_CONFLICT;
    return { messages: again?.messages ?? [] };
  }

  /** Gives the transaction tables of its own and executes its log there; false when that is not possible. */
  async #enterPrivate(
    transaction: OpenTransaction,
    what: readonly LoggedStatement[] | 'every table',
  ): Promise<boolean> {
    let targets = what === 'every table' ? undefined : distinctTargets([...transaction.log, ...what]);
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      await this.#rollBack();
      await this.#concurrency.privateRoom.enter(this);
      let failure: string | undefined;
      try {
        if (!targets) await this.#link.hidden('SELECT pg_dsql_local.privatize(NULL)');
        else if (targets.length > 0) {
          const names = targets.map(quotedTable);
          await this.#link.hidden(`SELECT pg_dsql_local.privatize(${tableList(targets)})`, names);
        }
        failure = await this.#rerunLog(transaction, 'private', true);
      } catch (error) {
        if (!(error instanceof BackendError)) {
          this.#concurrency.privateRoom.left(this);
          throw error;
        }
        failure = error.sqlstate;
      }
      if (failure === undefined) {
        transaction.whereabouts = 'private';
        return true;
      }
      // A function or a search_path of its own may have led it to other tables than its text says.
      if (failure === '40001' && targets) targets = undefined;
      else if (failure !== DEADLOCK) break;
      await sleep(Math.random() * (attempt - 1));
    }
    await this.#rollBack();
    this.#concurrency.privateRoom.left(this);
    transaction.whereabouts = 'displaced';
    transaction.isLost = true;
    transaction.verdict ??= transaction.hasDdl ? SCHEMA_CONFLICT : DATA_CONFLICT;
    return false;
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

  /**
   * Leaves traces of the transaction's row locks for those that are open now; without any, nobody will ever ask.
   *
   * @returns the rows locked FOR KEY SHARE
   */
  async #settleLocks(transaction: OpenTransaction): Promise<SharedRow[]> {
    if (!this.#concurrency.othersOpen(transaction)) return [];
    const written = transaction.log.filter(({ statement }) => statement.targets.length > 0);
    const locking = written.some(({ statement }) => statement.locking);
    const targets = distinctTargets(written);
    if (!locking && !(await this.#concurrency.anyForeignKey(targets))) return [];
    const forUpdate = written.some(({ statement }) => statement.locking === 'update');
    const rows = await this.#link.hidden('SELECT relation, condition FROM pg_dsql_local.settle_locks($1)', [
      forUpdate ? 't' : 'f',
    ]);
    return rows.map(([relation, condition]) => ({ relation: relation ?? '', condition: condition ?? '' }));
  }

  /** Rolls back to the savepoint, or all of an implicit transaction, and leaves PostgreSQL ready for a statement. */
  async #rollBack(): Promise<void> {
    if (this.#link.skipping) await this.#link.hiddenExchange([], 'sync');
    if (this.#transaction?.hasSavepoint) await this.#link.hiddenExchange(this.#control(ROLLBACK_TO), 'sync');
    this.#session.onPortalsGone();
  }

  /** The messages that execute one of our statements; `onDone` hears that it was. */
  #control(name: string, onDone?: () => void): Step[] {
    const prepare = this.#isPrepared
      ? []
      : [
          ...prepared(SAVEPOINT, 'SAVEPOINT dsql'),
          ...prepared(ROLLBACK_TO, 'ROLLBACK TO SAVEPOINT dsql', () => {
            this.#isPrepared = true;
          }),
        ];
    return [
      ...prepare,
      { bytes: bind(PORTAL, name), ends: '2' },
      { bytes: execute(PORTAL), ends: 'C', ...(onDone && { receive: onDone }) },
      { bytes: close('P', PORTAL), ends: '3' },
    ];
  }
}

function prepared(name: string, sql: string, onDone?: () => void): Step[] {
  return [
    { bytes: close('S', name), ends: '3' },
    { bytes: parse(name, Buffer.from(sql)), ends: '1', ...(onDone && { receive: onDone }) },
  ];
}

function fieldsOf({ sqlstate, message }: Refusal): ErrorFields {
  return new Map([
    ['S', 'ERROR'],
    ['V', 'ERROR'],
    ['C', sqlstate],
    ['M', message],
  ]);
}

/** Whether a DDL statement failed because of one that was committed at the same time. */
function isCatalogueConflict(error: ErrorFields): boolean {
  const code = error.get('C');
  if (code === '40001' || code === DEADLOCK || code === CANCELLED) return true;
  if (code === '23505') return error.get('s') === 'pg_catalog' || error.get('s') === 'pg_dsql_local';
  return code === 'XX000' && /^tuple (concurrently|already)/.test(error.get('M') ?? '');
}

/** Whether a statement that found a name taken was not to mind: it was taken at the same time. */
function ifNotExists({ tree }: Statement): boolean {
  return (tree as { readonly if_not_exists?: boolean }).if_not_exists === true;
}

/** Whether an INSERT has told its client what it inserted, such as numbers from a sequence. */
function tellsInsertedRows({ statement, answer = [] }: LoggedStatement): boolean {
  return answer.some(({ type }) => type === 'D') && effectsOf(statement).inserts;
}

/** Whether a statement may take a row away from under its key. */
function mayRemove({ deletes, sets }: Effects): boolean {
  return deletes || sets.size > 0;
}

function effectsOfLog({ log }: OpenTransaction): Effects[] {
  return log
    .filter(({ statement }) => statement.targets.length > 0)
    .map(({ statement }) => effectsOf(statement));
}

function distinctTargets(statements: readonly LoggedStatement[]): TableName[] {
  const targets = statements.flatMap(({ statement }) => statement.targets);
  return [...new Map(targets.map((target) => [quotedTable(target), target])).values()];
}

/** An array of the OIDs of tables whose names are the parameters, found as the client's statements find them. */
function tableList(targets: readonly TableName[]): string {
  return `ARRAY[${targets.map((_, index) => `pg_catalog.to_regclass($${index + 1})`).join()}]::oid[]`;
}

function arrayLiteral(values: readonly string[]): string {
  return `{${values.map((value) => `"${value.replace(/["\\]/g, '\\$&')}"`).join()}}`;
}
