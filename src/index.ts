import './node/peers/pg';

export {
  connectionChannels,
  createTokenSigner,
  DsqlClient,
  DsqlError,
  DsqlPool,
  isDsqlError,
  type ConnectionMessage,
  type ConnectionOptions,
  type Credentials,
  type DriverOptions,
  type DsqlClientOptions,
  type DsqlPoolOptions,
  type EndpointMessage,
  type EndpointOptions,
  type EndpointPolicy,
  type PoolOptions,
  type TokenSigner,
  type TokenSignerOptions,
  type TokenSigningReason,
} from './connection';
export { retryOnConflict, transactionChannels, type TransactionMessage } from './occ';
export * from './occ/public-errors';
