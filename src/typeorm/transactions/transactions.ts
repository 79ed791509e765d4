import type { DataSource, QueryRunner } from 'typeorm';
import {
  CommitMarkers,
  resolveTransactionOptions,
  TransactionRunner,
  type ConflictReport,
  type ResolvedTransactionDefaults,
  type RunStatement,
  type TransactionCounters,
} from '../../occ';

/** What runs the transactions of one data source. */
export class Transactions {
  readonly runner: TransactionRunner;
  readonly defaults: ResolvedTransactionDefaults;
  readonly markers: CommitMarkers;
  readonly #dataSource: DataSource;

  constructor(dataSource: DataSource, defaults: ResolvedTransactionDefaults) {
    this.#dataSource = dataSource;
    this.defaults = defaults;
    this.runner = new TransactionRunner(defaults.run);
    this.markers = new CommitMarkers(this.#runOn(undefined));
  }

  /** @param queryRunner - the one of the attempt: it is used, because the pool may have no other connection */
  createMarker(queryRunner: QueryRunner): Promise<string> {
    return this.markers.create(this.#runOn(queryRunner));
  }

  /** @param queryRunner - one that may hold the only connection of the pool */
  wasCommitted(marker: string, queryRunner: QueryRunner | undefined): Promise<boolean | undefined> {
    return this.markers.wasCommitted(marker, this.#runOn(queryRunner));
  }

  /** Runs an autocommit statement, on a connection of its own. */
  run(text: string, values: readonly string[]): ReturnType<RunStatement> {
    return this.#runOn(undefined)(text, values);
  }

  /** Runs autocommit statements: on `queryRunner` as long as that is idle, else on another one. */
  #runOn(queryRunner: QueryRunner | undefined): RunStatement {
    return async (text, values) => {
      const isFree = queryRunner !== undefined && !queryRunner.isReleased && !queryRunner.isTransactionActive;
      const own = isFree ? queryRunner : this.#dataSource.createQueryRunner();
      try {
        const { records } = (await own.query(text, [...values], true)) as {
          readonly records: readonly Record<string, unknown>[];
        };
        return records;
      } finally {
        if (own !== queryRunner) await own.release();
      }
    };
  }
}

/** A driver of ours has the transactions of its data source. */
interface TransactionsOwner {
  readonly transactions: Transactions;
}

/** Honest here: a data source that is not ours has no place for them, and lives as long as they are of use. */
const ofOthers = new WeakMap<DataSource, Transactions>();

/** What runs the transactions of a data source, ours or not. */
export function transactionsOf(dataSource: DataSource): Transactions {
  const { transactions } = dataSource.driver as unknown as Partial<TransactionsOwner>;
  if (transactions instanceof Transactions) return transactions;
  const known = ofOthers.get(dataSource) ?? new Transactions(dataSource, resolveTransactionOptions());
  ofOthers.set(dataSource, known);
  return known;
}

/**
 * What a data source has done so far: transactions, and autocommit statements.
 *
 * @returns live counters
 */
export function transactionCounters(dataSource: DataSource): Readonly<TransactionCounters> {
  return transactionsOf(dataSource).runner.counters;
}

/**
 * Which transactions, and autocommit statements, have met conflicts, the worst first: how often, on which tables and keys,
 * and how much time it cost. What has met no conflict is not in it.
 *
 * @param dataSource - one of ours, or one that `runInTransaction` was used with
 * @returns a copy, as it is now
 */
export function conflictReport(dataSource: DataSource): ConflictReport {
  return transactionsOf(dataSource).runner.conflicts.report;
}

/** The 0.3 line of TypeORM calls it `connection`. */
export function dataSourceOf(part: { readonly dataSource: DataSource }): DataSource {
  const { dataSource, connection } = part as { dataSource?: DataSource; connection: DataSource };
  return dataSource ?? connection;
}
