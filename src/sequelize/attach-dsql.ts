import type { Options, Sequelize } from 'sequelize';
import { ConfigurationError } from '../connection';
import type { DsqlOrmOptions } from '../schema';
import { DsqlDialect, isDsqlSequelize } from './dialect/dsql-dialect';
import { DsqlInstance, superviseModels, type HostModelManager } from './dsql-instance';
import type { DsqlTransactions } from './dsql-transactions';
import { resolveSequelizeOptions, type ResolvedSequelizeOptions } from './options/options';
import { syncAll } from './schema/sync';

/** What Sequelize's types leave out, as far as it is used here. */
interface HostInstance {
  readonly options: Options & { dsql?: DsqlOrmOptions };
  readonly config: object;
  readonly modelManager: HostModelManager;
  query(sql: unknown, options?: object): Promise<unknown>;
  sync(options?: object): Promise<unknown>;
  normalizeDataType(type: unknown): object;
}

/** What node-postgres' reading of a connection string leaves among `dialectOptions`; the instance has it elsewhere, too. */
const FROM_URL: ReadonlySet<string> = new Set([
  'user',
  'password',
  'host',
  'port',
  'database',
  'client_encoding',
]);

/**
 * Lets an instance that exists already reach Aurora DSQL, as {@link createDsqlSequelize} makes them: for code that
 * constructs its `Sequelize` where you cannot. Call it before any model is defined and before anything is sent.
 *
 * @param sequelize - its `dialect` is `'postgres'`; where and how to connect is taken from its options
 * @param dsql - DSQL-specific options; `dsql` of the instance's options unless given
 * @returns the same instance
 * @throws ConfigurationError naming the first option that is unknown or has a wrong value, or when a model is defined already
 *
 * @example
 * ```ts
 * const sequelize = attachDsql(new Sequelize({
 *   dialect: 'postgres',
 *   host: 'abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws',
 * }));
 * ```
 */
export function attachDsql<Instance extends Sequelize>(
  sequelize: Instance,
  dsql?: DsqlOrmOptions,
): Instance & DsqlTransactions {
  if (isDsqlSequelize(sequelize)) return sequelize;
  const host = sequelize as unknown as HostInstance;
  if (host.modelManager.models.length > 0) {
    throw new ConfigurationError(
      'sequelize',
      'has models already, which took their data types from its dialect. Call attachDsql before you define the first model.',
    );
  }
  const resolved = resolveOptionsOf(host, dsql);
  adoptOptions(host, resolved.hostOptions);
  const dialect = new DsqlDialect(sequelize, resolved);
  const hostQuery = host.query.bind(sequelize);
  const hostSync = host.sync.bind(sequelize);
  const hostType = host.normalizeDataType.bind(sequelize);
  const { typeValidation, operatorsAliases } = host.options;
  Object.assign(dialect.queryGenerator, { typeValidation });
  if (typeof operatorsAliases === 'object') dialect.queryGenerator.setOperatorsAliases(operatorsAliases);
  const instance = new DsqlInstance(sequelize, resolved, hostQuery);
  dialect.instance = instance;
  Object.assign(sequelize, {
    dialect,
    queryInterface: dialect.queryInterface,
    connectionManager: dialect.connectionManager,
    query: instance.query.bind(instance),
    transaction: instance.transaction.bind(instance),
    sync: (options?: object) => syncAll(sequelize, options, hostSync),
    normalizeDataType: (type: unknown) => dialect.storedType(hostType(type)),
  });
  Object.assign(host.modelManager, { addModel: superviseModels(host.modelManager) });
  return sequelize as Instance & DsqlTransactions;
}

function resolveOptionsOf(host: HostInstance, dsql: DsqlOrmOptions | undefined): ResolvedSequelizeOptions {
  const { dsql: ofInstance, dialectOptions = {}, ...options } = host.options;
  return resolveSequelizeOptions({
    ...options,
    ...host.config,
    // The dialect that was there first has written its own default into the configuration.
    port: options.port,
    // sequelize-cli makes of a url without `?ssl=true` that TLS is off; it is always on.
    ssl: options.ssl === false ? undefined : options.ssl,
    dialectOptions: Object.fromEntries(
      Object.entries(dialectOptions).filter(([name]) => !FROM_URL.has(name)),
    ),
    dsql: dsql ?? ofInstance ?? {},
  } as Parameters<typeof resolveSequelizeOptions>[0]);
}

/** Lets an instance have the options that one of ours is made with. */
function adoptOptions(host: HostInstance, hostOptions: Options): void {
  Object.assign(host.options, hostOptions);
  hideCredentials(host.options);
  const { host: name, port, username, database, pool, dialectOptions } = hostOptions;
  Object.assign(host.config, { host: name, port, username, database, pool, dialectOptions });
}

/** An instance is logged easily, and its options make other instances: a function gives the credentials, and shows none. */
function hideCredentials(options: HostInstance['options']): void {
  const { dsql } = options;
  const { credentials } = dsql ?? {};
  if (typeof credentials !== 'object') return;
  options.dsql = { ...dsql, credentials: () => Promise.resolve(credentials) };
}
