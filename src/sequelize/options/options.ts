import type { Options, PoolOptions } from 'sequelize';
import * as pg from 'pg';
import {
  ConfigurationError,
  driverOptionNames,
  resolveConnection,
  schemaBesides,
  refusedOption,
  tokenInstead,
  unknownOption,
  withTrustRoots,
  type DriverOptions,
  type ResolvedConnection,
} from '../../connection';
import type { ResolvedTransactionDefaults } from '../../occ';
import {
  checkHostOptions,
  splitOrmOptions,
  type DsqlOrmOptions,
  type HostOptions,
  type ResolvedMapping,
} from '../../schema';
import { checkRetryOption } from '../transactions/retry-option';

/** Options of Sequelize's PostgreSQL dialect that have no meaning on Aurora DSQL, and what to do instead. */
const refusedOptions = {
  password: tokenInstead('dsql.'),
  native: 'The tokens and the verified TLS live in the JavaScript client; remove it.',
  dialectModule: 'This package brings its own client, built on node-postgres.',
  dialectModulePath: 'This package brings its own client, built on node-postgres.',
  clientMinMessages: 'Aurora DSQL refuses SET client_min_messages, so it is never sent.',
} as const;

type RefusedOption = keyof typeof refusedOptions;

const hostOptions: HostOptions = {
  names: new Set(
    Object.keys({
      dialect: true,
      dialectModule: true,
      dialectModulePath: true,
      dialectOptions: true,
      storage: true,
      database: true,
      databaseVersion: true,
      username: true,
      password: true,
      host: true,
      port: true,
      ssl: true,
      protocol: true,
      define: true,
      query: true,
      set: true,
      sync: true,
      timezone: true,
      logging: true,
      benchmark: true,
      logQueryParameters: true,
      omitNull: true,
      native: true,
      replication: true,
      pool: true,
      quoteIdentifiers: true,
      isolationLevel: true,
      transactionType: true,
      typeValidation: true,
      operatorsAliases: true,
      standardConformingStrings: true,
      clientMinMessages: true,
      hooks: true,
      minifyAliases: true,
      retry: true,
      schema: true,
      attributeBehavior: true,
    } satisfies Record<Exclude<keyof Options, 'dsql'> | 'databaseVersion', true>),
  ),
  refused: refusedOptions,
  elsewhere: {
    ...Object.fromEntries(
      driverOptionNames.map((name) => [
        name,
        `It goes in \`dialectOptions\`: write \`dialectOptions: { ${name}: … }\`.`,
      ]),
    ),
    max: 'The size of the pool is `pool: { max: … }`.',
    poolSize: 'The size of the pool is `pool: { max: … }`.',
    user: 'It is called `username`.',
    connectionString: 'It is the first argument: createDsqlSequelize(url, options).',
    applicationName: 'It is `dsql: { ormPrefix: … }`.',
    application_name: 'It is `dsql: { ormPrefix: … }`.',
    extra: 'That is an option of TypeORM. Sequelize has `pool` and `dialectOptions`.',
    entities: 'That is an option of TypeORM. Models are defined on the instance.',
  },
};

/**
 * Sequelize's options, and DSQL-specific ones in `dsql`.
 *
 * @typeParam HostOptions - the options of the class that is made to reach Aurora DSQL
 */
export type DsqlSequelizeOptions<HostOptions extends Options = Options> = Omit<
  HostOptions,
  'dialect' | RefusedOption
> & {
  readonly dialect?: 'postgres' | undefined;
  readonly dsql?: DsqlOrmOptions | undefined;
};

/** {@link DsqlSequelizeOptions}, checked: what Sequelize is told, and how each of its endpoints is reached. */
export interface ResolvedSequelizeOptions {
  readonly hostOptions: Options;
  readonly connectionOf: (endpoint: SequelizeEndpoint) => ResolvedConnection;
  /** How the database is reached, whichever endpoint it is: all of them are the same database. */
  readonly primary: ResolvedConnection;
  readonly driverOptions: DriverOptions;
  readonly transactions: ResolvedTransactionDefaults;
  readonly mapping: ResolvedMapping;
}

/** An endpoint as Sequelize describes it: its own options, or a member of `replication`. */
export interface SequelizeEndpoint {
  readonly host?: string | undefined;
  readonly port?: number | string | undefined;
  readonly username?: string | undefined;
  readonly database?: string | undefined;
}

/** Sequelize says this where nobody named a host. */
export const DEFAULT_HOST = 'localhost';

const poolNames: ReadonlySet<string> = new Set<keyof PoolOptions>([
  'max',
  'min',
  'idle',
  'acquire',
  'evict',
  'maxUses',
  'validate',
]);

/** Of `dialectOptions`, what this package reads or passes to the client. */
const dialectOptionNames: ReadonlySet<string> = new Set<string>([
  ...driverOptionNames.filter((name) => name !== 'types'),
  'ssl',
  'application_name',
  'options',
  'clientMinMessages',
  'prependSearchPath',
]);

/**
 * Checks the options before anything is sent.
 *
 * @param options - left untouched
 * @param url - the connection string, where the caller gives one as Sequelize's first argument
 * @throws ConfigurationError naming the first option that is unknown or has a wrong value
 */
export function resolveSequelizeOptions(
  options: DsqlSequelizeOptions,
  url?: string,
): ResolvedSequelizeOptions {
  const { dsql: ormOptions = {}, ssl, dialectOptions = {}, ...given } = options;
  const { connection: dsql, transactions, mapping } = splitOrmOptions(ormOptions, hostOptions);
  checkSequelizeOptions(given);
  const dialect = dialectOptions as Partial<Record<string, unknown>>;
  checkNames('dialectOptions', dialect, dialectOptionNames);
  const ca = withTrustRoots(withTrustRoots(dsql.ca, 'ssl', ssl), 'dialectOptions.ssl', dialect.ssl);
  const schema = schemaBesides(given.schema, dialect.options, 'dialectOptions.options');
  const name = typeof dialect.application_name === 'string' ? dialect.application_name : undefined;

  const resolve = (endpoint: SequelizeEndpoint) =>
    resolveConnection(
      {
        ...dsql,
        ormPrefix: dsql.ormPrefix ?? name,
        connectionString: url,
        host: endpoint.host === DEFAULT_HOST ? undefined : endpoint.host,
        port: portOf(endpoint),
        user: endpoint.username,
        database: endpoint.database,
        schema,
        ca,
      },
      'sequelize',
      dsql.ormPrefix === undefined && name !== undefined,
    );
  const connectionOf = rememberEndpoints(resolve);

  const { host, port, username, database, replication } = given;
  const own: SequelizeEndpoint = { host, port, username, database };
  const endpoints = replication
    ? [replication.write, replication.read].flat().map((endpoint) => ({ ...own, ...endpoint }))
    : [own];
  const [first] = endpoints.map((endpoint) => connectionOf(endpoint));
  const primary = first ?? connectionOf(own);

  return {
    transactions,
    mapping,
    connectionOf: (endpoint) => (replication ? connectionOf(endpoint) : primary),
    primary,
    driverOptions: Object.fromEntries(
      driverOptionNames.flatMap((name) => (dialect[name] === undefined ? [] : [[name, dialect[name]]])),
    ),
    hostOptions: hostOptionsOf({ ...given, dialectOptions }, primary),
  };
}

/** What Sequelize is told. */
function hostOptionsOf(given: Options, primary: ResolvedConnection): Options {
  return {
    ...given,
    pool: { max: 10, idle: 600_000, ...given.pool },
    dialect: 'postgres',
    dialectModule: pg,
    dialectOptions: { ...given.dialectOptions },
    host: primary.host,
    // Each of several endpoints has its own.
    port: primary.endpoints === undefined ? primary.port : given.port,
    username: primary.user,
    database: primary.database,
  };
}

/** A URL that names no port leaves an empty one, or none. */
function portOf({ port }: { readonly port?: number | string | null | undefined }): number | undefined {
  return port === undefined || port === null || port === '' ? undefined : Number(port);
}

/** `sequelize-cli init` writes `"password": null`; the options of another instance of ours have its client. */
function isSilent(value: unknown): boolean {
  return value === null || value === false || value === pg;
}

function checkSequelizeOptions(options: object): void {
  const given = options as Partial<Record<string, unknown>>;
  checkHostOptions(given, hostOptions, isSilent);
  const { host = DEFAULT_HOST, url } = given;
  // sequelize-cli leaves it beside what it has read from it.
  if (typeof url === 'string' && host === DEFAULT_HOST) {
    throw refusedOption(
      'url',
      'A connection string is the first argument: createDsqlSequelize(url, options).',
    );
  }
  checkNames('pool', given.pool, poolNames);
  if (given.dialect !== undefined && given.dialect !== 'postgres') {
    throw new ConfigurationError('dialect', 'must be "postgres"; or omit it.');
  }
  if (given.standardConformingStrings === false) {
    throw new ConfigurationError(
      'standardConformingStrings',
      'cannot be false: Aurora DSQL reads strings by the standard, and refuses the SET.',
    );
  }
  checkRetryOption(given.retry);
  checkRetryOption((given.query as { readonly retry?: unknown } | undefined)?.retry, 'query.retry');
}

function checkNames(option: string, given: unknown, names: ReadonlySet<string>): void {
  for (const name of Object.keys(given ?? {})) {
    if (!names.has(name)) throw unknownOption(`${option}.${name}`, names);
  }
}

/** One resolved connection for each endpoint, so that its credentials are resolved once for all its connections. */
function rememberEndpoints(
  resolve: (endpoint: SequelizeEndpoint) => ResolvedConnection,
): (endpoint: SequelizeEndpoint) => ResolvedConnection {
  const resolved = new Map<string, ResolvedConnection>();
  return (endpoint) => {
    const key = JSON.stringify([endpoint.host, endpoint.port, endpoint.username, endpoint.database]);
    let connection = resolved.get(key);
    if (connection === undefined) {
      connection = resolve(endpoint);
      resolved.set(key, connection);
    }
    return connection;
  };
}
