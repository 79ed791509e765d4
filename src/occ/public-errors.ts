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
  isNotBegunError,
  isPartlyCommittedError,
  isRetryExhaustedError,
  isUnsupportedFeatureError,
  NestedTransactionError,
  NotBegunError,
  PartlyCommittedError,
  RetryExhaustedError,
  UnsupportedFeatureError,
  type NotBegunReason,
} from './errors';
export type { RetryContext, RetryOptions } from './retry';
