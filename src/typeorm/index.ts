import '../node/peers/typeorm';

export {
  createDsqlDataSource,
  type DsqlDataSource,
  type DsqlRunMigrationsOptions,
  type DsqlUndoMigrationOptions,
} from './dsql-data-source';
export type { DsqlRunOptions } from './migrations/migrations';
export type { TypeOrmTransactionOptions } from './transactions/managed-transaction';
export { inBatches, type TypeOrmBatchesOptions } from './writes/in-batches';
export type { DsqlDataSourceOptions, DsqlReplicationEndpoint } from './options';
export { runInTransaction } from './transactions/run-in-transaction';
export { isStaleEntityError, StaleEntityError } from './transactions/stale-entity-error';
export { conflictReport, transactionCounters } from './transactions/transactions';
export { warmUp } from './warm-up';
export type { MigrationRunOptions } from '../migrate/for-orms';
export * from '../schema/shared-exports';
