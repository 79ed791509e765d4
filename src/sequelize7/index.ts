/**
 * Sequelize 7 (`@sequelize/core`, an alpha) on Aurora DSQL.
 *
 * @experimental
 */
export { DsqlDialect } from './dsql-dialect';
export type { DsqlConnectionOptions, DsqlDialectOptions, DsqlOptions } from './options';
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
export { isSchemaJobError, SchemaJobError, type SchemaProgress } from '../schema';
