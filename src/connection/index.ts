export {
  clientConfig,
  DsqlClient,
  driverOptionNames,
  splitOptions,
  type DialledConfig,
  type DriverOptions,
  type DsqlClientOptions,
} from './client';
export { parseConnectionString } from './connection-string';
export { connectionChannels, type ConnectionMessage } from './diagnostics';
export {
  ConfigurationError,
  DsqlError,
  isConfigurationError,
  isDsqlError,
  isTokenSigningError,
  TokenSigningError,
  type TokenSigningReason,
} from './errors';
export { checkDsqlOptions, withTrustRoots, type DsqlOptions } from './host-options';
export { lifetimeSecs } from './lifetime';
export { oneConnectionPerWaiter } from './one-connection-per-waiter';
export { openClient } from './open-client';
export type { ConnectionOptions } from './connection-options';
export { resolveConnection, unknownOption, type ResolvedConnection } from './options';
export { DsqlPool, poolOptionNames, type DsqlPoolOptions, type PoolOptions } from './pool';
export { elapsedMs, sleep, systemTimeMs } from './real-time';
export { refusalIn, type Refusal } from './refused-connection';
export { fieldsOf } from './result-fields';
export { rowsBefore } from './rows-before-error';
export { createTokenSigner, type Credentials, type TokenSigner, type TokenSignerOptions } from './token';
export { isServerError, outcomeOfPlainCommit } from './outcome';
export {
  AfterCommitError,
  CommitOutcomeUnknownError,
  isAfterCommitError,
  isCommitOutcomeUnknownError,
  isMessageTooLargeError,
  isNotSentError,
  isTransactionRolledBackError,
  MessageTooLargeError,
  NotSentError,
  TransactionRolledBackError,
} from './transaction-errors';
