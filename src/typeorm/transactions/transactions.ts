import type { DataSource, QueryRunner } from 'typeorm';
import {
  CommitMarkers,
  resolveTransactionOptions,
  TransactionRunner,
  type Admit,
  type NestedMode,
  type ResolvedTransactionDefaults,
  type RunStatement,
  type TransactionCounters,
} from '../../occ';
import type { EntityStates } from './entity-states';
import type { RecordedReads } from '../schema/recorded-reads';
import type { ReusedIdentityKeys } from '../writes/reused-identity-keys';

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

  /** Runs a statement that commits itself, on a connection of its own. */
  run(text: string, values: readonly string[]): ReturnType<RunStatement> {
    return this.#runOn(undefined)(text, values);
  }

  /** Runs statements that commit themselves: on `queryRunner` as long as that is idle, else on another one. */
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

/** Data sources that are not ours have no place of their own for it. */
const transactions = new WeakMap<DataSource, Transactions>();

/** Says how the transactions of a data source are run. */
export function setTransactionDefaults(dataSource: DataSource, defaults: ResolvedTransactionDefaults): void {
  transactions.set(dataSource, new Transactions(dataSource, defaults));
}

/** What runs the transactions of a data source, ours or not. */
export function transactionsOf(dataSource: DataSource): Transactions {
  const known = transactions.get(dataSource);
  if (known !== undefined) return known;
  setTransactionDefaults(dataSource, resolveTransactionOptions());
  return transactionsOf(dataSource);
}

/**
 * What a data source has done so far: transactions, and autocommit statements.
 *
 * @returns live counters
 */
export function transactionCounters(dataSource: DataSource): Readonly<TransactionCounters> {
  return transactionsOf(dataSource).runner.counters;
}

/** What is known of the transaction that a query runner is in, or is about to begin. */
export interface TransactionScope {
  readonly nested: NestedMode;
  /** How the caller's objects were, where the transaction can be run again; nothing where its caller began it himself. */
  readonly states?: EntityStates;
  /** What earlier attempts were given as keys, where the transaction can be run again. */
  readonly keys?: ReusedIdentityKeys;
  /** Asked before the first statement is sent, where the number of transactions in flight is limited. */
  readonly admit?: Admit | undefined;
  /** Runs as the last thing before COMMIT. */
  readonly beforeCommit?: (() => Promise<unknown>) | undefined;
  /** What was read before the transaction began; nothing from then on. */
  reads?: RecordedReads | undefined;
  /** The id of the row that says whether the transaction was committed. */
  marker?: string;
  /** The wait for {@link TransactionScope.admit}, once it has begun. */
  admission?: Promise<void>;
  /** Whether a statement was sent in it. */
  isUsed: boolean;
  /** Whether a COMMIT in it was done. */
  isCommitted?: boolean;
  /** Whether a statement was sent that does more than read. */
  hasWritten: boolean;
  /** Whether a statement was sent that changes the schema. */
  hasChangedSchema: boolean;
  /** Writing operations that have not ended. */
  unfinished: number;
  /** The first error of a statement in the transaction: all later ones follow from it. */
  firstError?: unknown;
  /** A transaction inside it has failed or was refused, so it must not be committed. */
  rollbackOnly?: { readonly cause: unknown };
}

const scopes = new WeakMap<QueryRunner, TransactionScope>();

/** The transaction that a query runner is in. */
export function scopeOf(queryRunner: QueryRunner | undefined): TransactionScope | undefined {
  return queryRunner === undefined ? undefined : scopes.get(queryRunner);
}

/** A query runner is about to begin a transaction. */
export function openScope(queryRunner: QueryRunner, scope: TransactionScope): void {
  scopes.set(queryRunner, scope);
}

/** A query runner has ended its transaction. */
export function closeScope(queryRunner: QueryRunner): void {
  scopes.delete(queryRunner);
}

/** The 0.3 line of TypeORM calls it `connection`. */
export function dataSourceOf(part: { readonly dataSource: DataSource }): DataSource {
  const { dataSource, connection } = part as { dataSource?: DataSource; connection: DataSource };
  return dataSource ?? connection;
}
