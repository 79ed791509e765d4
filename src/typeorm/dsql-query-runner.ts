import { QueryRunnerAlreadyReleasedError, type ReplicationMode } from 'typeorm';
import type { IsolationLevel } from 'typeorm/driver/types/IsolationLevel.js';
import type { PostgresQueryRunner } from 'typeorm/driver/postgres/PostgresQueryRunner.js';
import {
  AfterCommitError,
  DsqlError,
  isAfterCommitError,
  isDsqlError,
  isNotSentError,
  NotSentError,
  ofLastStatement,
  TransactionRolledBackError,
  type DsqlClient,
} from '../connection';
import {
  checkIsolationLevel,
  findInChain,
  FirstStatementSender,
  NestedTransactionError,
  NotCommitted,
  refusalToEndWith,
  retryOnConflict,
  UnsupportedFeatureError,
} from '../occ';
import type {
  HeldLease,
  Migrations,
  MigrationSession,
  MigrationToRun,
  RunInTransaction,
  TableBatches,
} from '../migrate/for-orms';
import { adaptRowLocks, asNumbers, EnumTypes, type ReusedIdentityKeys } from '../schema';
import { summarizeText, type TransactionVerb } from '../sql';
import type { DsqlDriverParts } from './dsql-driver-parts';
import { appendToMessage, withExplanation } from './refusal-explanation';
import { adaptRowStream, failedRowStream } from './row-stream';
import { clearTable } from './schema/clear-table';
import { answerOf, MigrationSteps } from './schema/migration-steps';
import { SchemaQueryRunner } from './schema/schema-query-runner';
import type { Statement } from './statement';
import { AutocommitStatements, type AutocommitRunner } from './transactions/autocommit-statements';
import { RememberingBroadcaster } from './transactions/remembering-broadcaster';
import { TransactionScope, type ScopeConnection } from './transactions/transaction-scope';
import { dataSourceOf, transactionsOf } from './transactions/transactions';
import { arrayStatementOf, type ArrayStatement } from './writes/array-insert';
import { adaptOverlaps } from './writes/jsonb-array';
import { ResultKeys } from './writes/result-keys';

/**
 * TypeORM's PostgreSQL query runner, on Aurora DSQL.
 *
 * An autocommit statement is sent again after a conflict. In a transaction that its caller began with `startTransaction`
 * nothing is run again; its COMMIT fails when it did not commit.
 */
export class DsqlQueryRunner extends SchemaQueryRunner implements AutocommitRunner {
  declare driver: DsqlDriverParts;
  declare broadcaster: RememberingBroadcaster;
  /** The transaction that it is in, or is about to begin: set by the managed transaction or by `startTransaction`. */
  scope: TransactionScope | undefined;
  /** What journals the migrations that are run on it. */
  migrations: Migrations | undefined;
  #ownsScope = false;
  #isCommitted = false;
  /** It was committed, and `commitTransaction` has failed all the same. */
  #hasFailedAfterCommit = false;
  /** COMMIT has travelled with the last statement. */
  #hasCommitTravelled = false;
  readonly #first = new FirstStatementSender();
  /** COMMIT or ROLLBACK is on its way. */
  #isEnding = false;
  /** COMMIT or ROLLBACK is the host's own, and not one that a callback sends as text. */
  #endsTransaction = false;
  #migration: MigrationSteps | undefined;
  readonly #autocommit = new AutocommitStatements(this);
  readonly #keys: ResultKeys;
  /** Of the migrations that are run on it. */
  readonly #enums = new EnumTypes();

  constructor(driver: DsqlDriverParts, mode: ReplicationMode) {
    super(driver, mode);
    this.#keys = new ResultKeys(driver, () => this.client);
    this.broadcaster = new RememberingBroadcaster(this, () => this.scope?.states);
  }

  override get isMigrating(): boolean {
    return this.#migration !== undefined;
  }

  /** Its connection, while it has one. */
  get client(): DsqlClient | undefined {
    return this.databaseConnection as DsqlClient | undefined;
  }

  /**
   * Begins a transaction, or joins the one that has begun where `nested` is `'join'`.
   *
   * @param isolationLevel - REPEATABLE READ, which every transaction has anyway, or nothing
   * @throws NestedTransactionError inside a transaction, before anything is sent
   * @throws UnsupportedFeatureError for another isolation level, before anything is sent
   */
  override async startTransaction(isolationLevel?: IsolationLevel): Promise<void> {
    checkIsolationLevel(isolationLevel);
    if (this.isTransactionActive) {
      if (this.scope === undefined) throw new NestedTransactionError();
      if (this.scope.nested !== 'join') throw this.scope.refuseNested();
      this.transactionDepth++;
      return;
    }
    this.#isCommitted = this.#hasCommitTravelled = this.#hasFailedAfterCommit = false;
    // The host counts down once more where ROLLBACK found no connection; 0.3.20 would then send a SAVEPOINT.
    this.transactionDepth = 0;
    this.#ownsScope = this.scope === undefined;
    this.scope ??= new TransactionScope({ nested: transactionsOf(dataSourceOf(this)).defaults.nested });
    this.scope.begin();
    try {
      // Without a level: SET TRANSACTION is refused, even for the level that is in force.
      await super.startTransaction();
    } catch (error) {
      if (this.transactionDepth === 0) this.#end();
      throw error;
    }
  }

  /**
   * Commits the transaction.
   *
   * @throws TransactionRolledBackError when it did not commit, because an error in it was caught
   * @throws CommitOutcomeUnknownError when the answer to COMMIT was lost
   * @throws AfterCommitError when it did commit, and an `afterTransactionCommit` subscriber failed
   */
  override async commitTransaction(): Promise<void> {
    if (this.transactionDepth > 1) {
      this.transactionDepth--;
      return;
    }
    const { scope } = this;
    const isToBeSent = !this.#hasCommitTravelled;
    if (this.isTransactionActive && isToBeSent) {
      scope?.expectComplete();
      scope?.expectNothingUnfinished();
    }
    try {
      if (isToBeSent) await scope?.prepareCommit();
      await this.#endTransaction(() => super.commitTransaction());
    } catch (error) {
      if (this.#isCommitted) {
        this.#hasFailedAfterCommit = true;
        throw new AfterCommitError({ cause: error });
      }
      if (error instanceof TransactionRolledBackError) error.cause ??= scope?.firstError;
      throw error;
    } finally {
      if (this.#isCommitted) this.#end();
    }
  }

  /**
   * Rolls the transaction back; a connection on which that fails is not used again. After an AfterCommitError there is
   * nothing to do: that error is the one to report.
   */
  override async rollbackTransaction(): Promise<void> {
    if (this.#hasFailedAfterCommit && !this.isTransactionActive) return;
    const { scope } = this;
    const isOfRefused = scope?.takeRefused() === true;
    if (isOfRefused || this.transactionDepth > 1) {
      // Meant for an inner transaction, which cannot be rolled back alone: the whole one will be.
      if (!isOfRefused) this.transactionDepth--;
      scope?.markRollbackOnly(scope.firstError);
      return;
    }
    await this.#endTransaction(() => super.rollbackTransaction());
    this.#end();
  }

  async #endTransaction(end: () => Promise<void>): Promise<void> {
    this.#endsTransaction = true;
    try {
      await end();
    } finally {
      this.#endsTransaction = false;
    }
  }

  /** Gives the connection back; a transaction that was left open is rolled back, so that nobody else works in it. */
  override async release(): Promise<void> {
    if (!this.isReleased && (this.isTransactionActive || this.client?.isInTransaction === true)) {
      if (this.client?.isInTransaction === true) {
        this.#warn(
          'A query runner was released with its transaction open, so the transaction was rolled back.',
        );
      }
      this.scope?.end();
      this.transactionDepth = 1;
      this.isTransactionActive = true;
      await this.rollbackTransaction().catch(() => undefined);
    }
    await super.release();
  }

  /**
   * Runs a statement. An autocommit statement is sent again after a conflict; a text without parameters that may hold
   * several statements is not, because one of them may be COMMIT.
   *
   * @throws RetryExhaustedError when an autocommit statement met a conflict in every attempt
   * @throws CommitOutcomeUnknownError when the answer to COMMIT, or to an autocommit write, was lost
   * @throws UnsupportedFeatureError for a row lock that DSQL lacks, before anything is sent
   * @throws DsqlError for COMMIT or ROLLBACK as text in a transaction that is run again after a conflict
   */
  // The host's type says `any`, and those who call it build on that.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  override async query(...[text, ...rest]: Statement): Promise<any> {
    this.#refuseToEndWith(text);
    const statement: Statement = [this.#adapt(text, rest[0]), ...rest];
    const send = () => this.#carryOut(statement);
    if (this.isTransactionActive || this.scope === undefined) return send();
    return this.scope.answer(statement, send);
  }

  /**
   * Streams the rows of a query, with keys as numbers; see {@link query} about row locks. What is wrong with the query is
   * an error of the stream. It is not run again after a conflict: rows of it may have been used.
   */
  override async stream(
    ...[text, parameters, onEnd, onError]: Parameters<PostgresQueryRunner['stream']>
  ): ReturnType<PostgresQueryRunner['stream']> {
    const sql = this.#adapt(text, parameters);
    while (this.#autocommit.marked !== undefined) await this.#autocommit.marked;
    if (this.isReleased) throw new QueryRunnerAlreadyReleasedError();
    await this.connect();
    const { scope } = this;
    const explain = (error: Error) => {
      scope?.noteFailure(error);
      return withExplanation(error, sql);
    };
    let names: readonly string[];
    try {
      names = await this.#keys.namesIn(sql);
    } catch (error) {
      dataSourceOf(this).logger.logQuery(sql, parameters, this);
      return failedRowStream(await explain(error as Error), onError as (() => void) | undefined);
    }
    await scope?.enter([sql, parameters], this.#scopeConnection());
    while (this.#first.isUnderWay) await this.#first.whenAnswered();
    const done = this.#autocommit.keepConnection();
    const stream = await super.stream(sql, parameters, onEnd, onError).catch((error: unknown) => {
      done();
      throw error;
    });
    stream.once('close', done);
    return adaptRowStream(stream, {
      row: (row) => {
        asNumbers(row, names);
      },
      error: explain,
    });
  }

  /**
   * Deletes all rows of a table: in a transaction with one statement, otherwise in transactions of 3,000 rows each.
   *
   * @param options - with `cascade`, the tables whose foreign keys lead to it are emptied first
   */
  override async clearTable(tablePath: string, options?: { readonly cascade?: boolean }): Promise<void> {
    await clearTable(this, this.driver.parseTableName(tablePath), options?.cascade === true);
  }

  /**
   * Runs a migration, up or down, on this query runner; {@link MigrationRun} says what becomes of its transaction.
   *
   * @throws what `work` throws; its message also says what of the migration stays
   */
  async carryOutMigration(
    migration: MigrationToRun,
    migrations: Migrations,
    work: () => Promise<void>,
  ): Promise<void> {
    const { mapping } = this.driver;
    let remains: () => string | undefined = () => undefined;
    try {
      await migrations.carryOut(migration, this.#migrationSession(migrations), async (run) => {
        remains = () => run.remains;
        this.#migration = new MigrationSteps(migration.name, run, { mapping, enums: this.#enums });
        try {
          await work();
        } finally {
          this.#migration = undefined;
        }
      });
    } catch (error) {
      const stays = remains();
      if (error instanceof Error && stays !== undefined) appendToMessage(error, stays);
      throw error;
    }
  }

  #migrationSession({ entries }: Migrations): MigrationSession {
    const isInTransaction = () => this.isTransactionActive || this.client?.isInTransaction === true;
    const isRunAgain = () => this.isRepeatable;
    const { logger } = dataSourceOf(this);
    return {
      get isInTransaction() {
        return isInTransaction();
      },
      // One that the migration begins is left as it is.
      isSplit: this.isTransactionActive,
      get isRunAgain() {
        return isRunAgain();
      },
      entries,
      send: async (sql) => answerOf(await this.#run([sql, undefined, true])),
      outsideTransaction: (outside) => this.#outsideTransaction(outside),
      inTransaction: (work) => this.#inOwnTransaction(work),
      inBatch: (work) => this.#inBatch(work),
      read: async (sql) => (await this.driver.catalogue.read(sql, this.client)).rows,
      warn: (message) => {
        this.#warn(message);
      },
      log: (message) => {
        logger.logSchemaBuild(message, this);
      },
      tell: (message) => {
        logger.logSchemaBuild(message, this);
      },
      onProgress: this.driver.mapping.onSchemaProgress,
    };
  }

  /**
   * Changes rows in batches: see `inBatches` of `aurora-dsql-orm/migrate`.
   *
   * @throws UnsupportedFeatureError in a transaction that is not a migration's
   */
  async runInBatches(batches: TableBatches): Promise<void> {
    if (this.#migration !== undefined) return this.#migration.batches(batches);
    if (this.isTransactionActive || this.client?.isInTransaction === true) {
      throw new UnsupportedFeatureError('inBatches in a transaction', 'Commit it first.');
    }
    await batches.run({
      read: async (sql) => (await this.driver.catalogue.read(sql, this.client)).rows,
      inTransaction: (work) => retryOnConflict(() => this.#inBatch(work)),
      onBatch: (rows, totalRows) => {
        this.driver.mapping.onSchemaProgress?.({ step: 'batch', sql: batches.text, rows, totalRows });
        dataSourceOf(this).logger.logSchemaBuild(`${totalRows} ${batches.text}`, this);
      },
    });
  }

  /** What is sent meanwhile goes into a transaction of the host's, and is no statement of a migration. */
  async #inBatch<T>(work: (run: RunInTransaction) => Promise<T>): Promise<T> {
    const { scope, transactionDepth } = this;
    const migration = this.#migration;
    const ownsScope = this.#ownsScope;
    this.#migration = undefined;
    this.scope = undefined;
    try {
      await this.startTransaction();
      try {
        const result = await work(this.#runForJournal);
        await this.commitTransaction();
        return result;
      } catch (error) {
        // The first error is the one to report.
        await this.rollbackTransaction().catch(() => undefined);
        throw error;
      }
    } finally {
      this.#migration = migration;
      this.#ownsScope = ownsScope;
      Object.assign(this, { scope, transactionDepth });
    }
  }

  /** Not a transaction of the host's: its subscribers are not told of what the migration did not begin. */
  async #inOwnTransaction<T>(work: (run: RunInTransaction) => Promise<T>): Promise<T> {
    await this.sendOnce(['START TRANSACTION']);
    try {
      const result = await work(this.#runForJournal);
      await this.sendOnce(['COMMIT']);
      return result;
    } catch (error) {
      // The first error is the one to report.
      await this.sendOnce(['ROLLBACK']).catch(() => undefined);
      throw error;
    }
  }

  readonly #runForJournal: RunInTransaction = async (text, values) =>
    answerOf(await this.sendOnce([text, [...values], true])).rows;

  /** Sends a statement once; see {@link AutocommitRunner}. */
  sendOnce(statement: Statement, keys?: ReusedIdentityKeys): Promise<unknown> {
    return this.#keys.send(statement, keys, (adapted) => this.#sendAdapted(adapted));
  }

  async #sendAdapted(statement: Statement): Promise<unknown> {
    try {
      const lease = this.lease ?? this.migrations;
      if (lease !== undefined) await this.#expectLease(lease, statement[0]);
      const result = (await super.query(...statement)) as unknown;
      const converting = this.#keys.giveAsNumbers(result, statement[0]);
      if (converting !== undefined) await converting;
      return result;
    } catch (error) {
      // Ours say more than the QueryFailedError that the host makes of every error.
      throw findInChain(error, isDsqlError) ?? (await withExplanation(error));
    }
  }

  /** A process that lost the lease on the schema sends nothing more, but ends what it had begun. */
  async #expectLease(lease: Pick<HeldLease, 'hold'>, text: string): Promise<void> {
    if (summarizeText(text).verb === 'rollback') return;
    await this.connect();
    await lease.hold();
  }

  /** Gives the connection back to the pool; see {@link AutocommitRunner}. */
  giveConnectionBack(): void {
    if (this.isReleased || this.releaseCallback === undefined) return;
    // A connection that must not be used again is not taken back by the pool.
    this.releaseCallback(undefined);
    this.releaseCallback = undefined;
    // The host connects again where neither is there; its types do not say so.
    Object.assign(this, { databaseConnection: undefined, databaseConnectionPromise: undefined });
    const { connectedQueryRunners } = this.driver;
    const index = connectedQueryRunners.indexOf(this);
    if (index >= 0) connectedQueryRunners.splice(index, 1);
  }

  /** For the subscribers it stays one transaction. */
  async #outsideTransaction<T>(work: () => Promise<T>): Promise<T> {
    this.scope?.expectNothingUnfinished();
    await this.#sendInTransaction(['COMMIT']);
    this.#isCommitted = false;
    this.isTransactionActive = false;
    try {
      const result = await work();
      this.isTransactionActive = true;
      await this.#sendInTransaction(['START TRANSACTION']);
      return result;
    } finally {
      // Where it was not begun again, there is nothing that its rollback would have to undo.
      this.isTransactionActive = true;
    }
  }

  /** What came behind it would commit itself, and be done again with the callback after a conflict. */
  #refuseToEndWith(text: string): void {
    const { scope } = this;
    if (scope?.states === undefined || !this.isTransactionActive || this.#endsTransaction) return;
    const refusal = refusalToEndWith(text);
    if (refusal === undefined) return;
    // Even if the error is caught: what it was to end goes on.
    scope.markRollbackOnly(refusal);
    throw refusal;
  }

  /** What TypeORM writes for PostgreSQL, as Aurora DSQL takes it. */
  #adapt(text: string, parameters: unknown): string {
    const sql = adaptRowLocks(text, this.driver.mapping);
    return Array.isArray(parameters) ? adaptOverlaps(sql, parameters) : sql;
  }

  /** In a migration a statement is a step of it, and may be sent otherwise than it was written. */
  #carryOut(statement: Statement): Promise<unknown> {
    if (this.#migration === undefined) return this.#run(statement);
    const [, ...rest] = statement;
    return this.#migration.run(statement, (sql) => this.#run([sql, ...rest]));
  }

  /** Whether the transaction that it is in is run again by itself where it was not committed. */
  get isRepeatable(): boolean {
    return this.scope?.states !== undefined;
  }

  #run(statement: Statement): Promise<unknown> {
    const arrays = arrayStatementOf(statement);
    return arrays === undefined ? this.#send(statement) : this.#insertArrays(statement, arrays);
  }

  async #insertArrays(statement: Statement, arrays: ArrayStatement): Promise<unknown> {
    try {
      const result = await this.#send(statement);
      arrays.accepted();
      return result;
    } catch (error) {
      const values = arrays.insteadOf(error);
      if (values === undefined) throw error;
      if (this.#isAutocommit(values)) return this.#send(values);
      throw this.isRepeatable ? new NotCommitted({ cause: error }) : error;
    }
  }

  #send(statement: Statement): Promise<unknown> {
    const { marked } = this.#autocommit;
    if (marked !== undefined) return marked.then(() => this.#send(statement));
    return this.#isAutocommit(statement)
      ? this.#autocommit.run(statement)
      : this.#sendInTransaction(statement);
  }

  #isAutocommit([text, parameters]: Statement): boolean {
    if (this.isTransactionActive || this.client?.isInTransaction === true) return false;
    const hasParameters = Array.isArray(parameters) && parameters.length > 0;
    return hasParameters || summarizeText(text).statements <= 1;
  }

  async #sendInTransaction(statement: Statement): Promise<unknown> {
    const { scope } = this;
    const { verb, onlyReads, mayCommit } = summarizeText(statement[0]);
    this.#expectNotEnding(verb);
    if (verb === 'commit' || verb === 'rollback') return this.#sendEnd(statement, verb);
    const send = async () => {
      if (verb !== 'begin') this.#expectConnection(undefined);
      if (verb === undefined) await scope?.enter(statement, this.#scopeConnection());
      while (this.#first.isUnderWay) {
        await this.#first.whenAnswered();
        this.#expectNotEnding(verb);
      }
      if (verb === 'begin') this.migrations?.entries.forget();
      if (verb === undefined && this.#isFirstOfCaller) return this.#sendFirst(statement);
      return verb === undefined && scope?.endsWithNext() === true
        ? this.#sendLast(statement, scope)
        : this.sendOnce(statement, scope?.keys);
    };
    try {
      const result = await (scope === undefined || onlyReads ? send() : scope.during(send));
      if (mayCommit) this.#noteCommit();
      return result;
    } catch (error) {
      scope?.noteFailure(error);
      throw error;
    }
  }

  #expectNotEnding(verb: TransactionVerb | undefined): void {
    if (!this.#isEnding && !(this.#hasCommitTravelled && verb === undefined)) return;
    throw new DsqlError(
      'A statement was not sent, because its transaction was being committed or rolled back: a promise was not awaited. Await every operation before the callback returns.',
    );
  }

  /** Whether BEGIN travels with what is sent next, in a transaction that only its caller could run again. */
  get #isFirstOfCaller(): boolean {
    const isCallers = !this.isRepeatable && this.#migration === undefined;
    return isCallers && this.isTransactionActive && this.client?.hasUnsentBegin === true;
  }

  #sendFirst(statement: Statement): Promise<unknown> {
    const { defaults } = transactionsOf(dataSourceOf(this));
    const send = () => this.sendOnce(statement);
    return this.#first.send(statement[0], send, () => this.client, defaults.run);
  }

  /** Sends the last statement of a transaction, and COMMIT with it. */
  async #sendLast([text, parameters, ...rest]: Statement, scope: TransactionScope): Promise<unknown> {
    await scope.prepareCommit();
    this.#isEnding = true;
    try {
      const result = await this.sendOnce(
        [text, ofLastStatement(parameters as unknown[]), ...rest],
        scope.keys,
      );
      this.#hasCommitTravelled = true;
      return result;
    } catch (error) {
      this.#hasCommitTravelled = findInChain(error, isAfterCommitError) !== undefined;
      throw error;
    } finally {
      this.#isEnding = false;
      if (this.#hasCommitTravelled) this.#noteCommit();
    }
  }

  #noteCommit(): void {
    this.#isCommitted = true;
    this.scope?.noteCommit();
  }

  async #sendEnd(statement: Statement, verb: 'commit' | 'rollback'): Promise<unknown> {
    if (verb === 'commit' && this.#hasCommitTravelled) {
      dataSourceOf(this).logger.logQuery(statement[0], undefined, this);
      return undefined;
    }
    this.#isEnding = true;
    try {
      while (this.#first.isUnderWay) await this.#first.whenAnswered();
      this.#expectConnection(verb);
      if (verb === 'commit') await this.migrations?.noteBeforeCommit(this.#runForJournal);
      else this.migrations?.entries.forget();
      const result = await this.sendOnce(statement);
      if (verb === 'commit') {
        this.migrations?.entries.committed();
        this.#noteCommit();
      }
      return result;
    } catch (error) {
      if (verb === 'commit') throw error;
      await this.#destroyConnection(error);
      // The server rolls back what has lost its connection.
      if (!isNotSentError(error)) throw error;
      return undefined;
    } finally {
      this.#isEnding = false;
    }
  }

  /** The host releases a query runner whose connection was lost, and then only says that it is released. */
  #expectConnection(verb: TransactionVerb | undefined): void {
    if (!this.isReleased || !this.isTransactionActive) return;
    const subject = verb === undefined ? 'statement' : verb === 'commit' ? 'COMMIT' : 'ROLLBACK';
    throw new NotSentError(subject, { cause: new QueryRunnerAlreadyReleasedError() });
  }

  #scopeConnection(): ScopeConnection {
    const { scope } = this;
    return {
      // What was sent past the host, through its connection, must not be given back with it.
      canBeGivenBack: () => this.client?.hasUnsentBegin !== false,
      giveBack: () => {
        this.giveConnectionBack();
      },
      isOpen: () => this.scope === scope && this.isTransactionActive,
      begin: () => this.sendOnce(['START TRANSACTION']),
    };
  }

  #warn(message: string): void {
    dataSourceOf(this).logger.log('warn', message, this);
  }

  #end(): void {
    this.isTransactionActive = false;
    this.scope?.end();
    if (this.#ownsScope) this.scope = undefined;
    this.#ownsScope = false;
  }

  async #destroyConnection(error: unknown): Promise<void> {
    this.releaseCallback?.(error);
    this.releaseCallback = undefined;
    this.transactionDepth = 0;
    this.#end();
    await super.release();
  }
}
