import {
  checkOptionNames,
  clientConfig,
  ConfigurationError,
  connectionOptions,
  resolveConnection,
  type ConnectionOptions,
  type ResolvedConnection,
} from '../connection';
import { DEFAULT_HOST } from './options/options';

/** What Sequelize hands to the hook. It is one object for all connections of an endpoint, so it must hold no token. */
interface HookConfig {
  host?: string;
  port?: number | string;
  username?: string;
  database?: string;
  password?: unknown;
  dialectOptions?: object;
}

/**
 * The `beforeConnect` hook alone, for people who build their `Sequelize` themselves: it signs a token for each
 * connection over verified TLS, and changes nothing else. {@link createDsqlSequelize} does more.
 *
 * @param options - where and how to connect; what it leaves out is taken from the instance's own configuration
 * @returns the hook; it puts a function in the place of the password, so no token is left in the shared configuration
 * @throws ConfigurationError naming the first option that is unknown or has a wrong value
 *
 * @example
 * ```ts
 * const sequelize = new Sequelize({
 *   dialect: 'postgres',
 *   hooks: { beforeConnect: dsqlBeforeConnect({ host: 'abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws' }) },
 * });
 * ```
 */
export function dsqlBeforeConnect(options: ConnectionOptions = {}): (config: object) => void {
  checkOptionNames(options, connectionOptions);
  if (options.endpoints !== undefined) {
    throw new ConfigurationError(
      'endpoints',
      'cannot be used with the hook alone: Sequelize opens the connection and tells the hook nothing of a failure. Use createDsqlSequelize or attachDsql, or set `host`.',
    );
  }
  const resolve = (endpoint: ConnectionOptions) =>
    resolveConnection({ ...endpoint, ...options }, 'sequelize');
  const namesHost = options.host !== undefined || options.connectionString !== undefined;
  const named = namesHost ? resolve({}) : undefined;
  // By the host's own object for an endpoint, which is all that tells endpoints apart and must hold nothing of ours.
  const connections = new WeakMap<object, ResolvedConnection>();

  return (shared) => {
    const config: HookConfig = shared;
    const connection = named ?? connections.get(config) ?? resolve(endpointOf(config));
    connections.set(config, connection);
    const {
      host,
      port,
      user,
      database,
      ssl,
      application_name,
      stream,
      options: startUp,
    } = clientConfig(connection);
    Object.assign(config, {
      host,
      port,
      username: user,
      database,
      password: connection.signToken,
      dialectOptions: {
        ...config.dialectOptions,
        ssl,
        application_name,
        ...(stream && { stream }),
        ...(startUp !== undefined && { options: startUp }),
        clientMinMessages: 'ignore',
      },
    });
  };
}

/** Where nobody named a host, Sequelize says `localhost` and the usual port: then the environment speaks. */
function endpointOf({ host, port, username, database }: HookConfig): ConnectionOptions {
  if (host === undefined || host === DEFAULT_HOST) return {};
  return {
    host,
    ...(port !== undefined && { port: Number(port) }),
    ...(username !== undefined && { user: username }),
    ...(database !== undefined && { database }),
  };
}
