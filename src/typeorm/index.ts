export { createDsqlDataSource } from './dsql-data-source';
export type { TypeOrmTransactionOptions } from './managed-transaction';
export { inBatches, type TypeOrmBatchesOptions } from './in-batches';
export type { DsqlDataSourceOptions, DsqlReplicationEndpoint } from './options';
export { runInTransaction } from './run-in-transaction';
export { isStaleEntityError, StaleEntityError } from './stale-entity-error';
export { transactionCounters } from './transactions';
export * from '../schema/shared-exports';
export type { DsqlOptions } from '../connection';
export {
  BatchesError,
  isBatchesError,
  type BatchesOptions,
  type BatchesProgress,
  type RowRange,
} from '../occ';
export type { DsqlOrmOptions } from '../schema';
