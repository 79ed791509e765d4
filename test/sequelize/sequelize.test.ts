import {
  attachDsql,
  createDsqlSequelize,
  dsqlBeforeConnect,
  runInTransaction,
  type DsqlSequelizeOptions,
} from 'aurora-dsql-orm/sequelize';
import { ConnectionError, DataTypes, Model, Sequelize, Transaction, type CreationOptional } from 'sequelize';
import { SequelizeStorage, Umzug } from 'umzug';
import { useCluster } from '../cluster';

class Author extends Model {
  declare id: CreationOptional<string>;
  declare name: string;
  declare books?: Book[];
}
class Book extends Model {
  declare id: CreationOptional<string>;
  declare title: string;
  declare copies: CreationOptional<number>;
  declare authorId: string;
}

const cluster = useCluster();
let sequelize: Sequelize;

beforeAll(async () => {
  sequelize = createDsqlSequelize({ ...cluster.orm, logging: false });
  const id = () => ({ type: DataTypes.UUID, defaultValue: DataTypes.UUIDV4, primaryKey: true });
  const options = { sequelize, timestamps: false };
  Author.init({ id: id(), name: DataTypes.TEXT }, { ...options, tableName: 'author' });
  Book.init(
    { id: id(), title: DataTypes.TEXT, copies: { type: DataTypes.INTEGER, defaultValue: 0 } },
    { ...options, tableName: 'book' },
  );
  Author.hasMany(Book, { foreignKey: 'authorId', as: 'books' });
  Book.belongsTo(Author, { foreignKey: 'authorId', as: 'author' });
  await migrations().up();
});
afterAll(async () => {
  await sequelize.close();
});

function migrations() {
  return new Umzug({
    context: sequelize,
    storage: new SequelizeStorage({ sequelize }),
    logger: undefined,
    migrations: [
      {
        name: '01-library',
        up: async () => {
          await sequelize.query('CREATE TABLE author (id uuid PRIMARY KEY, name text NOT NULL)');
          await sequelize.query(`CREATE TABLE book (id uuid PRIMARY KEY, title text NOT NULL,
            copies integer NOT NULL, "authorId" uuid NOT NULL REFERENCES author (id))`);
        },
      },
      {
        name: '02-publisher',
        up: () => sequelize.query('CREATE TABLE publisher (id uuid PRIMARY KEY)'),
        down: () => sequelize.query('DROP TABLE publisher'),
      },
    ],
  });
}

describe('migrations', () => {
  it('are recorded, reverted and run again by umzug', async () => {
    const names = async () => (await migrations().executed()).map(({ name }) => name);
    expect(await names()).toStrictEqual(['01-library', '02-publisher']);
    await migrations().down();
    expect(await names()).toStrictEqual(['01-library']);
    await migrations().up();
    expect(await names()).toStrictEqual(['01-library', '02-publisher']);
  });
});

describe('models', () => {
  it('insert, find with associations, update and delete', async () => {
    const author = await Author.create({ name: 'Ursula' });
    await Book.bulkCreate([
      { title: 'one', authorId: author.id },
      { title: 'two', authorId: author.id },
    ]);
    const found = await Author.findByPk(author.id, { include: 'books', rejectOnEmpty: true });
    expect(found.books?.map(({ title, copies }) => [title, copies]).sort()).toStrictEqual([
      ['one', 0],
      ['two', 0],
    ]);
    await Book.update({ copies: 3 }, { where: { title: 'one' } });
    expect(await Book.findOne({ where: { title: 'one' } })).toMatchObject({ copies: 3 });
    await Book.destroy({ where: { authorId: author.id } });
    await author.destroy();
    expect(await Author.count()).toBe(0);
  });

  it('give values as on PostgreSQL', async () => {
    const [rows] = await sequelize.query(
      "SELECT 7::bigint AS big, 1.50::numeric(4,2) AS exact, '2026-01-02'::date AS day, '{\"a\":1}'::jsonb AS json",
    );
    expect(rows).toStrictEqual([{ big: '7', exact: '1.50', day: '2026-01-02', json: { a: 1 } }]);
  });
});

describe('runInTransaction', () => {
  it('commits every change although the transactions conflict', async () => {
    const author = await Author.create({ name: 'Octavia' });
    const { id } = await Book.create({ title: 'counter', authorId: author.id });
    let retries = 0;
    const work = () =>
      runInTransaction(
        sequelize,
        async (transaction) => {
          const book = await Book.findByPk(id, { transaction, rejectOnEmpty: true });
          await book.update({ copies: book.copies + 1 }, { transaction });
        },
        { onRetry: () => retries++ },
      );
    await Promise.all(Array.from({ length: 8 }, work));
    expect(await Book.findByPk(id)).toMatchObject({ copies: 8 });
    expect(retries).toBeGreaterThan(0);
  });
});

describe('connections', () => {
  it('keep a time zone that the user asks for', async () => {
    const there = createDsqlSequelize({ ...cluster.orm, timezone: '+05:30', logging: false });
    const [rows] = await there.query(
      "SELECT to_char('2026-01-01T00:00:00Z'::timestamptz, 'HH24:MI') AS time",
    );
    expect(rows).toStrictEqual([{ time: '05:30' }]);
    await there.close();
  });

  it("fail with Sequelize's own class, and the cause within", async () => {
    const closed = createDsqlSequelize({ ...cluster.orm, port: 1, logging: false });
    const error: unknown = await closed.authenticate().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({ name: 'SequelizeConnectionRefusedError', cause: { code: 'ECONNREFUSED' } });
    await closed.close();
  });

  it('have the search_path of the start-up options that other databases take', async () => {
    const { host, port, dsql } = cluster.orm;
    const url = `postgres://admin@${host}:${port}/postgres?options=-c%20search_path%3dshop`;
    const dialectOptions: object = { options: '-csearch_path=shop' };
    const instances = [
      createDsqlSequelize(url, { dsql, logging: false }),
      createDsqlSequelize({ ...cluster.orm, dialectOptions, logging: false }),
      attachDsql(new Sequelize(url, { logging: false }), dsql),
    ];
    for (const instance of instances) {
      const [rows] = await instance.query("SELECT current_setting('search_path') AS path");
      expect(rows).toStrictEqual([{ path: 'shop' }]);
      await instance.close();
    }
  });

  it('can be described by a url', async () => {
    const { host, port, dsql } = cluster.orm;
    const byUrl = createDsqlSequelize(`dsql://admin@${host}:${port}`, { dsql, logging: false });
    const [rows] = await byUrl.query('SELECT current_user AS name');
    expect(rows).toStrictEqual([{ name: 'admin' }]);
    await byUrl.close();
  });

  it.each([
    ['neither', '', {}, /^sequelize:/],
    ['a url', '?ormPrefix=till', {}, /^till:/],
    ['application_name beside a url, as it is', '?ormPrefix=till', { application_name: 'shop' }, /^shop$/],
  ])('are named after %s', async (_, parameters, dialectOptions, name) => {
    const { host, port, dsql } = cluster.orm;
    const url = `dsql://admin@${host}:${port}/postgres${parameters}`;
    const named = createDsqlSequelize(url, { dsql, dialectOptions, logging: false });
    const [rows] = await named.query("SELECT current_setting('application_name') AS name");
    expect(rows).toStrictEqual([{ name: expect.stringMatching(name) as string }]);
    await named.close();
  });

  it('reach each endpoint of a replication', async () => {
    const { host, port, dsql } = cluster.orm;
    const replicated = createDsqlSequelize({
      replication: { write: { host, port: String(port) }, read: [{ host, port: String(port) }] },
      dsql,
      logging: false,
    });
    const [rows] = await replicated.query('SELECT 1 AS one');
    expect(rows).toStrictEqual([{ one: 1 }]);
    await replicated.close();
  });
});

describe('the hook alone', () => {
  it('lets a plain Sequelize connect with a token for each connection', async () => {
    const plain = new Sequelize({
      dialect: 'postgres',
      logging: false,
      hooks: { beforeConnect: dsqlBeforeConnect(cluster.connection) },
    });
    const [rows] = await plain.query(
      "SELECT current_user AS name, current_setting('application_name') AS application",
    );
    expect(rows).toStrictEqual([
      { name: 'admin', application: expect.stringMatching(/^sequelize:aurora-dsql-orm\//) as string },
    ]);
    await plain.close();
  });

  it.each([
    ['a connection string', {}, /^till:/],
    ['an option beside one', { ormPrefix: 'shop' }, /^shop:/],
  ])('names its connections after the ormPrefix of %s', async (_, options, name) => {
    const { host, port, ...dsql } = cluster.connection;
    const connectionString = `dsql://admin@${host}:${port}/postgres?ormPrefix=till`;
    const plain = new Sequelize({
      dialect: 'postgres',
      logging: false,
      hooks: { beforeConnect: dsqlBeforeConnect({ ...dsql, connectionString, ...options }) },
    });
    const [rows] = await plain.query("SELECT current_setting('application_name') AS name");
    expect(rows).toStrictEqual([{ name: expect.stringMatching(name) as string }]);
    await plain.close();
  });

  it('takes the endpoint from the instance where it is not told of one', async () => {
    const { host, port, dsql } = cluster.orm;
    const plain = new Sequelize('postgres', 'admin', undefined, {
      dialect: 'postgres',
      host,
      port,
      logging: false,
      hooks: { beforeConnect: dsqlBeforeConnect(dsql) },
    });
    await expect(plain.authenticate()).resolves.toBeUndefined();
    await plain.close();
  });

  it('refuses what cannot be at once', () => {
    expect(() => dsqlBeforeConnect({ host: 'localhost' })).toThrow(/cluster endpoint/);
  });
});

describe('what Aurora DSQL lacks', () => {
  it.each([
    ['password', { password: 'x' }],
    ['ssl', { ssl: false }],
    ['dialectOptions.ssl', { dialectOptions: { ssl: { rejectUnauthorized: false } } }],
    ['dialectOptions.options', { dialectOptions: { options: '-c statement_timeout=5' } }],
    ['dialectOptions.options', { schema: 'shop', dialectOptions: { options: '-c search_path=till' } }],
    ['dialectOptions.statement_timeout', { dialectOptions: { statement_timeout: 5 } }],
    ['native', { native: true }],
    ['dialect', { dialect: 'mysql' }],
    ['database', { database: 'shop' }],
    ['standardConformingStrings', { standardConformingStrings: false }],
    ['isolationLevel', { isolationLevel: Transaction.ISOLATION_LEVELS.SERIALIZABLE }],
    ['dsql.hostname', { dsql: { hostname: 'x' } }],
  ])('the option %s is refused by name', (option, options) => {
    expect(() => createDsqlSequelize({ ...cluster.orm, ...options } as DsqlSequelizeOptions)).toThrow(
      expect.objectContaining({ name: 'ConfigurationError', option }) as Error,
    );
  });
});

it('the options of the caller stay as they were', async () => {
  const options = Object.freeze({
    ...cluster.orm,
    logging: false as const,
    pool: Object.freeze({ max: 1 }),
    dialectOptions: Object.freeze({ keepAlive: true }),
  });
  const frozen = createDsqlSequelize(options);
  await expect(frozen.authenticate()).resolves.toBeUndefined();
  await frozen.close();
});
