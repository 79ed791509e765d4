import { DatabaseError, IsolationLevel, type AbstractDialect, type Options } from '@sequelize/core';
import type { PostgresConnectionOptions } from '@sequelize/postgres';
import {
  checkDsqlOptions,
  ConfigurationError,
  driverOptionNames,
  resolveConnection,
  unknownOption,
  withTrustRoots,
  type DriverOptions,
  type ResolvedConnection,
} from '../connection';
import { checkRetryOption, type ResolvedTransactionDefaults } from '../occ';
import { splitOrmOptions, type DsqlOrmOptions, type ResolvedMapping } from '../schema';

/** What is Aurora DSQL's own among the options of a `Sequelize` of version 7. */
export type DsqlOptions = Omit<DsqlOrmOptions, 'arrays' | 'batch' | 'destructive'>;

/** The options of {@link DsqlDialect}, beside Sequelize's own. */
export interface DsqlDialectOptions {
  readonly dsql?: DsqlOptions | undefined;
  /** A token is signed by the JavaScript client. */
  readonly native?: false;
  /** This package brings its own client. */
  readonly pgModule?: never;
  /** Aurora DSQL reads strings by the standard. */
  readonly standardConformingStrings?: true;
  /** Aurora DSQL refuses SET client_min_messages, so it is never sent. */
  readonly clientMinMessages?: false;
}

/** How one endpoint is reached: Sequelize's connection options, of which a token takes the place of the password. */
export interface DsqlConnectionOptions {
  readonly password?: never;
  /** Certificate authorities in `ssl.ca`, in PEM. Verification cannot be switched off. */
  readonly ssl?:
    true | { readonly ca?: string | Buffer | (string | Buffer)[]; readonly rejectUnauthorized?: true };
}

/** What the constructor of an instance was given. */
export type RawOptions = Options<AbstractDialect> & Pick<DsqlDialectOptions, 'dsql'>;

/** What Sequelize hands over when a connection is to be opened. */
export type Endpoint = PostgresConnectionOptions & { readonly connectionString?: string };

/** The options, checked: how each endpoint is reached, and how transactions are run. */
export interface ResolvedOptions {
  readonly connectionOf: (endpoint: Endpoint) => ResolvedEndpoint;
  readonly transactions: ResolvedTransactionDefaults;
  readonly mapping: ResolvedMapping;
}

/** One endpoint, checked. */
export interface ResolvedEndpoint {
  readonly connection: ResolvedConnection;
  readonly driver: DriverOptions;
}

/** The dialect options of Sequelize's PostgreSQL that have no meaning here, and the values that ask for nothing. */
const refusedDialectOptions = {
  native: { harmless: false, reason: 'The tokens and the verified TLS live in the JavaScript client.' },
  pgModule: { harmless: undefined, reason: 'This package brings its own client, built on node-postgres.' },
  standardConformingStrings: {
    harmless: true,
    reason: 'Aurora DSQL reads strings by the standard, and refuses the SET.',
  },
  clientMinMessages: {
    harmless: false,
    reason: 'Aurora DSQL refuses SET client_min_messages, so it is never sent.',
  },
} as const;

/** The mapping options that Sequelize 7 is not mapped with yet, and what to do instead. */
const refusedMapping = {
  arrays: 'Declare DataTypes.JSONB.',
  batch: 'Write at most 3,000 rows in one statement.',
  destructive: 'Drop and add the column with the query interface.',
} as const;

/**
 * Checks the options of an instance before anything is sent.
 *
 * @param raw - what its constructor was given; left untouched
 * @throws ConfigurationError naming the first option that cannot be
 */
export function resolveOptions(raw: RawOptions): ResolvedOptions {
  const given = raw as unknown as Readonly<Record<string, unknown>>;
  for (const [name, { harmless, reason }] of Object.entries(refusedDialectOptions)) {
    if (given[name] !== undefined && given[name] !== harmless) {
      throw new ConfigurationError(name, `cannot be used. ${reason}`);
    }
  }
  const { dsql = {}, isolationLevel, query, retry, replication, schema } = raw;
  for (const [name, instead] of Object.entries(refusedMapping)) {
    if ((dsql as Readonly<Record<string, unknown>>)[name] !== undefined) {
      throw new ConfigurationError(`dsql.${name}`, `cannot be used with Sequelize 7. ${instead}`);
    }
  }
  const { connection: own, transactions, mapping } = splitOrmOptions(dsql);
  checkDsqlOptions(own);
  checkRetryOption(retry, 'retry', wrap);
  checkRetryOption((query as { readonly retry?: unknown } | undefined)?.retry, 'query.retry', wrap);
  if (isolationLevel !== undefined && isolationLevel !== IsolationLevel.REPEATABLE_READ) {
    throw new ConfigurationError(
      'isolationLevel',
      `cannot be ${JSON.stringify(isolationLevel)}: every transaction on Aurora DSQL is REPEATABLE READ.`,
    );
  }

  const resolve = (endpoint: Endpoint): ResolvedEndpoint => {
    const { host, port, user, database, ssl, application_name, connectionString, ...others } = endpoint;
    const driver: Record<string, unknown> = {};
    for (const [name, value] of Object.entries<unknown>(others)) {
      if (value === undefined) continue;
      if (!(driverOptionNames as readonly string[]).includes(name)) throw unknownOption(name);
      driver[name] = value;
    }
    return {
      driver,
      connection: resolveConnection(
        {
          ...own,
          ormPrefix: own.ormPrefix ?? application_name,
          connectionString,
          host,
          port,
          user,
          database,
          schema,
          ca: withTrustRoots(own.ca, 'ssl', ssl),
        },
        'sequelize',
      ),
    };
  };
  const connectionOf = rememberEndpoints(resolve);
  const ownEndpoint = endpointIn(given);
  const endpoints = replication
    ? [replication.write, ...replication.read].map((endpoint) =>
        typeof endpoint === 'string'
          ? { ...ownEndpoint, connectionString: endpoint }
          : { ...ownEndpoint, ...endpointIn(endpoint as Readonly<Record<string, unknown>>) },
      )
    : [ownEndpoint];
  for (const endpoint of endpoints) connectionOf(endpoint);
  return { connectionOf, transactions, mapping };
}

/** The names under which an endpoint is described; Sequelize hands the others on to nobody. */
export const endpointOptionNames = [
  'host',
  'port',
  'user',
  'database',
  'password',
  'ssl',
  'application_name',
  'client_encoding',
  'options',
  'binary',
  'stream',
  'keepAlive',
  'keepAliveInitialDelayMillis',
  'connectionTimeoutMillis',
  'query_timeout',
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
] as const satisfies readonly (keyof PostgresConnectionOptions)[];

function endpointIn(options: Readonly<Record<string, unknown>>): Endpoint {
  const entries: [string, unknown][] = endpointOptionNames.map((name) => [name, options[name]]);
  entries.push(['connectionString', options.url]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

function wrap(error: ConstructorParameters<typeof DatabaseError>[0]): Error {
  return new DatabaseError(error);
}

/** One resolved connection for each endpoint, so that its credentials are resolved once for all its connections. */
function rememberEndpoints(
  resolve: (endpoint: Endpoint) => ResolvedEndpoint,
): (endpoint: Endpoint) => ResolvedEndpoint {
  const resolved = new Map<string, ResolvedEndpoint>();
  return (endpoint) => {
    const key = JSON.stringify(Object.entries(endpoint).sort(([one], [other]) => one.localeCompare(other)));
    let connection = resolved.get(key);
    if (connection === undefined) {
      connection = resolve(endpoint);
      resolved.set(key, connection);
    }
    return connection;
  };
}
