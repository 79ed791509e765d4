import type { AbstractDialect, Sequelize } from '@sequelize/core';
import { PostgresDialect, type PostgresConnectionOptions } from '@sequelize/postgres';
import { parseConnectionString } from '../connection';
import { DsqlConnectionManager } from './dsql-connection-manager';
import { DsqlInstance } from './dsql-instance';
import { DsqlQuery } from './dsql-query';
import { DsqlQueryGenerator } from './dsql-query-generator';
import { DsqlQueryInterface } from './dsql-query-interface';
import {
  endpointOptionNames,
  resolveOptions,
  type DsqlConnectionOptions,
  type DsqlDialectOptions,
  type DsqlOptions,
} from './options';

/** The keys, of no meaning at run time, under which the type of a dialect keeps those of its options. */
type OptionKeys = Extract<keyof AbstractDialect, symbol>;

/** The two are told apart by what they are of a dialect whose options are known. */
type WithOptions = {
  readonly [key in OptionKeys]: AbstractDialect<{ dialect: true }, { connection: true }>[key] extends {
    dialect: true;
  }
    ? DsqlDialectOptions
    : DsqlConnectionOptions;
};

const Host = PostgresDialect as unknown as Omit<
  typeof PostgresDialect,
  'prototype' | 'getSupportedOptions' | 'getSupportedConnectionOptions'
> & {
  new (sequelize: Sequelize, options: object): PostgresDialect & WithOptions;
  extendSupport(supports: object): typeof PostgresDialect.supports;
  getSupportedOptions(): readonly string[];
  getSupportedConnectionOptions(): readonly string[];
};

/**
 * Sequelize 7's PostgreSQL dialect, on Aurora DSQL: a token for each connection over verified TLS, transactions and
 * statements that are run again after a conflict, and a schema that is translated. It goes on calling itself `postgres`.
 *
 * The options are Sequelize's; what is Aurora DSQL's own stands in `dsql`.
 *
 * @experimental Sequelize 7 is an alpha, and may change with each of its releases
 * @throws ConfigurationError from `new Sequelize`, naming the first option that cannot be, before anything is sent
 *
 * @example
 * ```ts
 * const sequelize = new Sequelize({
 *   dialect: DsqlDialect,
 *   host: 'abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws',
 *   dsql: { retry: { maxAttempts: 20 } },
 * });
 * ```
 */
export class DsqlDialect extends Host {
  static override readonly supports = Host.extendSupport({
    // EXCEPTION is how Sequelize catches a duplicate key in PL/pgSQL, which Aurora DSQL has not.
    EXCEPTION: false,
    skipLocked: false,
    savepoints: false,
    uuidV1Generation: false,
    // Two DDL statements at once are a conflict.
    dropTable: { concurrentDropConstraints: false },
  });

  override readonly connectionManager: DsqlConnectionManager;
  override readonly queryGenerator: DsqlQueryGenerator;
  override readonly queryInterface: DsqlQueryInterface;
  override readonly Query = DsqlQuery;

  constructor(sequelize: Sequelize, { dsql, ...options }: DsqlDialectOptions) {
    const resolved = resolveOptions(sequelize.rawOptions);
    super(sequelize, options);
    hideCredentials(sequelize, dsql);
    this.connectionManager = new DsqlConnectionManager(this, resolved);
    this.queryGenerator = new DsqlQueryGenerator(this, resolved.mapping);
    const instance = new DsqlInstance(sequelize, this.connectionManager, resolved);
    this.queryInterface = new DsqlQueryInterface(this, instance);
  }

  /** A connection string: `postgres://`, `postgresql://` or `dsql://`. */
  override parseConnectionUrl(
    url: string,
  ): PostgresConnectionOptions & { readonly connectionString: string } {
    const { host, port, user, database } = parseConnectionString(url);
    const given = Object.entries({ host, port, user, database }).filter(([, value]) => value !== undefined);
    return { ...Object.fromEntries(given), connectionString: url };
  }

  static override getSupportedOptions(): readonly (keyof DsqlDialectOptions)[] {
    return ['dsql', 'native', 'pgModule', 'standardConformingStrings', 'clientMinMessages'];
  }

  static override getSupportedConnectionOptions(): typeof endpointOptionNames {
    return endpointOptionNames;
  }
}

/** Sequelize keeps the options that it was given, and shows them to whoever looks at the instance. */
function hideCredentials(sequelize: Sequelize, dsql: DsqlOptions = {}): void {
  const { credentials } = dsql;
  if (typeof credentials !== 'object') return;
  const hidden = Object.freeze({ ...dsql, credentials: () => Promise.resolve(credentials) });
  Object.assign(sequelize, { rawOptions: Object.freeze({ ...sequelize.rawOptions, dsql: hidden }) });
}
