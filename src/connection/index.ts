export {
  clientConfig,
  DsqlClient,
  driverOptionNames,
  splitOptions,
  type DialledConfig,
  type DriverOptions,
  type DsqlClientOptions,
} from './client';
export { connectionChannels, type ConnectionMessage, type EndpointMessage } from './diagnostics';
export type { EndpointPolicy } from './endpoints/endpoint-policy';
export {
  EndpointsUnreachableError,
  isEndpointsUnreachableError,
  type EndpointFailure,
} from './endpoints/endpoints-unreachable-error';
export {
  ConfigurationError,
  DsqlError,
  isConfigurationError,
  isDsqlError,
  isTokenSigningError,
  TokenSigningError,
  type TokenSigningReason,
} from './errors';
export { lifetimeSecs } from './lifetime';
export { oneConnectionPerWaiter } from './one-connection-per-waiter';
export { openClient } from './open-client';
export {
  connectionOptions,
  dsqlOptions,
  type ConnectionOptions,
  type DsqlOptions,
} from './options/connection-options';
export {
  callback,
  flag,
  isObject,
  numberThat,
  oneOf,
  text,
  valueThat,
  wholeNumber,
} from './options/option-kinds';
export {
  checkOptionNames,
  resolveGiven,
  resolveOptions,
  type OptionDescriptor,
  type OptionKind,
  type OptionsOf,
  type OptionTable,
  type ResolvedOptionsOf,
} from './options/option-table';
export type { EndpointOptions } from './options/endpoint-options';
export { refusedOption, tokenInstead, unknownOption, type RefusedOptions } from './options/refused-options';
export { schemaBesides } from './options/start-up-options';
export { similarName } from './options/similar-name';
export { resolveConnection, type ResolvedConnection } from './options/resolved-connection';
export { withTrustRoots } from './options/trust-roots';
export { DsqlPool, poolOptionNames, type DsqlPoolOptions, type PoolOptions } from './pool';
export { elapsedMs, nextTurn, sleep, systemTimeMs } from './real-time';
export { refusalIn } from './refused-connection';
export { fieldsOf, rowsBefore } from './transactions/answer-facts';
export { ofLastStatement } from './transactions/last-statement';
export { Pipeline } from './transactions/pipeline';
export { Pace, warmUp } from './warm-up';
export { createTokenSigner, type Credentials, type TokenSigner, type TokenSignerOptions } from './token';
export { isServerError, outcomeOfPlainCommit } from './transactions/outcome';
export {
  AfterCommitError,
  CommitOutcomeUnknownError,
  isAfterCommitError,
  isCommitOutcomeUnknownError,
  isMessageTooLargeError,
  isNotSentError,
  isSkippedStatementError,
  isTooManyParametersError,
  isTransactionRolledBackError,
  MessageTooLargeError,
  NotSentError,
  TooManyParametersError,
  TransactionRolledBackError,
} from './transactions/transaction-errors';
