import { Sequelize } from 'sequelize';
import type { DsqlTransactions } from './dsql-instance';
import { DsqlSequelize } from './dsql-sequelize';
import type { DsqlSequelizeOptions } from './options';

/**
 * A `Sequelize` whose every new connection presents a fresh IAM token to an Aurora DSQL cluster, and which runs managed
 * transactions, and statements outside transactions, again after a conflict.
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
export function createDsqlSequelize(options: DsqlSequelizeOptions): Sequelize & DsqlTransactions;
/**
 * The same, with a connection string: `postgres://`, `postgresql://` or `dsql://`.
 *
 * @throws ConfigurationError naming the first option that cannot be, before anything is sent
 */
export function createDsqlSequelize(
  url: string,
  options?: DsqlSequelizeOptions,
): Sequelize & DsqlTransactions;
export function createDsqlSequelize(
  urlOrOptions: string | DsqlSequelizeOptions,
  optionsBesideUrl?: DsqlSequelizeOptions,
): Sequelize & DsqlTransactions {
  const OnDsql = DsqlSequelize(Sequelize);
  return typeof urlOrOptions === 'string'
    ? new OnDsql(urlOrOptions, optionsBesideUrl)
    : new OnDsql(urlOrOptions);
}
