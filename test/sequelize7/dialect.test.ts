import { inspect } from 'node:util';
import { ConnectionRefusedError, DataTypes, Model, Sequelize, sql } from '@sequelize/core';
import { DsqlDialect, type DsqlDialectOptions } from 'aurora-dsql-orm/sequelize7';
import { useCluster } from '../cluster';
import { createAccountTable, failure, useSequelize } from './accounts';

const cluster = useCluster();
const { ours } = useSequelize(cluster);

beforeAll(async () => {
  await createAccountTable(cluster);
});

type Options = ConstructorParameters<typeof Sequelize<DsqlDialect>>[0];

const one = async (sequelize: { query(text: string): Promise<unknown> }, text: string) =>
  ((await sequelize.query(text)) as [object[]])[0][0];

describe('a connection', () => {
  it('takes one round of token and TLS, and sends nothing of its own', async () => {
    const afterConnect = jest.fn();
    const logging = jest.fn();
    const { sequelize } = ours({ hooks: { afterConnect }, logging });
    expect(await one(sequelize, 'SELECT current_user AS name')).toStrictEqual({ name: 'admin' });
    expect(afterConnect).toHaveBeenCalledTimes(1);
    expect(logging).toHaveBeenCalledTimes(1);
    expect(sequelize.getDatabaseVersion()).toBe('16.0.0');
  });

  it('says who connects', async () => {
    const name = async (options: Partial<Options>) =>
      one(ours(options).sequelize, "SELECT current_setting('application_name') AS name");
    expect(await name({})).toMatchObject({
      name: expect.stringMatching(/^sequelize:aurora-dsql-orm\//) as string,
    });
    expect(await name({ application_name: 'shop' })).toMatchObject({
      name: expect.stringMatching(/^shop:aurora-dsql-orm\//) as string,
    });
    expect(await name({ dsql: { ormPrefix: 'till' } })).toMatchObject({
      name: expect.stringMatching(/^till:aurora-dsql-orm\//) as string,
    });
  });

  it('is replaced when its life is over', async () => {
    const { sequelize } = ours({ dsql: { maxLifetimeSecs: 1 }, pool: { max: 1 } });
    const backend = () => one(sequelize, 'SELECT pg_backend_pid() AS pid');
    const first = await backend();
    expect(await backend()).toStrictEqual(first);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(await backend()).not.toStrictEqual(first);
  });

  it('is kept for 10 minutes, unless the pool says otherwise', () => {
    const { sequelize } = ours();
    expect(sequelize.pool.write).toMatchObject({ idleTimeoutMillis: 600_000 });
    expect(ours({ pool: { idle: 5_000 } }).sequelize.pool.write).toMatchObject({ idleTimeoutMillis: 5_000 });
  });

  it('keeps a time zone that the user asks for', async () => {
    const { sequelize } = ours({ timezone: '+05:30' });
    const time = "SELECT to_char('2026-01-01T00:00:00Z'::timestamptz, 'HH24:MI') AS time";
    expect(await one(sequelize, time)).toStrictEqual({ time: '05:30' });
  });

  it("fails with Sequelize's own class, and the cause within", async () => {
    const { sequelize } = ours({ port: 1 });
    const error = await failure(sequelize.authenticate());
    expect(error).toBeInstanceOf(ConnectionRefusedError);
    expect(error).toMatchObject({ cause: { code: 'ECONNREFUSED' } });
  });

  it('can be described by a url, and what stands beside it wins', async () => {
    const { host, port, dsql } = cluster.orm;
    for (const options of [
      { url: `dsql://admin@${host}:${port}/postgres?ormPrefix=till` },
      { url: `postgres://admin@${host}:1/postgres?ormPrefix=till`, port },
    ]) {
      const sequelize = new Sequelize({ dialect: DsqlDialect, dsql, ...options });
      expect(await one(sequelize, "SELECT current_setting('application_name') AS name")).toMatchObject({
        name: expect.stringMatching(/^till:/) as string,
      });
      expect(sequelize.options.replication.write).toMatchObject({ host, port });
      await sequelize.close();
    }
  });

  it('reaches each endpoint of a replication', async () => {
    const { host, port, dsql } = cluster.orm;
    const sequelize = new Sequelize({
      dialect: DsqlDialect,
      replication: { write: { host, port }, read: [{ host, port }, `dsql://admin@${host}:${port}`] },
      dsql,
    });
    expect(await one(sequelize, 'SELECT 1 AS one')).toStrictEqual({ one: 1 });
    expect(await sequelize.query('SELECT 2 AS two', { type: 'SELECT' as never })).toStrictEqual([{ two: 2 }]);
    await sequelize.close();
  });
});

describe('models', () => {
  class Author extends Model {
    declare id: string;
    declare name: string;
    declare books?: Book[];
  }
  class Book extends Model {
    declare id: string;
    declare title: string;
    declare pages: number;
  }

  it('insert, find with associations, update and delete, defined as classes', async () => {
    const { sequelize } = ours();
    const id = { type: DataTypes.UUID, defaultValue: sql.uuidV4, primaryKey: true };

    const options = { sequelize, timestamps: false };
    Author.init({ id, name: DataTypes.TEXT }, { ...options });
    Book.init({ id, title: DataTypes.TEXT, pages: DataTypes.INTEGER }, { ...options });
    Author.hasMany(Book, { as: 'books', foreignKey: 'authorId' });
    await sequelize.sync();
    const author = await Author.create({ name: 'Ursula' });
    await Book.bulkCreate(['one', 'two'].map((title) => ({ title, pages: 1, authorId: author.id })));
    const found = await Author.findByPk(author.id, { include: ['books'], rejectOnEmpty: true });
    expect(found.books?.map(({ title, pages }) => [title, pages]).sort()).toStrictEqual([
      ['one', 1],
      ['two', 1],
    ]);
    await Book.update({ pages: 3 }, { where: { title: 'one' } });
    expect(await Book.sum('pages')).toBe(4);
    expect(await Book.destroy({ where: { authorId: author.id } })).toBe(2);
    await author.destroy();
    expect(await Author.count()).toBe(0);
  });

  it('give values as on PostgreSQL', async () => {
    const { sequelize } = ours();
    expect(
      await one(
        sequelize,
        `SELECT 7::bigint AS big, 1.50::numeric(4,2) AS exact, '2026-01-02'::date AS day, '{"a":1}'::jsonb AS json,
         ARRAY['2026-01-02'::date, NULL] AS days, ARRAY[1, 2] AS numbers, '2026-01-02T00:00:00Z'::timestamptz AS at,
         true AS yes, '\\x01'::bytea AS bytes, int4range(1, 3) AS range`,
      ),
    ).toStrictEqual({
      big: '7',
      exact: '1.50',
      day: '2026-01-02',
      json: { a: 1 },
      days: ['2026-01-02', null],
      numbers: [1, 2],
      at: '2026-01-02 00:00:00+00',
      yes: true,
      bytes: Buffer.from([1]),
      range: [
        { value: 1, inclusive: true },
        { value: 3, inclusive: false },
      ],
    });
  });

  it('upsert', async () => {
    const { Account } = ours();
    const [{ id }] = await Account.upsert({ name: 'upserted', balance: 1 });
    await Account.upsert({ id, name: 'upserted', balance: 2 });
    expect(await Account.findAll({ where: { name: 'upserted' } })).toMatchObject([{ id, balance: 2 }]);
  });
});

describe('options', () => {
  it.each([
    ['password', { password: 'x' }],
    ['ssl', { ssl: false }],
    ['ssl', { ssl: { rejectUnauthorized: false } }],
    ['statement_timeout', { statement_timeout: 5 }],
    ['native', { native: true }],
    ['pgModule', { pgModule: {} }],
    ['standardConformingStrings', { standardConformingStrings: false }],
    ['clientMinMessages', { clientMinMessages: 'warning' }],
    ['database', { database: 'shop' }],
    ['host', { host: 'localhost' }],
    ['isolationLevel', { isolationLevel: 'SERIALIZABLE' }],
    ['dsql.hostname', { dsql: { hostname: 'x' } }],
    ['dsql.retry.maxAttemps', { dsql: { retry: { maxAttemps: 1 } } }],
    ['dsql.nested', { dsql: { nested: 'savepoint' } }],
    ['dsql.arrays', { dsql: { arrays: 'jsonb' } }],
    ['dsql.batch', { dsql: { batch: true } }],
    ['dsql.destructive', { dsql: { destructive: true } }],
    ['host', { replication: { write: {}, read: [{ host: 'localhost' }] } }],
  ])('%s is refused by name: %j', (option, options) => {
    expect(() => ours(options as unknown as Partial<Options>)).toThrow(
      expect.objectContaining({ name: 'ConfigurationError', option }) as Error,
    );
  });

  it('that ask for what is done anyway are accepted', async () => {
    const harmless = {
      native: false,
      standardConformingStrings: true,
      clientMinMessages: false,
      ssl: true,
    } as const satisfies DsqlDialectOptions & { ssl: true };
    await expect(ours(harmless).sequelize.authenticate()).resolves.toBeUndefined();
  });

  it('stay as the caller has written them, and can make another instance', async () => {
    const { host, port, dsql } = cluster.orm;
    const options = Object.freeze({
      dialect: DsqlDialect,
      host,
      port,
      pool: Object.freeze({ max: 1 }),
      keepAlive: true,
      dsql: Object.freeze({ ...dsql }),
    });
    const first = new Sequelize(options);
    const second = new Sequelize(first.rawOptions);
    await expect(Promise.all([first.authenticate(), second.authenticate()])).resolves.toBeDefined();
    await Promise.all([first.close(), second.close()]);
  });

  it('hold credentials that nobody sees who looks at the instance', async () => {
    const secretAccessKey = 'a secret that is long enough to be found';
    const { sequelize } = ours({ dsql: { credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey } } });
    expect(inspect(sequelize, { depth: Infinity, showHidden: true })).not.toContain(secretAccessKey);
    await sequelize.close();
  });

  it('of other instances are not concerned', () => {
    const { sequelize } = ours();
    expect(Object.hasOwn(sequelize, 'transaction')).toBe(true);
    expect(Object.hasOwn(Sequelize.prototype, 'transaction')).toBe(false);
    expect(Object.hasOwn(sequelize, 'queryRaw')).toBe(true);
    expect(Object.hasOwn(Model, 'findOrCreate')).toBe(true);
  });
});
