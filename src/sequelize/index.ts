export { attachDsql } from './attach-dsql';
export { dsqlBeforeConnect } from './before-connect';
export { createDsqlSequelize } from './create-dsql-sequelize';
export type { DsqlTransactions } from './dsql-instance';
export { DsqlSequelize, type DsqlSequelizeClass, type SequelizeClass } from './dsql-sequelize';
export { inBatches, type SequelizeBatchesOptions } from './in-batches';
export { MigrationStorage, type MigrationStorageOptions } from './migration-storage';
export type { DsqlSequelizeOptions } from './options';
export { runInTransaction } from './run-in-transaction';
export { isStaleInstanceError, StaleInstanceError } from './stale-instance-error';
export { transactionCounters } from './transaction-counters';
export type { SequelizeTransactionOptions } from './transaction-options';
export {
  CommitOutcomeUnknownError,
  ConfigurationError,
  isCommitOutcomeUnknownError,
  isConfigurationError,
  isTokenSigningError,
  isTransactionRolledBackError,
  TokenSigningError,
  TransactionRolledBackError,
  type ConnectionOptions,
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
