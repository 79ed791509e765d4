import { createDsqlSequelize, isUnsupportedFeatureError } from 'aurora-dsql-orm/sequelize';
import {
  DatabaseError,
  DataTypes,
  Op,
  QueryTypes,
  type QueryInterface,
  type Sequelize,
  type Transaction,
} from 'sequelize';
import { useCluster } from '../cluster';

const cluster = useCluster();
const sent: string[] = [];
let sequelize: Sequelize;
let queryInterface: QueryInterface & OtherMethods;

/** What Sequelize's types leave out. */
interface OtherMethods {
  showConstraint(table: string): Promise<{ readonly constraintName: string }[]>;
  describeTable(table: string, options: string | { readonly schema: string }): Promise<object>;
}

beforeAll(() => {
  sequelize = createDsqlSequelize({
    ...cluster.orm,
    logging: (sql) => sent.push(sql.replace(/^Executing \([^)]*\): /, '')),
  });
  queryInterface = sequelize.getQueryInterface() as typeof queryInterface;
});
beforeEach(async () => {
  await queryInterface.dropAllTables();
  await queryInterface.dropAllSchemas();
  sent.length = 0;
});
afterAll(async () => {
  await sequelize.close();
});

/** The statements that changed the schema or rows since the last look. */
const changes = () =>
  sent.splice(0).filter((sql) => /^(?:CREATE|ALTER|DROP|COMMENT|TRUNCATE|INSERT|UPDATE|DELETE)\b/.test(sql));

async function refusalOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(isUnsupportedFeatureError(error)).toBe(true);
  return (error as Error).message;
}

const select = (sql: string) => sequelize.query(sql, { type: QueryTypes.SELECT });

const id = { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true };

const createUsers = () =>
  queryInterface.createTable('users', {
    id,
    name: { type: DataTypes.STRING, defaultValue: 'Someone' },
    email: { type: DataTypes.STRING, unique: true },
    manager: { type: DataTypes.INTEGER, references: { model: 'users', key: 'id' } },
  });

/** Whatever the table is called. */
const users = [
  ['in public', 'users'],
  ['in a schema', { tableName: 'users', schema: 'archive' }],
] as const;

describe('tables', () => {
  it('are created, shown, renamed and dropped', async () => {
    await queryInterface.createTable('users', { id, name: DataTypes.STRING, kind: 'VARCHAR(3) NOT NULL' });
    await sequelize.query('CREATE VIEW v AS SELECT 1 AS one');
    expect(await queryInterface.showAllTables()).toStrictEqual(['users']);
    await sequelize.query('DROP VIEW v');
    await queryInterface.renameTable('users', 'people');
    expect(await queryInterface.tableExists('people')).toBe(true);
    expect(await queryInterface.tableExists('users')).toBe(false);
    await queryInterface.dropTable('people');
    await queryInterface.dropTable('people');
    expect(await queryInterface.showAllTables()).toStrictEqual([]);
  });

  it('may have keys of several columns, written as SQL or not', async () => {
    await queryInterface.createTable(
      'users',
      {
        code: 'VARCHAR(3) PRIMARY KEY',
        year: { type: DataTypes.INTEGER, primaryKey: true },
        a: DataTypes.INTEGER,
      },
      { uniqueKeys: { one: { fields: ['year', 'a'] }, other: { fields: ['a'], customIndex: true } } },
    );
    expect(await queryInterface.describeTable('users')).toMatchObject({
      code: { primaryKey: true, allowNull: false },
      year: { primaryKey: true },
      a: { primaryKey: false },
    });
    const indexes = (await queryInterface.showIndex('users')) as {
      unique: boolean;
      fields: { attribute: string }[];
    }[];
    expect(indexes.map(({ fields }) => fields.map(({ attribute }) => attribute))).toStrictEqual([
      ['a'],
      ['code', 'year'],
      ['year', 'a'],
    ]);
  });

  it('are all dropped, whatever refers to what, but those that are skipped', async () => {
    await createUsers();
    await queryInterface.createTable('pets', {
      id,
      owner: { type: DataTypes.INTEGER, references: { model: 'users', key: 'id' } },
    });
    await queryInterface.dropAllTables({ skip: ['pets'] });
    expect(await queryInterface.showAllTables()).toStrictEqual(['pets']);
  });

  it('that there are not have no description', async () => {
    await expect(queryInterface.describeTable('nowhere')).rejects.toThrow(
      'No description found for "nowhere" table. Check the table name and schema; remember, they _are_ case sensitive.',
    );
  });

  it.each(users)('may change their columns: %s', async (_, table) => {
    if (typeof table !== 'string') await queryInterface.createSchema(table.schema);
    await queryInterface.createTable(table, {
      id,
      name: { type: DataTypes.STRING, defaultValue: 'Someone' },
      email: { type: DataTypes.STRING, unique: true },
    });
    const describe = () => queryInterface.describeTable(table);
    await queryInterface.addColumn(table, 'active', {
      type: DataTypes.BOOLEAN,
      allowNull: false,
      defaultValue: true,
      comment: 'c',
    });
    await queryInterface.addColumn(table, 'mood', { type: DataTypes.ENUM('a', 'b'), unique: true });
    expect(await describe()).toMatchObject({
      active: { type: 'BOOLEAN', allowNull: false, defaultValue: true, comment: 'c' },
      mood: { special: ['a', 'b'] },
    });
    await queryInterface.renameColumn(table, 'name', 'called');
    await queryInterface.changeColumn(table, 'called', { type: DataTypes.STRING, allowNull: false });
    expect(await describe()).toMatchObject({ called: { allowNull: false, defaultValue: null } });
    await queryInterface.changeColumn(table, 'called', {
      type: DataTypes.STRING,
      allowNull: true,
      defaultValue: 'x',
    });
    expect(await describe()).toMatchObject({ called: { allowNull: true, defaultValue: 'x' } });
    for (const column of ['called', 'email', 'active', 'mood']) {
      await queryInterface.removeColumn(table, column);
    }
    expect(Object.keys(await describe())).toStrictEqual(['id']);
    expect(await queryInterface.showIndex(table)).toHaveLength(1);
  });

  it('fill a new column of existing rows with its default', async () => {
    await createUsers();
    await sequelize.query('INSERT INTO users (name) SELECT n FROM generate_series(1, 2500) AS n');
    await sequelize.query('INSERT INTO users (name) SELECT n FROM generate_series(1, 2500) AS n');
    await queryInterface.addColumn('users', 'kind', {
      type: DataTypes.STRING,
      allowNull: false,
      defaultValue: 'k',
    });
    expect(await select('SELECT kind, count(*) FROM users GROUP BY kind')).toStrictEqual([
      { kind: 'k', count: '5000' },
    ]);
  });

  it.each([
    ['the primary key', () => queryInterface.removeColumn('users', 'id'), /another table/],
    [
      'a primary key to come',
      () => queryInterface.addColumn('users', 'key', { type: DataTypes.INTEGER, primaryKey: true }),
      /PRIMARY KEY into CREATE TABLE/,
    ],
    [
      'a primary key of constraints',
      () => queryInterface.addConstraint('users', { type: 'primary key', fields: ['name'] }),
      /PRIMARY KEY into CREATE TABLE/,
    ],
    [
      'the constraint of the primary key',
      () => queryInterface.removeConstraint('users', 'users_pkey'),
      /primary key/i,
    ],
  ])('keep %s, and say so before anything is sent', async (_, change, message) => {
    await createUsers();
    sent.length = 0;
    expect(await refusalOf(change())).toMatch(message);
    expect(changes()).toStrictEqual([]);
  });

  it('say which column there is not', async () => {
    await createUsers();
    await expect(queryInterface.changeColumn('users', 'nothing', DataTypes.STRING)).rejects.toThrow(
      "Table users doesn't have the column nothing",
    );
    await expect(queryInterface.removeColumn('users', 'nothing')).rejects.toThrow(
      /column "nothing".* does not exist/,
    );
  });
});

describe('constraints', () => {
  const names = async () =>
    (await queryInterface.showConstraint('users'))
      .map(({ constraintName }) => constraintName)
      .filter((name) => !name.endsWith('_not_null'));

  beforeEach(async () => {
    await queryInterface.createTable('users', { id, name: DataTypes.STRING, age: DataTypes.INTEGER });
    await queryInterface.createTable('posts', { id, name: DataTypes.STRING, userId: DataTypes.BIGINT });
  });

  it.each<[string, object, string]>([
    ['unique', { type: 'unique', fields: ['name', 'age'] }, 'users_name_age_uk'],
    ['check', { type: 'check', fields: ['age'], where: { age: { [Op.gt]: 18 } } }, 'users_age_ck'],
    [
      'foreign key',
      {
        type: 'foreign key',
        fields: ['age'],
        references: { table: 'posts', field: 'id' },
        onDelete: 'cascade',
      },
      'users_age_posts_fk',
    ],
    ['named', { type: 'unique', fields: ['name'], name: 'one_name' }, 'one_name'],
  ])('of the kind %s are added and removed', async (_, options, name) => {
    await queryInterface.addConstraint('users', options as Parameters<QueryInterface['addConstraint']>[1]);
    expect(await names()).toContain(name);
    await queryInterface.removeConstraint('users', name);
    expect(await names()).not.toContain(name);
  });

  it('are those of PostgreSQL: there is none for a default', async () => {
    await expect(
      queryInterface.addConstraint('users', { type: 'default', fields: ['age'], defaultValue: 1 }),
    ).rejects.toThrow('Default constraints are supported only for MSSQL dialect.');
  });

  it('that are unknown are said to be', async () => {
    await expect(queryInterface.removeConstraint('users', 'unknown__constraint')).rejects.toMatchObject({
      name: 'SequelizeUnknownConstraintError',
      constraint: 'unknown__constraint',
    });
  });
});

describe('indexes', () => {
  it.each(users)('are added, shown and removed: %s', async (_, table) => {
    const schema = typeof table === 'string' ? undefined : table.schema;
    if (schema !== undefined) await queryInterface.createSchema(schema);
    await queryInterface.createTable(table, { id, name: DataTypes.STRING, from: DataTypes.STRING });
    await queryInterface.addIndex(
      table,
      ['name', 'from'],
      schema === undefined ? {} : (null as never),
      'users',
    );
    expect(await queryInterface.showIndex(table)).toMatchObject([
      {
        name: 'users_name_from',
        unique: false,
        primary: false,
        fields: [{ attribute: 'name' }, { attribute: 'from' }],
      },
      { name: 'users_pkey', unique: true, primary: true, fields: [{ attribute: 'id' }] },
    ]);
    const name = schema === undefined ? ['name', 'from'] : `${schema}.users_name_from`;
    await queryInterface.removeIndex('users', name as string);
    expect(await queryInterface.showIndex(table)).toHaveLength(1);
  });
});

describe('schemas', () => {
  it('are shown without those of the system, and dropped', async () => {
    await queryInterface.createSchema('one');
    await queryInterface.createSchema('one');
    await queryInterface.createSchema('two');
    expect(new Set((await queryInterface.showAllSchemas()) as unknown as string[])).toStrictEqual(
      new Set(['one', 'two']),
    );
    await queryInterface.dropAllSchemas();
    expect(await queryInterface.showAllSchemas()).toStrictEqual([]);
  });

  it('may hold tables of the same name', async () => {
    await queryInterface.createSchema('archive');
    const define = (schema?: string) =>
      sequelize.define(
        'pet',
        { name: DataTypes.STRING },
        { ...(schema !== undefined && { schema }), indexes: [{ fields: ['name'] }] },
      );
    await define('archive').sync();
    await define().sync();
    expect(await queryInterface.showIndex('pets')).toHaveLength(2);
    expect(await queryInterface.showIndex({ tableName: 'pets', schema: 'archive' })).toHaveLength(2);
    await queryInterface.createTable({ tableName: 'users', schema: 'archive' }, { a: DataTypes.STRING });
    await queryInterface.createTable('posts', { a: DataTypes.STRING }, { schema: 'archive' } as object);
    await queryInterface.createTable('users', { b: DataTypes.STRING });
    expect(await queryInterface.describeTable('users', 'archive')).toHaveProperty('a');
    expect(await queryInterface.describeTable('posts', { schema: 'archive' })).toHaveProperty('a');
    expect(await queryInterface.describeTable('users')).toHaveProperty('b');
  });
});

describe('the rest', () => {
  it('tells the version', async () => {
    expect(await queryInterface.databaseVersion()).toMatch(/^16\./);
  });

  it('has functions in SQL', async () => {
    await queryInterface.createFunction(
      'twice',
      [{ type: 'integer', name: 'n' }],
      'integer',
      'sql',
      'SELECT n * 2',
    );
    await queryInterface.renameFunction('twice', [{ type: 'integer', name: 'n' }], 'doubled');
    expect(await select('SELECT doubled(4)')).toStrictEqual([{ doubled: 8 }]);
    await queryInterface.createFunction(
      'doubled',
      [{ type: 'integer', name: 'n' }],
      'integer',
      'SQL',
      'SELECT n + n',
      [],
      {
        force: true,
      },
    );
    await queryInterface.dropFunction('doubled', [{ type: 'integer', name: 'n' }]);
    await expect(select('SELECT doubled(4)')).rejects.toThrow(DatabaseError);
  });

  it('has those of PL/pgSQL that only return an expression, and no others', async () => {
    const n = [{ type: 'integer', name: 'n' }];
    await queryInterface.createFunction('next_one', n, 'integer', 'plpgsql', 'RETURN n + step;', [], {
      variables: [{ type: 'integer', name: 'step', default: 10 }],
    } as object);
    await queryInterface.createFunction('greeting', [], 'varchar', 'plpgsql', "return 'a;b';");
    expect(await select('SELECT next_one(4), greeting()')).toStrictEqual([{ next_one: 14, greeting: 'a;b' }]);
    await queryInterface.dropFunction('next_one', n);
    await queryInterface.dropFunction('greeting', []);
    const body = 'n := n + 1; RETURN n;';
    expect(await refusalOf(queryInterface.createFunction('f', n, 'integer', 'plpgsql', body))).toMatch(
      /LANGUAGE sql/,
    );
  });

  it('has neither triggers nor databases', async () => {
    await createUsers();
    expect(
      await refusalOf(queryInterface.createTrigger('users', 't', 'after', ['insert'] as never, 'f', [], [])),
    ).toMatch(/CREATE TRIGGER/);
    expect(await refusalOf(queryInterface.createDatabase('other'))).toMatch(/CREATE DATABASE/);
    // Sequelize says IF EXISTS, and there is none.
    await queryInterface.dropDatabase('other');
    expect(await refusalOf(queryInterface.dropDatabase('postgres'))).toMatch(/DROP DATABASE/);
  });

  it('runs statements of migrations as they are written for PostgreSQL', async () => {
    await sequelize.query(
      'CREATE TABLE users (id SERIAL PRIMARY KEY, name varchar(20)); CREATE INDEX ON users USING btree (name);',
    );
    await sequelize.query(
      '-- a comment\nALTER TABLE users ALTER COLUMN name SET NOT NULL, ADD COLUMN age int DEFAULT 3',
    );
    await sequelize.query('CREATE EXTENSION IF NOT EXISTS "uuid-ossp"');
    await sequelize.query(`INSERT INTO users (name) VALUES ('a')`);
    await sequelize.query('TRUNCATE TABLE users RESTART IDENTITY');
    await sequelize.query(`INSERT INTO users (name) VALUES ('b')`);
    expect(await select('SELECT * FROM users')).toStrictEqual([{ id: 1, name: 'b', age: 3 }]);
  });
});

describe('truncate', () => {
  const define = () => {
    const User = sequelize.define('user', { name: DataTypes.STRING }, { timestamps: false });
    const Post = sequelize.define('post', {}, { timestamps: false });
    return { User, Post };
  };

  it('empties a table of more rows than a transaction may change, and may count anew', async () => {
    const { User } = define();
    await User.sync({ force: true });
    await sequelize.query('INSERT INTO users (name) SELECT n FROM generate_series(1, 2000) AS n');
    await sequelize.query('INSERT INTO users (name) SELECT n FROM generate_series(1, 2000) AS n');
    await User.truncate({ restartIdentity: true });
    expect(await User.count()).toBe(0);
    expect((await User.create({ name: 'a' })).get('id')).toBe(1);
  });

  it('with cascade empties what refers to the table first, and refuses to change its rows without', async () => {
    const { User, Post } = define();
    User.hasMany(Post, { onDelete: 'CASCADE' });
    await sequelize.sync({ force: true });
    await User.create({ id: 1, name: 'a' });
    await Post.create({ userId: 1 });
    expect(await refusalOf(User.truncate())).toMatch(
      /that would change the rows of "posts", too.*cascade: true/,
    );
    await User.truncate({ cascade: true });
    expect([await User.count(), await Post.count()]).toStrictEqual([0, 0]);
  });

  it.each([
    ['empties either of them', {}],
    ['empties the one first that the other need not refer to', { allowNull: false }],
  ])('of all models goes around in circles, and %s', async (_, foreignKey) => {
    const { User, Post } = define();
    User.belongsTo(Post, { as: 'favourite' });
    Post.belongsTo(User, { foreignKey });
    await sequelize.sync({ force: true });
    await User.create({ id: 1, name: 'a' });
    await Post.create({ id: 1, userId: 1 });
    await User.update({ favouriteId: 1 }, { where: { id: 1 } });
    await Post.truncate({ cascade: true });
    expect([await User.count(), await Post.count()]).toStrictEqual([0, 0]);
    await sequelize.truncate({ cascade: true });
    await sequelize.drop();
  });
});

describe('truncate with cascade', () => {
  it.each(['A', 'B'])('empties tables that keep each other from it, beginning with %s', async (first) => {
    const A = sequelize.define('A', { BId: { type: DataTypes.INTEGER } });
    const B = sequelize.define('B', { AId: { type: DataTypes.INTEGER } });
    A.belongsTo(B, { foreignKey: { allowNull: true } });
    B.belongsTo(A, { foreignKey: { allowNull: false } });
    await sequelize.sync({ force: true });
    await sequelize.query(`INSERT INTO "As" (id, "createdAt", "updatedAt") VALUES (1, now(), now())`);
    await sequelize.query(
      `INSERT INTO "Bs" (id, "AId", "createdAt", "updatedAt") VALUES (1, 1, now(), now())`,
    );
    await sequelize.query('UPDATE "As" SET "BId" = 1');
    await (first === 'A' ? A : B).truncate({ cascade: true });
    expect([await A.count(), await B.count()]).toStrictEqual([0, 0]);
    await sequelize.truncate({ cascade: true });
    await sequelize.drop();
  });
});

describe('in a transaction that is not taken apart', () => {
  let asWritten: Sequelize;
  let whole: QueryInterface;

  beforeAll(() => {
    asWritten = createDsqlSequelize({
      ...cluster.orm,
      dsql: { ...cluster.orm.dsql, migrations: { translate: false } },
      logging: false,
    });
    whole = asWritten.getQueryInterface();
  });
  afterAll(() => asWritten.close());

  it('one change of the schema is done with it, and undone with it', async () => {
    await asWritten.transaction((transaction) =>
      whole.createTable('users', { id, name: DataTypes.STRING }, { transaction }),
    );
    await asWritten.transaction((transaction) => whole.addIndex('users', ['name'], { transaction }));
    expect(await queryInterface.showIndex('users')).toMatchObject([{ name: 'users_name', valid: true }, {}]);
    await asWritten
      .transaction(async (transaction) => {
        await whole.addColumn('users', 'age', DataTypes.INTEGER, { transaction });
        throw new Error('enough');
      })
      .catch(() => undefined);
    expect(await queryInterface.describeTable('users')).not.toHaveProperty('age');
  });

  it('goes without a commit marker, which is a row', async () => {
    const marked = createDsqlSequelize({
      ...cluster.orm,
      dsql: { ...cluster.orm.dsql, commitMarkers: true },
      logging: false,
    });
    await marked.transaction((transaction) =>
      marked.getQueryInterface().createTable('users', { id }, { transaction }),
    );
    await marked.getQueryInterface().addColumn('users', 'name', DataTypes.STRING);
    expect(await queryInterface.describeTable('users')).toHaveProperty('name');
    await marked.close();
  });

  it.each<[string, (transaction: Transaction) => Promise<unknown>]>([
    [
      'two changes',
      async (transaction) => {
        await whole.addColumn('users', 'one', DataTypes.STRING, { transaction });
        await whole.addColumn('users', 'two', DataTypes.STRING, { transaction });
      },
    ],
    [
      'a change that takes several statements',
      (transaction) =>
        whole.addColumn('users', 'one', { type: DataTypes.STRING, defaultValue: 'a' }, { transaction }),
    ],
    [
      'a change behind rows that are written',
      async (transaction) => {
        await asWritten.query(`INSERT INTO users (name) VALUES ('a')`, { transaction });
        await whole.addColumn('users', 'one', DataTypes.STRING, { transaction });
      },
    ],
  ])('%s are refused before they are sent', async (_, work) => {
    await createUsers();
    expect(await refusalOf(asWritten.transaction(work))).toMatch(
      /in one transaction|in a transaction that writes rows/,
    );
    expect(await queryInterface.describeTable('users')).not.toHaveProperty('one');
  });
});
