/**
 * Sequelize 7 (`@sequelize/core`, an alpha) on Aurora DSQL.
 *
 * @experimental
 */
export { DsqlDialect } from './dsql-dialect';
export type { DsqlConnectionOptions, DsqlDialectOptions, DsqlOptions } from './options';
export { runInTransaction } from './run-in-transaction';
export { isStaleInstanceError, StaleInstanceError } from './stale-instance-error';
export { transactionCounters } from './transaction-counters';
export type { SequelizeTransactionOptions } from './transaction-options';
export * from '../schema/orm-door';
