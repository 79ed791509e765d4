export { createDsqlDataSource } from './dsql-data-source';
export type { TypeOrmTransactionOptions } from './dsql-entity-manager';
export { inBatches, type TypeOrmBatchesOptions } from './in-batches';
export type { DsqlDataSourceOptions, DsqlReplicationEndpoint } from './options';
export { runInTransaction } from './run-in-transaction';
export { isStaleEntityError, StaleEntityError } from './stale-entity-error';
export { transactionCounters } from './transactions';
export {
  CommitOutcomeUnknownError,
  ConfigurationError,
  isCommitOutcomeUnknownError,
  isConfigurationError,
  isTokenSigningError,
  isTransactionRolledBackError,
  TokenSigningError,
  TransactionRolledBackError,
  type DsqlOptions,
} from '../connection';
export {
  AfterCommitError,
  classifyError,
  isAfterCommitError,
  isNestedTransactionError,
  isOccConflict,
  isRetryExhaustedError,
  isUnsupportedFeatureError,
  NestedTransactionError,
  RetryExhaustedError,
  UnsupportedFeatureError,
  type ErrorClass,
  type ErrorKind,
  type NestedMode,
  type RetryContext,
  type RetryOptions,
  type TransactionCounters,
  type TransactionDefaults,
  type TransactionOptions,
} from '../occ';
export {
  BatchesError,
  isBatchesError,
  type BatchesOptions,
  type BatchesProgress,
  type RowRange,
} from '../occ';
export {
  isSchemaJobError,
  SchemaJobError,
  type DsqlOrmOptions,
  type SchemaJob,
  type SchemaProgress,
} from '../schema';
