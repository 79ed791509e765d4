/**
 * Lets every `new Sequelize(options)` whose options have `dsql` reach Aurora DSQL: for sequelize-cli, NestJS and other
 * code that constructs the instance itself. Instances without `dsql` are left as they are.
 *
 * Of sequelize-cli it lets one process at a time run migrations, with the lease that all migrations take.
 *
 * It is imported for what it does: it adds one hook to the class `Sequelize`. A hook cannot fail a constructor: what
 * {@link attachDsql} would throw is the cause of the `ConnectionError` that rejects every call on the instance.
 *
 * @example
 * ```js
 * // config/config.js of sequelize-cli
 * require('aurora-dsql-orm/sequelize/register');
 *
 * const config = { dialect: 'postgres', host: process.env.CLUSTER_ENDPOINT, dsql: {} };
 * module.exports = { development: config, test: config, production: config };
 * ```
 *
 * @packageDocumentation
 */
import '../node/peers/sequelize';

import { ConnectionError, Sequelize } from 'sequelize';
import type { DsqlOrmOptions } from '../schema';
import { attachDsql } from './attach-dsql';
import { refuseDatabaseCommands } from './migrations/cli-commands';
import { directionOfCli, journalForCli } from './migrations/cli-migrations';

declare module 'sequelize' {
  interface Options {
    /** DSQL-specific options; their presence makes the instance one that reaches Aurora DSQL. */
    dsql?: DsqlOrmOptions | undefined;
  }
}

Sequelize.addHook('afterInit', 'aurora-dsql-orm', (sequelize) => {
  const { dsql } = (sequelize as unknown as { readonly options: { readonly dsql?: DsqlOrmOptions } }).options;
  if (dsql === undefined) return;
  try {
    attachDsql(sequelize, dsql);
    const direction = directionOfCli(process.argv);
    if (direction !== undefined) journalForCli(sequelize, direction);
    refuseDatabaseCommands(sequelize, process.argv);
  } catch (error) {
    // Sequelize makes of what a hook throws a rejection that nobody handles, and the instance would go on as it was.
    const refusal = Object.assign(new ConnectionError(error as Error), { cause: error });
    Object.assign(sequelize.connectionManager, { getConnection: () => Promise.reject(refusal) });
  }
});
