import type { DataSource, QueryRunner } from 'typeorm';
import { CommitMarkers, resolveTransactionOptions, TransactionRunner, type NestedMode } from '../occ';
import type { ResolvedTransactionDefaults, TransactionCounters } from '../occ';
import type { AllottedKeys } from './allotted-keys';
import type { EntityStates } from './entity-states';
import type { RecordedReads } from './recorded-reads';

/** What runs the transactions of a data source. */
export interface Transactions {
  readonly runner: TransactionRunner;
  readonly defaults: ResolvedTransactionDefaults;
  readonly markers: CommitMarkers;
}

/** Data sources that are not ours have no place of their own for it. */
const transactions = new WeakMap<DataSource, Transactions>();

/** Says how the transactions of a data source are run. */
export function setTransactionDefaults(dataSource: DataSource, defaults: ResolvedTransactionDefaults): void {
  const markers = new CommitMarkers((text, values) => runAlone(dataSource, text, values));
  transactions.set(dataSource, { runner: new TransactionRunner(defaults.run), defaults, markers });
}

async function runAlone(
  dataSource: DataSource,
  text: string,
  values: readonly string[],
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const queryRunner = dataSource.createQueryRunner();
  try {
    const { records } = (await queryRunner.query(text, [...values], true)) as {
      readonly records: readonly Record<string, unknown>[];
    };
    return records;
  } finally {
    await queryRunner.release();
  }
}

/** What runs the transactions of a data source, ours or not. */
export function transactionsOf(dataSource: DataSource): Transactions {
  const known = transactions.get(dataSource);
  if (known !== undefined) return known;
  setTransactionDefaults(dataSource, resolveTransactionOptions());
  return transactionsOf(dataSource);
}

/**
 * What a data source has done so far: transactions, and statements that stood alone.
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
  readonly keys?: AllottedKeys;
  /** What was read before the transaction began; nothing from then on. */
  reads?: RecordedReads | undefined;
  /** Whether this ends where the transaction would begin: only the reads before it are wanted. */
  readonly isRehearsal?: boolean;
  /** Runs as the last thing before COMMIT. */
  readonly beforeCommit?: (() => Promise<unknown>) | undefined;
  /** Whether a statement was sent in it. */
  isUsed: boolean;
  /** Writing operations that have not ended. */
  unfinished: number;
  /** The first error of a statement in the transaction: all later ones follow from it. */
  firstError?: unknown;
  /** Work that had joined the transaction has failed, so it must not be committed. */
  failedJoin?: { readonly cause: unknown };
}

/** Ends a rehearsal. Nobody outside gets to see it. */
export class RehearsalEnd extends Error {}

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
