import { QueryRunnerAlreadyReleasedError, type ReplicationMode } from 'typeorm';
import type { IsolationLevel } from 'typeorm/driver/types/IsolationLevel.js';
import type { PostgresQueryRunner } from 'typeorm/driver/postgres/PostgresQueryRunner.js';
import { AfterCommitError, isDsqlError, TransactionRolledBackError, type DsqlClient } from '../connection';
import {
  checkIsolationLevel,
  findInChain,
  NestedTransactionError,
  NotCommitted,
  refusalToEndWith,
} from '../occ';
import type {
  HeldLease,
  Migrations,
  MigrationToRun,
  RunInTransaction,
  TableBatches,
} from '../migrate/for-orms';
import { adaptRowLocks, asNumbers, type ReusedIdentityKeys } from '../schema';
import { summarizeText } from '../sql';
import type { DsqlDriverParts } from './dsql-driver-parts';
import { withExplanation } from './refusal-explanation';
import { MigrationRunner, type MigratingRunner } from './migrations/migration-runner';
import { adaptRowStream, failedRowStream } from './row-stream';
import { clearTable } from './schema/clear-table';
import { SchemaQueryRunner } from './schema/schema-query-runner';
import { answerOf, type Statement } from './statement';
import { AutocommitStatements } from './transactions/autocommit-statements';
import { inHostTransaction } from './transactions/host-transaction';
import { RememberingBroadcaster } from './transactions/remembering-broadcaster';
import { expectNotTooLate, TransactionScope } from './transactions/transaction-scope';
import { TransactionStatements } from './transactions/transaction-statements';
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
export class DsqlQueryRunner extends SchemaQueryRunner implements MigratingRunner {
  declare driver: DsqlDriverParts;
  declare broadcaster: RememberingBroadcaster;
  /** The transaction that it is in, or is about to begin: set by the managed transaction or by `startTransaction`. */
  scope: TransactionScope | undefined;
  /** What journals the migrations that are run on it. */
  migrations: Migrations | undefined;
  /** It was committed, and `commitTransaction` has failed all the same. */
  #hasFailedAfterCommit = false;
  /** COMMIT or ROLLBACK is the host's own, and not one that a callback sends as text. */
  #endsTransaction = false;
  readonly #autocommit = new AutocommitStatements(this);
  readonly #inTransaction = new TransactionStatements(this);
  /** Made when it is first needed: a query runner is made for each statement. */
  #migrating: MigrationRunner | undefined;
  readonly #keys: ResultKeys;

  constructor(driver: DsqlDriverParts, mode: ReplicationMode) {
    super(driver, mode);
    this.#keys = new ResultKeys(driver, () => this.client);
    this.broadcaster = new RememberingBroadcaster(this, () => this.scope?.states);
  }

  override get isMigrating(): boolean {
    return this.#migrating?.steps !== undefined;
  }

  /** Its connection, while it has one. */
  get client(): DsqlClient | undefined {
    return this.databaseConnection as DsqlClient | undefined;
  }

  /** Whether the transaction that it is in is run again by itself where it was not committed. */
  get isRepeatable(): boolean {
    return this.scope?.states !== undefined;
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
    if (this.#migrating?.isDryRun === true) return this.#migrating.endDryRun();
    if (this.isTransactionActive) {
      if (this.scope === undefined) throw new NestedTransactionError();
      if (this.scope.nested !== 'join') throw this.scope.refuseNested();
      this.transactionDepth++;
      return;
    }
    this.#inTransaction.begin();
    this.#hasFailedAfterCommit = false;
    // The host counts down once more where ROLLBACK found no connection; 0.3.20 would then send a SAVEPOINT.
    this.transactionDepth = 0;
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
    if (this.#migrating?.isDryRun === true) return this.#migrating.endDryRun();
    // It refuses; what became of the transaction before is no outcome of this call.
    if (!this.isTransactionActive) return super.commitTransaction();
    if (this.transactionDepth > 1) {
      this.transactionDepth--;
      return;
    }
    const { scope } = this;
    const isToBeSent = !this.#inTransaction.hasCommitTravelled;
    if (isToBeSent) {
      scope?.expectComplete();
      scope?.expectNothingUnfinished();
    }
    try {
      if (isToBeSent) await scope?.prepareCommit();
      await this.#endTransaction(() => super.commitTransaction());
    } catch (error) {
      if (this.#inTransaction.isCommitted) {
        this.#hasFailedAfterCommit = true;
        throw new AfterCommitError({ cause: error });
      }
      if (error instanceof TransactionRolledBackError) error.cause ??= scope?.firstError;
      throw error;
    } finally {
      if (this.#inTransaction.isCommitted) this.#end();
    }
  }

  /**
   * Rolls the transaction back; a connection on which that fails is not used again. After an AfterCommitError there is
   * nothing to do: that error is the one to report.
   */
  override async rollbackTransaction(): Promise<void> {
    if (this.#migrating?.isDryRun === true) return this.#migrating.endDryRun();
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
    await this.#inTransaction.enter([sql, parameters]);
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

  /** Runs a migration: see {@link MigrationRunner.carryOut}. */
  carryOutMigration(
    migration: MigrationToRun,
    migrations: Migrations,
    work: () => Promise<void>,
  ): Promise<void> {
    return this.#migrationRunner.carryOut(migration, migrations, () => {
      // What the migration before has read is not read again, but the next process begins with this one and reads it. What
      // a dry run has made of tables was not done.
      this.loadedTables = [];
      this.loadedViews = [];
      return work();
    });
  }

  get #migrationRunner(): MigrationRunner {
    return (this.#migrating ??= new MigrationRunner(this, this.#inTransaction));
  }

  /** Changes rows in batches: see {@link MigrationRunner.runInBatches}. */
  runInBatches(batches: TableBatches): Promise<void> {
    return this.#migrationRunner.runInBatches(batches);
  }

  /** Runs work in a transaction besides the one that it is about to begin; see {@link MigratingRunner}. */
  async inTransactionOfItsOwn<T>(work: () => Promise<T>): Promise<T> {
    const { scope, transactionDepth } = this;
    this.scope = undefined;
    try {
      return await inHostTransaction(this, work);
    } finally {
      Object.assign(this, { scope, transactionDepth });
    }
  }

  /** Sends what the journal writes, in the transaction that is open. */
  readonly runForJournal: RunInTransaction = async (text, values) =>
    answerOf(await this.sendOnce([text, [...values], true])).rows;

  /** Sends a statement once; see {@link MigratingRunner}. */
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

  /** Gives the connection back to the pool; see {@link MigratingRunner}. */
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
    const steps = this.#migrating?.steps;
    if (steps === undefined) return this.send(statement);
    const [, ...rest] = statement;
    return steps.run(statement, (sql) => this.send([sql, ...rest]));
  }

  /** Sends a statement that is no step of a migration; see {@link MigratingRunner}. */
  send(statement: Statement): Promise<unknown> {
    const arrays = arrayStatementOf(statement);
    return arrays === undefined ? this.#dispatch(statement) : this.#insertArrays(statement, arrays);
  }

  async #insertArrays(statement: Statement, arrays: ArrayStatement): Promise<unknown> {
    try {
      const result = await this.#dispatch(statement);
      arrays.accepted();
      return result;
    } catch (error) {
      const values = arrays.insteadOf(error);
      if (values === undefined) throw error;
      if (this.#isAutocommit(values)) return this.#dispatch(values);
      throw this.isRepeatable ? new NotCommitted({ cause: error }) : error;
    }
  }

  #dispatch(statement: Statement): Promise<unknown> {
    const { marked } = this.#autocommit;
    if (marked !== undefined) return marked.then(() => this.#dispatch(statement));
    if (!this.#isAutocommit(statement)) return this.#inTransaction.run(statement);
    expectNotTooLate();
    return this.#autocommit.run(statement);
  }

  #isAutocommit([text, parameters]: Statement): boolean {
    if (this.isTransactionActive || this.client?.isInTransaction === true) return false;
    const hasParameters = Array.isArray(parameters) && parameters.length > 0;
    return hasParameters || summarizeText(text).statements <= 1;
  }

  #warn(message: string): void {
    dataSourceOf(this).logger.log('warn', message, this);
  }

  #end(): void {
    this.isTransactionActive = false;
    this.scope?.end();
    // Otherwise it is that of a managed transaction, which may have another attempt.
    if (!this.isRepeatable) this.scope = undefined;
  }

  /** The transaction is over, and its connection is not used again; see {@link MigratingRunner}. */
  async destroyConnection(error: unknown): Promise<void> {
    this.releaseCallback?.(error);
    this.releaseCallback = undefined;
    this.transactionDepth = 0;
    this.#end();
    await super.release();
  }
}
