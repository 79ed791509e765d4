export { dsqlBeforeConnect } from './before-connect';
export { createDsqlSequelize } from './create-dsql-sequelize';
export type { DsqlSequelizeOptions } from './options';
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
  type ConnectionOptions,
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
