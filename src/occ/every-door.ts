/** What every door hands out: the errors, and how they are told apart. */
export {
  CommitOutcomeUnknownError,
  ConfigurationError,
  isCommitOutcomeUnknownError,
  isConfigurationError,
  isTokenSigningError,
  isTransactionRolledBackError,
  TokenSigningError,
  TransactionRolledBackError,
  type TokenSigningReason,
} from '../connection';
export { classifyError, type ErrorClass, type ErrorKind } from './classify-error';
export { isOccConflict } from './conflict';
export {
  AfterCommitError,
  isAfterCommitError,
  isNestedTransactionError,
  isRetryExhaustedError,
  isUnsupportedFeatureError,
  NestedTransactionError,
  RetryExhaustedError,
  UnsupportedFeatureError,
} from './errors';
export type { RetryContext, RetryOptions } from './retry';
