/** The errors that every entry point exports, and how they are told apart. */
export {
  AfterCommitError,
  CommitOutcomeUnknownError,
  ConfigurationError,
  EndpointsUnreachableError,
  isAfterCommitError,
  isCommitOutcomeUnknownError,
  isConfigurationError,
  isEndpointsUnreachableError,
  isMessageTooLargeError,
  isNotSentError,
  isTokenSigningError,
  isTooManyParametersError,
  isTransactionRolledBackError,
  MessageTooLargeError,
  NotSentError,
  TokenSigningError,
  TooManyParametersError,
  TransactionRolledBackError,
  type EndpointFailure,
  type TokenSigningReason,
} from '../connection';
export { classifyError, type ErrorClass, type ErrorKind } from './classify-error';
export { isOccConflict } from './conflict';
export {
  isNestedTransactionError,
  isPartlyCommittedError,
  isRetryExhaustedError,
  isUnsupportedFeatureError,
  NestedTransactionError,
  PartlyCommittedError,
  RetryExhaustedError,
  UnsupportedFeatureError,
} from './errors';
export type { RetryContext, RetryOptions } from './retry';
