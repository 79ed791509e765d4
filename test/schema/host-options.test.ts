import { DsqlPool, isConfigurationError, retryOnConflict } from '../../src';
import { startLocalDsql } from '../../src/local';
import * as sequelize from '../../src/sequelize';
import { createDsqlDataSource, inBatches, runInTransaction } from '../../src/typeorm';

const host = 'abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws';

/** Options as JavaScript lets them through. */
type Loose = Record<string, unknown>;

const dataSourceWith = (options: Loose) => createDsqlDataSource({ host, ...options });
const sequelizeWith = (options: Loose) => sequelize.createDsqlSequelize({ host, logging: false, ...options });
const poolWith = (options: Loose) => new DsqlPool({ host, ...options });

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (isConfigurationError(error)) return error.message;
    throw error;
  }
  return 'accepted';
}

it.each<[string, (options: Loose) => unknown, Loose, RegExp]>([
  [
    'dsql',
    dataSourceWith,
    { region: 'us-east-1' },
    /^region: goes in `dsql`: write `dsql: \{ region: … \}`\.$/,
  ],
  ['dsql', dataSourceWith, { identityCache: 1 }, /^identityCache: goes in `dsql`/],
  ['another name', dataSourceWith, { user: 'app' }, /^user: .*`username`/],
  ['another name', dataSourceWith, { pool: { max: 3 } }, /^pool: .*`poolSize`/],
  ['another name', dataSourceWith, { connectionString: 'dsql://x' }, /^connectionString: .*`url`/],
  ['`extra`', dataSourceWith, { query_timeout: 5 }, /^query_timeout: .*`extra: \{ query_timeout/],
  ['a slip', dataSourceWith, { poolsize: 3 }, /^poolsize: .* did you mean `poolSize`\?$/],
  ['a slip', dataSourceWith, { extra: { maxx: 3 } }, /^extra\.maxx: .* did you mean `max`\?$/],
  ['a slip', dataSourceWith, { dsql: { regoin: 'x' } }, /^dsql\.regoin: .* did you mean `region`\?$/],
  [
    'a slip',
    dataSourceWith,
    { dsql: { capabilities: { 'drop-colum': true } } },
    /^dsql\.capabilities\.drop-colum: .* did you mean `drop-column`\?$/,
  ],
  [
    'a flag',
    sequelizeWith,
    { dsql: { capabilities: { 'drop-column': 'yes' } } },
    /^dsql\.capabilities\.drop-column: must be true or false/,
  ],
  ['beside', dataSourceWith, { dsql: { schema: 'shop' } }, /^dsql\.schema: .*beside `dsql`, not in it\.$/],
  ['beside', dataSourceWith, { dsql: { user: 'app' } }, /^dsql\.user: .*`username`\. It goes beside `dsql`/],
  ['an object', dataSourceWith, { dsql: true }, /^dsql: must be an object/],
  ['dsql', sequelizeWith, { region: 'us-east-1' }, /^region: goes in `dsql`/],
  ['another name', sequelizeWith, { user: 'app' }, /^user: .*`username`/],
  ['another name', sequelizeWith, { poolSize: 3 }, /^poolSize: .*`pool: \{ max: … \}`/],
  ['another ORM', sequelizeWith, { entities: [] }, /^entities: .*TypeORM/],
  [
    'first',
    (options) => sequelize.createDsqlSequelize(options),
    { url: 'dsql://x' },
    /^url: .*createDsqlSequelize\(url, options\)/,
  ],
  ['a slip', sequelizeWith, { pool: { maximum: 3 } }, /^pool\.maximum: is not an option/],
  ['a slip', sequelizeWith, { loging: false }, /^loging: .* did you mean `logging`\?$/],
  ['a slip', poolWith, { regoin: 'x' }, /^regoin: .* did you mean `region`\?$/],
  ['a number', poolWith, { max: 0 }, /^max: must be a whole number of 1 or more, got 0\.$/],
  ['a number', poolWith, { idleTimeoutMillis: -1 }, /^idleTimeoutMillis: must be a number of 0 or more/],
  ['a slip', (options) => sequelize.dsqlBeforeConnect(options), { regoin: 'x' }, /^regoin: .*`region`\?$/],
])('what is passed over elsewhere is refused, and the error says %s', (_, make, options, message) => {
  expect(messageOf(() => make(options))).toMatch(message);
});

it('an option that only another tool knows is left alone', () => {
  const ofNest = { autoLoadEntities: true, retryAttempts: 0, keepConnectionAlive: true };
  expect(messageOf(() => dataSourceWith({ ...ofNest, seeds: [], factories: [] }))).toBe('accepted');
  const ofOthers = { autoLoadModels: true, synchronize: true, seederStorage: 'sequelize', models: [] };
  expect(messageOf(() => sequelizeWith({ ...ofOthers, use_env_variable: 'URL' }))).toBe('accepted');
});

it('a URL that names no port leaves it to the environment and the default', () => {
  // What sequelize-cli makes of such a URL.
  for (const port of ['', null, undefined]) {
    expect(sequelizeWith({ port }).config).toMatchObject({ port: Number(process.env.PGPORT ?? 5432) });
  }
});

it('what is no object, and what is no function, is refused with what to write', async () => {
  expect(messageOf(() => createDsqlDataSource('dsql://x' as never))).toMatch(/^options: .*`url`/);
  const loose = retryOnConflict as (...args: unknown[]) => Promise<unknown>;
  await expect(loose(() => 1, { maxAtempts: 2 })).rejects.toThrow('did you mean `maxAttempts`?');
  await expect(loose()).rejects.toThrow('work: must be a function: retryOnConflict(work, options).');
  const missing = undefined as never;
  const dataSource = dataSourceWith({});
  await expect(runInTransaction(dataSource, missing)).rejects.toThrow('runInTransaction(dataSource, work');
  await expect(inBatches(dataSource, [1], (() => 1) as object, missing)).rejects.toThrow(
    'inBatches(dataSource',
  );
  const instance = sequelizeWith({});
  await expect(sequelize.runInTransaction(instance, missing)).rejects.toThrow('runInTransaction(sequelize');
});

it('the local DSQL takes no option that it does not have', async () => {
  const start = startLocalDsql as (options: unknown) => Promise<unknown>;
  await expect(start({ regoin: 'us-east-1' })).rejects.toThrow('regoin: is not an option of startLocalDsql');
  await expect(start('us-east-1')).rejects.toThrow(TypeError);
  await expect(start({ otherRegions: 'us-east-2' })).rejects.toThrow('otherRegions: expected a list');
  await expect(start({ clock: 3 })).rejects.toThrow('clock: expected a function');
});
