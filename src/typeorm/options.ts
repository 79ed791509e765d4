import { types, type CustomTypesConfig } from 'pg';
import type { DataSourceOptions } from 'typeorm';
import {
  ConfigurationError,
  isObject,
  poolOptionNames,
  refusedOption,
  resolveConnection,
  schemaBesides,
  tokenInstead,
  unknownOption,
  withTrustRoots,
  type DsqlOptions,
  type DsqlPoolOptions,
  type ResolvedConnection,
} from '../connection';
import type { ResolvedTransactionDefaults } from '../occ';
import {
  checkHostOptions,
  splitOrmOptions,
  type DsqlOrmOptions,
  type HostOptions,
  type ResolvedMapping,
} from '../schema';
import { DsqlDriverModule } from './driver-module';

type PostgresOptions = Extract<DataSourceOptions, { type: 'postgres' }>;

/** The options of TypeORM's PostgreSQL driver that have no meaning on Aurora DSQL, and what to do instead. */
const refusedOptions = {
  password: tokenInstead('dsql.'),
  driver: 'This package brings its own, built on node-postgres.',
  nativeDriver: 'The tokens and the verified TLS live in the JavaScript client; remove it.',
  extensions: 'Aurora DSQL has no extensions; gen_random_uuid() is built in.',
} as const;

type RefusedOption = keyof typeof refusedOptions;

/** The endpoint of one member of `replication`. */
export type DsqlReplicationEndpoint = Omit<
  PostgresOptions['replication'] extends { master: infer Endpoint } | undefined ? Endpoint : never,
  'password' | 'ssl'
>;

/** TypeORM's PostgreSQL options, and DSQL-specific ones in `dsql`. */
export type DsqlDataSourceOptions = Omit<
  PostgresOptions,
  'type' | 'ssl' | 'installExtensions' | 'uuidExtension' | 'replication' | RefusedOption
> & {
  readonly type?: 'postgres' | undefined;
  /** Verified TLS is always on; `ca` in it adds trust roots. */
  readonly ssl?:
    | true
    | { readonly rejectUnauthorized?: true; readonly ca?: string | Buffer | (string | Buffer)[] }
    | undefined;
  readonly installExtensions?: false | undefined;
  /** Either way the built-in gen_random_uuid() makes the values: uuid_generate_v4() makes such as well. */
  readonly uuidExtension?: 'pgcrypto' | 'uuid-ossp' | undefined;
  readonly replication?:
    | {
        readonly master: DsqlReplicationEndpoint;
        readonly slaves: DsqlReplicationEndpoint[];
        readonly defaultMode?: 'master' | 'slave';
      }
    | undefined;
  readonly dsql?: DsqlOrmOptions | undefined;
};

/** {@link DsqlDataSourceOptions}, checked: what TypeORM is told, and what is ours. */
export interface ResolvedDataSourceOptions extends ResolvedDriverOptions {
  readonly hostOptions: PostgresOptions;
}

/** What is ours among the options of a data source, checked. */
export interface ResolvedDriverOptions {
  /** How an endpoint is reached: a member of `replication`, or the only one. */
  readonly connectionOf: (endpoint: object) => ResolvedConnection;
  readonly poolOptions: DsqlPoolOptions;
  readonly transactions: ResolvedTransactionDefaults;
  readonly mapping: ResolvedMapping;
}

/** Those of both lines of TypeORM, 0.3 and 1. */
type HostOptionName = keyof PostgresOptions | 'name' | 'cli' | 'parseInt8' | 'applicationName';

const hostOptions: HostOptions = {
  names: new Set(
    Object.keys({
      type: true,
      name: true,
      cli: true,
      url: true,
      host: true,
      port: true,
      username: true,
      password: true,
      database: true,
      schema: true,
      ssl: true,
      driver: true,
      nativeDriver: true,
      useUTC: true,
      replication: true,
      connectTimeoutMS: true,
      uuidExtension: true,
      poolErrorHandler: true,
      poolSize: true,
      logNotifications: true,
      installExtensions: true,
      extensions: true,
      applicationName: true,
      parseInt8: true,
      entities: true,
      subscribers: true,
      isolationLevel: true,
      migrations: true,
      migrationsTableName: true,
      migrationsTransactionMode: true,
      migrationsRun: true,
      metadataTableName: true,
      namingStrategy: true,
      logging: true,
      logger: true,
      maxQueryExecutionTime: true,
      synchronize: true,
      dropSchema: true,
      entityPrefix: true,
      entitySkipConstructor: true,
      extra: true,
      relationLoadStrategy: true,
      typename: true,
      cache: true,
      isolateWhereStatements: true,
      invalidWhereValuesBehavior: true,
    } satisfies Record<HostOptionName, true>),
  ),
  refused: refusedOptions,
  elsewhere: {
    ...Object.fromEntries(
      poolOptionNames.map((name) => [name, `It goes in \`extra\`: write \`extra: { ${name}: … }\`.`]),
    ),
    max: 'The size of the pool is called `poolSize`.',
    pool: 'The size of the pool is called `poolSize`, and the other options of a pool go in `extra`.',
    user: 'It is called `username`.',
    uri: 'It is called `url`.',
    connectionString: 'It is called `url`.',
    application_name: 'It is called `applicationName`.',
    dialect: 'It is called `type`, and can be omitted.',
    dialectOptions: 'That is an option of Sequelize. TypeORM has `extra`.',
    models: 'They are called `entities`.',
  },
};

/** The options that TypeORM is not told. */
type OwnOptions = Pick<DsqlDataSourceOptions, 'dsql' | 'ssl' | 'parseInt8'>;

/**
 * Checks the options before anything is sent.
 *
 * @param options - left untouched; those of another data source of ours bring along what TypeORM was not told
 * @throws ConfigurationError naming the first option that is unknown or has a wrong value
 */
export function resolveDataSourceOptions(options: DsqlDataSourceOptions): ResolvedDataSourceOptions {
  if (!isObject(options)) {
    throw new ConfigurationError('options', 'must be an object; a connection string goes in `url`.');
  }
  const { driver: module } = options as { readonly driver?: unknown };
  const own: OwnOptions | undefined = DsqlDriverModule.ownOf(module);
  const { dsql: ormOptions = own?.dsql, ssl = own?.ssl, parseInt8 = own?.parseInt8, ...others } = options;
  const { connection: dsql, transactions, mapping } = splitOrmOptions(ormOptions ?? {}, hostOptions);
  // `useUTC` would set a variable of the process; Aurora DSQL's time zone is UTC anyway.
  const given = { ...others, useUTC: undefined, ...(own !== undefined && { driver: undefined }) };
  checkTypeOrmOptions(given);

  const told = {
    database: 'postgres',
    migrationsTransactionMode: 'none',
    ...given,
    type: 'postgres',
    driver: new DsqlDriverModule({ dsql: ormOptions, ssl, parseInt8 } satisfies OwnOptions),
    installExtensions: false,
    uuidExtension: 'pgcrypto',
    // Every transaction has it, and asking for it would be refused.
    isolationLevel: undefined,
  } as PostgresOptions;
  const ca = withTrustRoots(dsql.ca, 'ssl', ssl);
  const { replication } = told;
  const { options: startUp } = (told.extra ?? {}) as { readonly options?: unknown };
  const place = {
    schema: schemaBesides(told.schema, startUp, 'extra.options'),
    applicationName: told.applicationName,
  };
  const resolve = (endpoint: PostgresOptions | DsqlReplicationEndpoint) =>
    resolveEndpoint(endpoint, place, { ...dsql, ca });
  const only = replication === undefined ? resolve(told) : undefined;
  const members = new Map<object, ResolvedConnection>();
  if (replication !== undefined) {
    for (const member of [replication.master, ...replication.slaves]) members.set(member, resolve(member));
  }
  return {
    hostOptions: told,
    connectionOf: (endpoint) => {
      const connection = only ?? members.get(endpoint);
      if (connection === undefined)
        throw new Error(
          'TypeORM connects to an endpoint that is not among its options. Report this with the options.',
        );
      return connection;
    },
    poolOptions: parseInt8 === true ? { types: withNumbersForInt8 } : {},
    transactions,
    mapping,
  };
}

/** What goes in `extra`: of node-postgres' own options that of the start-up parameters. */
const EXTRA: readonly string[] = [...poolOptionNames, 'options'];

function checkTypeOrmOptions(options: object): void {
  const given = options as Partial<Record<string, unknown>>;
  checkHostOptions(given, hostOptions);
  if (given.type !== undefined && given.type !== 'postgres') {
    throw new ConfigurationError('type', 'must be "postgres"; or omit it.');
  }
  if (given.installExtensions === true) {
    throw refusedOption('installExtensions', refusedOptions.extensions);
  }
  if (![undefined, 'pgcrypto', 'uuid-ossp'].includes(given.uuidExtension as string | undefined)) {
    throw refusedOption('uuidExtension', refusedOptions.extensions);
  }
  for (const name of Object.keys(given.extra ?? {})) {
    if (!EXTRA.includes(name)) throw unknownOption(`extra.${name}`, EXTRA);
  }
}

function resolveEndpoint(
  endpoint: PostgresOptions | DsqlReplicationEndpoint,
  { schema, applicationName }: Pick<PostgresOptions, 'schema' | 'applicationName'>,
  dsql: DsqlOptions,
): ResolvedConnection {
  const named = endpoint as Partial<Record<string, unknown>>;
  if (named.password !== undefined) {
    throw refusedOption('password', refusedOptions.password);
  }
  const name = endpoint.applicationName ?? applicationName;
  return resolveConnection(
    {
      ...dsql,
      ormPrefix: dsql.ormPrefix ?? name,
      connectionString: endpoint.url,
      host: endpoint.host,
      port: endpoint.port,
      user: endpoint.username,
      database: endpoint.database,
      schema,
    },
    'typeorm',
    dsql.ormPrefix === undefined && name !== undefined,
  );
}

const INT8_OID = 20;
const parserOf = types.getTypeParser as (oid: number, format?: string) => unknown;

/** TypeORM's `parseInt8` sets a default of node-postgres for the whole process; this one is the pool's own. */
const withNumbersForInt8 = {
  getTypeParser: (oid: number, format?: string) => (oid === INT8_OID ? Number : parserOf(oid, format)),
} as CustomTypesConfig;
