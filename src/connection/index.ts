export {
  clientConfig,
  DsqlClient,
  driverOptionNames,
  splitOptions,
  type DialledConfig,
  type DriverOptions,
  type DsqlClientOptions,
} from './client';
export { parseConnectionString } from './options/connection-string';
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
export { checkDsqlOptions, withTrustRoots, type DsqlOptions } from './options/host-options';
export { lifetimeSecs } from './lifetime';
export { oneConnectionPerWaiter } from './one-connection-per-waiter';
export { openClient } from './open-client';
export type { ConnectionOptions } from './options/connection-options';
export { resolveConnection, unknownOption, type ResolvedConnection } from './options/options';
export { DsqlPool, poolOptionNames, type DsqlPoolOptions, type PoolOptions } from './pool';
export { elapsedMs, sleep, systemTimeMs } from './real-time';
export { refusalIn, type Refusal } from './refused-connection';
export { fieldsOf } from './transactions/result-fields';
export { rowsBefore } from './transactions/rows-before-error';
export { createTokenSigner, type Credentials, type TokenSigner, type TokenSignerOptions } from './token';
export { isServerError, outcomeOfPlainCommit } from './transactions/outcome';
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
} from './transactions/transaction-errors';
