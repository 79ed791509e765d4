import { AsyncLocalStorage } from 'node:async_hooks';
import { retryOnConflict, UnsupportedFeatureError } from '../../occ';
import type {
  Migrations,
  MigrationSession,
  MigrationToRun,
  RunInTransaction,
  TableBatches,
} from '../../migrate/for-orms';
import type { DsqlDriverParts } from '../dsql-driver-parts';
import { appendToMessage } from '../refusal-explanation';
import { answerOf, type Statement } from '../statement';
import type { TransactionalRunner, TransactionStatements } from '../transactions/transaction-statements';
import { dataSourceOf } from '../transactions/transactions';
import { MigrationSteps } from './migration-steps';
import { asMigration } from './only-connection';

/** A query runner, as far as the migrations and batches that are run on it use it. */
export interface MigratingRunner extends TransactionalRunner {
  readonly driver: DsqlDriverParts;
  /** Finds out the schema that names without one lead to, unless it is known. */
  knowSchema(): Promise<void>;
  /** Sends a statement that is no step of a migration, in the transaction that is open or alone. */
  send(statement: Statement): Promise<unknown>;
  /** Runs work in a transaction of the host's that has nothing to do with the one that it is about to begin. */
  inTransactionOfItsOwn<T>(work: () => Promise<T>): Promise<T>;
}

/** Runs migrations, and changes of rows in batches, on one query runner. */
export class MigrationRunner {
  readonly #runner: MigratingRunner;
  readonly #transaction: TransactionStatements;
  #steps: MigrationSteps | undefined;
  /** What a dry run has called stays in it, also when the migration itself runs. */
  readonly #ofDryRun = new AsyncLocalStorage<MigrationSteps>();

  /** @param transaction - that of the query runner */
  constructor(runner: MigratingRunner, transaction: TransactionStatements) {
    this.#runner = runner;
    this.#transaction = transaction;
  }

  /** The migration whose statements are those that the query runner is given now. */
  get steps(): MigrationSteps | undefined {
    return this.#ofDryRun.getStore() ?? this.#steps;
  }

  /** Whether what calls this belongs to a dry run. */
  get isDryRun(): boolean {
    return this.#ofDryRun.getStore() !== undefined;
  }

  /** The transaction that is open is none of the dry run's. */
  async endDryRun(): Promise<void> {
    await this.#ofDryRun.getStore()?.endDryRun();
  }

  /**
   * Runs a migration, up or down; {@link MigrationRun} says what becomes of its transaction.
   *
   * @throws what `work` throws; its message also says what of the migration stays
   */
  async carryOut(
    migration: MigrationToRun,
    migrations: Migrations,
    work: () => Promise<void>,
  ): Promise<void> {
    const { mapping } = this.#runner.driver;
    let remains: () => string | undefined = () => undefined;
    // Asked by the migration's code, it would be an error of that.
    await this.#runner.knowSchema();
    try {
      await migrations.carryOut(migration, this.#session(migrations), async (run) => {
        remains = () => run.remains;
        if (run.isDryRun) {
          const enums = migrations.enums.copy();
          const steps = new MigrationSteps(migration.name, run, { mapping, enums });
          return this.#ofDryRun.run(steps, work);
        }
        this.#steps = new MigrationSteps(migration.name, run, { mapping, enums: migrations.enums });
        const { driver } = this.#runner;
        const hasConnection = () => this.#runner.client !== undefined;
        try {
          await asMigration({ name: migration.name, driver, hasConnection }, work);
        } finally {
          this.#steps = undefined;
        }
      });
    } catch (error) {
      const stays = remains();
      if (error instanceof Error && stays !== undefined) appendToMessage(error, stays);
      throw error;
    }
  }

  /**
   * Changes rows in batches: see `inBatches` of `aurora-dsql-orm/migrate`.
   *
   * @throws UnsupportedFeatureError in a transaction that is not a migration's
   */
  async runInBatches(batches: TableBatches): Promise<void> {
    const { steps } = this;
    if (steps !== undefined) return steps.batches(batches);
    if (this.#isInTransaction) {
      throw new UnsupportedFeatureError('inBatches in a transaction', 'Commit it first.');
    }
    await batches.run({
      read: (sql) => this.#read(sql),
      inTransaction: (work) => retryOnConflict(() => this.#inBatch(work)),
      onBatch: (rows, totalRows) => {
        const { mapping } = this.#runner.driver;
        mapping.onSchemaProgress?.({ step: 'batch', sql: batches.text, rows, totalRows });
        this.#log(`${totalRows} ${batches.text}`);
      },
    });
  }

  #session({ entries }: Migrations): MigrationSession {
    const runner = this.#runner;
    const isInTransaction = () => this.#isInTransaction;
    const log = (message: string) => {
      this.#log(message);
    };
    return {
      get isInTransaction() {
        return isInTransaction();
      },
      // One that the migration begins is left as it is.
      isSplit: runner.isTransactionActive,
      get isRunAgain() {
        return runner.isRepeatable;
      },
      entries,
      send: async (sql) => answerOf(await runner.send([sql, undefined, true])),
      outsideTransaction: (outside) => this.#transaction.outside(outside),
      inTransaction: (work) => this.#inOwnTransaction(work),
      inBatch: (work) => this.#inBatch(work),
      read: (sql) => this.#read(sql),
      warn: (message) => {
        dataSourceOf(runner).logger.log('warn', message, runner);
      },
      log,
      tell: log,
      onProgress: runner.driver.mapping.onSchemaProgress,
    };
  }

  get #isInTransaction(): boolean {
    return this.#runner.isTransactionActive || this.#runner.client?.isInTransaction === true;
  }

  async #read(sql: string): Promise<readonly unknown[]> {
    return (await this.#runner.driver.catalogue.read(sql, this.#runner.client)).rows;
  }

  #log(message: string): void {
    dataSourceOf(this.#runner).logger.logSchemaBuild(message, this.#runner);
  }

  /** What is sent meanwhile goes into a transaction of the host's, and is no statement of a migration. */
  async #inBatch<T>(work: (run: RunInTransaction) => Promise<T>): Promise<T> {
    const steps = this.#steps;
    this.#steps = undefined;
    try {
      return await this.#runner.inTransactionOfItsOwn(() => work(this.#runner.runForJournal));
    } finally {
      this.#steps = steps;
    }
  }

  /** Not a transaction of the host's: its subscribers are not told of what the migration did not begin. */
  async #inOwnTransaction<T>(work: (run: RunInTransaction) => Promise<T>): Promise<T> {
    const runner = this.#runner;
    await runner.sendOnce(['START TRANSACTION']);
    try {
      const result = await work(runner.runForJournal);
      await runner.sendOnce(['COMMIT']);
      return result;
    } catch (error) {
      // The first error is the one to report.
      await runner.sendOnce(['ROLLBACK']).catch(() => undefined);
      throw error;
    }
  }
}
