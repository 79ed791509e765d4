import type { Sequelize } from 'sequelize';
import { PostgresDialect } from 'sequelize/lib/dialects/postgres/index';
import { BulkQueryInterface } from './bulk-query-interface';
import { DsqlConnectionManager } from './dsql-connection-manager';
import { DsqlQuery } from './dsql-query';
import { DsqlQueryGenerator } from './dsql-query-generator';
import type { ResolvedSequelizeOptions } from './options';

/** Sequelize's PostgreSQL dialect, on Aurora DSQL, for one instance. It goes on calling itself `postgres`. */
export class DsqlDialect extends PostgresDialect {
  constructor(sequelize: Sequelize, resolved: ResolvedSequelizeOptions) {
    super(sequelize);
    // EXCEPTION is how Sequelize catches a duplicate key in PL/pgSQL, which Aurora DSQL has not.
    this.supports = { ...this.supports, EXCEPTION: false, skipLocked: false };
    this.Query = DsqlQuery;
    this.connectionManager = new DsqlConnectionManager(this, sequelize, resolved);
    this.queryGenerator = new DsqlQueryGenerator({ _dialect: this, sequelize }, resolved.mapping);
    this.queryInterface = new BulkQueryInterface(sequelize, this.queryGenerator, resolved.mapping);
  }
}
