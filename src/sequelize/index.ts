export { dsqlBeforeConnect } from './before-connect';
export { createDsqlSequelize } from './create-dsql-sequelize';
export type { DsqlSequelizeOptions } from './options';
export { runInTransaction } from './run-in-transaction';
export {
  ConfigurationError,
  isConfigurationError,
  isTokenSigningError,
  TokenSigningError,
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
