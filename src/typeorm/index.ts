export { createDsqlDataSource } from './dsql-data-source';
export type { DsqlDataSourceOptions, DsqlReplicationEndpoint } from './options';
export { runInTransaction } from './run-in-transaction';
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
  isNestedTransactionError,
  isOccConflict,
  isRetryExhaustedError,
  isUnsupportedFeatureError,
  NestedTransactionError,
  RetryExhaustedError,
  UnsupportedFeatureError,
  type RetryContext,
  type RetryOptions,
} from '../occ';
