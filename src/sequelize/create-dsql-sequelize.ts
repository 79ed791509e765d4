import { Sequelize } from 'sequelize';
import { DsqlConnectionManager } from './dsql-connection-manager';
import { resolveSequelizeOptions, type DsqlSequelizeOptions } from './options';

/** The parts of an instance that Sequelize's types keep to themselves. */
interface Internals {
  readonly dialect: { connectionManager: DsqlConnectionManager };
  connectionManager: DsqlConnectionManager;
}

/**
 * A `Sequelize` whose every new connection presents a fresh IAM token to an Aurora DSQL cluster.
 *
 * @param options - Sequelize's options, and what is DSQL's own in `dsql`; left untouched
 * @throws ConfigurationError naming the first option that cannot be, before anything is sent
 *
 * @example
 * ```ts
 * const sequelize = createDsqlSequelize({
 *   host: 'abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws',
 *   logging: false,
 * });
 * ```
 */
export function createDsqlSequelize(options: DsqlSequelizeOptions): Sequelize;
/**
 * The same, with a connection string: `postgres://`, `postgresql://` or `dsql://`.
 *
 * @throws ConfigurationError naming the first option that cannot be, before anything is sent
 */
export function createDsqlSequelize(url: string, options?: DsqlSequelizeOptions): Sequelize;
export function createDsqlSequelize(
  urlOrOptions: string | DsqlSequelizeOptions,
  optionsBesideUrl: DsqlSequelizeOptions = {},
): Sequelize {
  const resolved =
    typeof urlOrOptions === 'string'
      ? resolveSequelizeOptions(optionsBesideUrl, urlOrOptions)
      : resolveSequelizeOptions(urlOrOptions);
  const sequelize = new Sequelize(resolved.hostOptions);
  const internals = sequelize as unknown as Internals;
  const { dialect } = internals;
  // The manager that the host has made so far has opened nothing.
  dialect.connectionManager = new DsqlConnectionManager(dialect, sequelize, resolved);
  internals.connectionManager = dialect.connectionManager;
  return sequelize;
}
