import { Sequelize } from 'sequelize';
import type { ConstructorArguments } from './options/constructor-arguments';
import type { DsqlTransactions } from './dsql-transactions';
import { DsqlSequelize } from './dsql-sequelize';
import type { DsqlSequelizeOptions } from './options/options';

/**
 * A `Sequelize` whose every new connection presents a fresh IAM token to an Aurora DSQL cluster, and which runs managed
 * transactions, and statements outside transactions, again after a conflict.
 *
 * @param options - Sequelize's options, and DSQL-specific ones in `dsql`; left untouched
 * @throws ConfigurationError naming the first option that is unknown or has a wrong value, before anything is sent
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
 * @throws ConfigurationError naming the first option that is unknown or has a wrong value, before anything is sent
 */
export function createDsqlSequelize(
  url: string,
  options?: DsqlSequelizeOptions,
): Sequelize & DsqlTransactions;
/**
 * The same, with what a database and its user are called first, as `new Sequelize()` takes them: on Aurora DSQL the
 * database is `postgres`, and there is no password.
 *
 * @throws ConfigurationError naming the first option that is unknown or has a wrong value, before anything is sent
 */
export function createDsqlSequelize(
  database: string | null,
  username: string | null,
  password?: null,
  options?: DsqlSequelizeOptions,
): Sequelize & DsqlTransactions;
export function createDsqlSequelize(...args: ConstructorArguments): Sequelize & DsqlTransactions {
  return new (DsqlSequelize(Sequelize))(...args);
}
