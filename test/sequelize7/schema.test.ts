import { DataTypes, Deferrable, sql } from '@sequelize/core';
import { DsqlClient, DsqlPool } from 'aurora-dsql-orm';
import { emptyDatabase } from 'aurora-dsql-orm/local';
import { isSchemaJobError, isUnsupportedFeatureError } from 'aurora-dsql-orm/sequelize7';
import { useCluster } from '../cluster';
import { failure, useSequelize } from './accounts';

const cluster = useCluster();
const { ours } = useSequelize(cluster);

afterEach(async () => {
  cluster.local.faults.clear();
  const client = new DsqlClient(cluster.connection);
  await client.connect();
  await emptyDatabase(client);
  await client.end();
});

/** An instance without models. */
function empty(options: Parameters<typeof ours>[0] = {}) {
  const { sequelize } = ours(options);
  sequelize.removeAllModels();
  return sequelize;
}

async function rows(text: string): Promise<Record<string, unknown>[]> {
  const pool = new DsqlPool(cluster.connection);
  const result = await pool.query<Record<string, unknown>>(text);
  await pool.end();
  return result.rows;
}

describe('sync', () => {
  it('makes tables for all types, and gives their values back', async () => {
    const sequelize = empty();
    const Thing = sequelize.define('Thing', {
      text: DataTypes.TEXT,
      string: { type: DataTypes.STRING(20), allowNull: false, comment: "it's a string" },
      flag: { type: DataTypes.BOOLEAN, defaultValue: true },
      small: DataTypes.SMALLINT,
      big: DataTypes.BIGINT,
      real: DataTypes.FLOAT,
      double: DataTypes.DOUBLE,
      exact: DataTypes.DECIMAL(10, 2),
      day: DataTypes.DATEONLY,
      time: DataTypes.TIME,
      at: DataTypes.DATE,
      bytes: DataTypes.BLOB,
      json: DataTypes.JSON,
      jsonb: DataTypes.JSONB,
      key: { type: DataTypes.UUID, defaultValue: sql.uuidV4 },
      role: { type: DataTypes.ENUM('a (b)', "it's", 'c'), allowNull: false, defaultValue: "it's" },
    });
    await sequelize.sync();
    const values = {
      text: 'ü',
      string: 's',
      small: 1,
      big: '9007199254740993',
      real: 1.5,
      double: 2.5,
      exact: '1.25',
      day: '2026-01-02',
      time: '03:04:05',
      at: new Date('2026-01-02T03:04:05.678Z'),
      bytes: Buffer.from('x'),
      json: { a: [1] },
      jsonb: [{ b: null }],
    };
    await Thing.create(values);
    const thing = await Thing.findOne({ rejectOnEmpty: true });
    expect(thing.get({ plain: true })).toMatchObject({
      ...values,
      id: 1,
      flag: true,
      role: "it's",
      key: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      createdAt: expect.any(Date) as Date,
    });
    await expect(sequelize.query(`INSERT INTO "Things" (role) VALUES ('d')`)).rejects.toThrow();
    await expect(thing.update({ role: 'c' })).resolves.toBeDefined();
    const described = await sequelize.queryInterface.describeTable('Things');
    expect(described).toMatchObject({
      id: { type: 'BIGINT', primaryKey: true, allowNull: false },
      string: { type: 'CHARACTER VARYING(20)', allowNull: false, comment: "it's a string" },
      role: { type: 'TEXT', defaultValue: expect.stringContaining('its') as string },
    });
    await expect(
      sequelize.query(`UPDATE "Things" SET role = 'd'`).catch((error: unknown) => String(error)),
    ).resolves.toContain('check constraint');
    await sequelize.drop();
  });

  it('gives identities that are numbers, and foreign keys of their type', async () => {
    const sequelize = empty({ dsql: { identityCache: 65_536 } });
    const User = sequelize.define('User', { name: DataTypes.TEXT });
    const Post = sequelize.define('Post', { title: DataTypes.TEXT });
    const Profile = sequelize.define('Profile', {
      userId: {
        type: DataTypes.INTEGER,
        primaryKey: true,
        references: { model: User, deferrable: Deferrable.INITIALLY_DEFERRED },
        onDelete: 'CASCADE',
      },
    });
    const Photo = sequelize.define('Photo', {
      profileId: { type: DataTypes.INTEGER, references: { model: Profile, key: 'userId' } },
    });
    Post.belongsTo(User);
    await sequelize.sync();
    const user = await User.create({ name: 'u' });
    await Profile.create({ userId: user.get('id') });
    const post = await Post.create({ title: 'p', userId: user.get('id') });
    const photo = await Photo.create({ profileId: user.get('id') });
    expect([user.get('id'), post.get('userId'), photo.get('profileId')]).toStrictEqual([1, 1, 1]);
    const columns = await rows(
      "SELECT table_name || '.' || column_name AS name, data_type AS type FROM information_schema.columns WHERE column_name IN ('id', 'userId', 'profileId') AND table_schema = 'public'",
    );
    expect(columns).toHaveLength(6);
    expect(new Set(columns.map(({ type }) => type))).toStrictEqual(new Set(['bigint']));
    expect(await rows('SELECT seqcache::int AS cache FROM pg_sequence')).toContainEqual({ cache: 65_536 });
    await sequelize.drop();
  });

  it('waits for indexes, and sends no DDL the second time', async () => {
    const steps: string[] = [];
    const sequelize = empty({ dsql: { onSchemaProgress: ({ step }) => void steps.push(step) } });
    sequelize.define(
      'Indexed',
      { a: DataTypes.INTEGER, b: DataTypes.TEXT, c: { type: DataTypes.TEXT, unique: true } },
      {
        indexes: [
          { fields: ['a'], unique: true },
          { fields: ['a', 'b'], using: 'BTREE' },
          { fields: [sql`lower(b)`], name: 'indexed_lower' },
          { fields: ['b'], where: { a: 1 }, name: 'indexed_partial' },
        ],
      },
    );
    await sequelize.sync();
    expect(steps.filter((step) => step === 'job ended')).toHaveLength(3);
    const indexes = await sequelize.queryInterface.showIndex('Indexeds');
    expect(indexes.map(({ name, unique }) => [name, unique])).toStrictEqual(
      [
        ['Indexeds_pkey', true],
        ['indexed_lower', false],
        ['indexed_partial', false],
        ['indexeds_a_b', false],
        ['indexeds_a_unique', true],
        ['indexeds_c_unique', true],
      ].sort(),
    );
    const logging = jest.fn();
    await sequelize.sync({ logging });
    expect(logging.mock.calls.map(([line]) => String(line)).join('\n')).not.toMatch(
      /: (?:CREATE|ALTER|DROP)/,
    );
    await sequelize.drop();
  });

  it('makes tables in a schema', async () => {
    const sequelize = empty();
    await sequelize.createSchema('shop');
    expect(await sequelize.queryInterface.listSchemas()).toStrictEqual(['shop']);
    const Item = sequelize.define(
      'Item',
      { name: DataTypes.TEXT },
      { schema: 'shop', indexes: [{ fields: ['name'] }] },
    );
    await sequelize.sync({ force: true });
    await Item.create({ name: 'i' });
    expect(await sequelize.queryInterface.listTables()).toStrictEqual([
      { tableName: 'Items', schema: 'shop' },
    ]);
    await Item.truncate();
    expect(await Item.count()).toBe(0);
    await sequelize.drop();
    await sequelize.dropSchema('shop');
    expect(await sequelize.queryInterface.listSchemas()).toStrictEqual([]);
  });

  it('drops what was there with `force`, and its data', async () => {
    const sequelize = empty();
    const Parent = sequelize.define('Parent', { name: DataTypes.TEXT });
    const Child = sequelize.define('Child', {});
    Child.belongsTo(Parent);
    await sequelize.sync();
    await Child.create({ parentId: (await Parent.create({})).get('id') });
    await sequelize.sync({ force: true });
    expect([await Parent.count(), await Child.count()]).toStrictEqual([0, 0]);
    await sequelize.drop();
    expect(await sequelize.queryInterface.listTables()).toStrictEqual([]);
  });

  it('reports a unique index that cannot be built, and leaves none behind', async () => {
    const sequelize = empty();
    const options = { tableName: 'double' };
    const Before = sequelize.define('Before', { a: DataTypes.INTEGER }, options);
    await sequelize.sync();
    await Before.bulkCreate([{ a: 1 }, { a: 1 }]);
    const again = empty();
    again.define(
      'After',
      { a: DataTypes.INTEGER },
      { ...options, indexes: [{ fields: ['a'], unique: true }] },
    );
    const error = await failure(again.sync());
    expect(error).toMatchObject({ name: 'SequelizeUniqueConstraintError' });
    expect(isSchemaJobError((error as Error).cause)).toBe(true);
    expect(await again.queryInterface.showIndex('double')).toHaveLength(1);
  });

  it.each([
    ['ARRAY', DataTypes.ARRAY(DataTypes.TEXT)],
    ['ARRAY of an enum', DataTypes.ARRAY(DataTypes.ENUM('a', 'b'))],
    ['RANGE', DataTypes.RANGE(DataTypes.INTEGER)],
    ['HSTORE', DataTypes.HSTORE],
    ['CITEXT', DataTypes.CITEXT],
    ['TSVECTOR', DataTypes.TSVECTOR],
    ['GEOMETRY', DataTypes.GEOMETRY],
    ['INET', DataTypes.INET],
    ['CIDR', DataTypes.CIDR],
    ['MACADDR', DataTypes.MACADDR],
  ])('refuses %s with the reason, before anything is sent', async (_, type) => {
    const logging = jest.fn();
    const sequelize = empty({ logging });
    sequelize.define('Refused', { value: type });
    const error = await failure(sequelize.sync());
    expect(isUnsupportedFeatureError(error)).toBe(true);
    expect(String(logging.mock.calls)).not.toContain('CREATE TABLE');
  });

  it('refuses `alter`, and models that refer to each other, which need it', async () => {
    const sequelize = empty();
    const A = sequelize.define('A', { name: DataTypes.TEXT });
    const B = sequelize.define('B', {});
    await sequelize.sync();
    expect(isUnsupportedFeatureError(await failure(sequelize.sync({ alter: true })))).toBe(true);
    A.belongsTo(B, { foreignKey: 'bId' });
    B.belongsTo(A, { foreignKey: 'aId' });
    expect(isUnsupportedFeatureError(await failure(sequelize.sync()))).toBe(true);
    await sequelize.drop();
  });
});

describe('truncate', () => {
  async function family() {
    const sequelize = empty();
    const Parent = sequelize.define('Parent', { name: DataTypes.TEXT });
    const Child = sequelize.define('Child', {});
    Child.belongsTo(Parent, { foreignKey: { name: 'parentId', onDelete: 'CASCADE' } });
    await sequelize.sync({ force: true });
    await Child.create({ parentId: (await Parent.create({})).get('id') });
    return { sequelize, Parent, Child, counts: async () => [await Parent.count(), await Child.count()] };
  }

  it('empties a table, however many rows it has', async () => {
    const sequelize = empty();
    const Many = sequelize.define('Many', { n: DataTypes.INTEGER }, { timestamps: false });
    await sequelize.sync();
    for (let batch = 0; batch < 3; batch++) {
      await sequelize.query(`INSERT INTO "Manies" (n) SELECT generate_series(1, 2500)`);
    }
    expect(await Many.count()).toBe(7500);
    await Many.truncate({ restartIdentity: true });
    expect(await Many.count()).toBe(0);
    expect((await Many.create({ n: 1 })).get('id')).toBe(1);
    await sequelize.drop();
  });

  it('refuses to change the rows of others, and touches none of them', async () => {
    const { sequelize, Parent, counts } = await family();
    expect(isUnsupportedFeatureError(await failure(Parent.truncate()))).toBe(true);
    expect(await counts()).toStrictEqual([1, 1]);
    await sequelize.drop();
  });

  it('empties those that refer to it with `cascade`', async () => {
    const { sequelize, Parent, counts } = await family();
    await Parent.truncate({ cascade: true });
    expect(await counts()).toStrictEqual([0, 0]);
    await sequelize.truncate({ cascade: true });
    await sequelize.destroyAll();
    await sequelize.drop();
  });
});

describe('the query interface', () => {
  it('creates, changes and drops', async () => {
    const sequelize = empty();
    const { queryInterface } = sequelize;
    await queryInterface.createTable('people', {
      id: { type: DataTypes.INTEGER, autoIncrement: true, primaryKey: true },
      name: { type: DataTypes.STRING, allowNull: false, comment: 'as spoken' },
    });
    await queryInterface.bulkInsert('people', [{ name: 'a' }, { name: 'b' }]);
    await queryInterface.addColumn('people', 'role', {
      type: DataTypes.ENUM('x', 'y'),
      allowNull: false,
      defaultValue: 'x',
    });
    await queryInterface.addIndex('people', ['name'], { unique: true, name: 'people_name' });
    await queryInterface.addConstraint('people', {
      type: 'CHECK',
      fields: ['name'],
      where: { name: ['a', 'b'] },
    });
    await queryInterface.renameColumn('people', 'name', 'called');
    expect(await sequelize.query('SELECT id, called, role FROM people ORDER BY id')).toMatchObject([
      [
        { id: '1', called: 'a', role: 'x' },
        { id: '2', called: 'b', role: 'x' },
      ],
      {},
    ]);
    await expect(queryInterface.bulkInsert('people', [{ called: 'c' }])).rejects.toThrow();
    await expect(queryInterface.bulkInsert('people', [{ called: 'a' }])).rejects.toMatchObject({
      name: 'SequelizeUniqueConstraintError',
    });
    const constraints = await queryInterface.showConstraints('people', { constraintType: 'CHECK' });
    expect(constraints.length).toBeGreaterThan(0);
    await queryInterface.removeIndex('people', 'people_name');
    await queryInterface.removeColumn('people', 'role');
    await queryInterface.renameTable('people', 'folk');
    expect(await queryInterface.tableExists('folk')).toBe(true);
    await queryInterface.dropAllTables();
    await queryInterface.dropAllEnums();
    expect(await queryInterface.listTables()).toStrictEqual([]);
  });

  it('explains what it refuses', async () => {
    const { queryInterface } = empty();
    const refused = [
      queryInterface.changeColumn('people', 'name', DataTypes.TEXT),
      queryInterface.addIndex('people', ['name'], { using: 'GIN' }),
      queryInterface.createFunction('f', [], 'integer', 'plpgsql', 'RETURN 1;'),
    ];
    const errors = await Promise.all(refused.map((each) => failure(each)));
    for (const error of errors) expect(isUnsupportedFeatureError(error)).toBe(true);
  });

  it('changes the schema in a transaction where one statement does', async () => {
    const sequelize = empty();
    const { queryInterface } = sequelize;
    const id = { type: DataTypes.INTEGER, primaryKey: true };
    await sequelize.transaction(() => queryInterface.createTable('inside', { id }));
    expect(await queryInterface.tableExists('inside')).toBe(true);
    await failure(
      sequelize.transaction(async () => {
        await queryInterface.createTable('undone', { id });
        throw new Error('mine');
      }),
    );
    expect(await queryInterface.tableExists('undone')).toBe(false);
    await sequelize.transaction(() => queryInterface.addIndex('inside', ['id'], { name: 'of_inside' }));
    expect(await queryInterface.showIndex('inside')).toHaveLength(2);
    const several = { type: DataTypes.TEXT, allowNull: false, defaultValue: '' };
    const error = await failure(
      sequelize.transaction(() => queryInterface.addColumn('inside', 'n', several)),
    );
    expect(isUnsupportedFeatureError(error)).toBe(true);
  });

  it('goes without a commit marker, which is a row, where it is in a transaction', async () => {
    const sequelize = empty({ dsql: { commitMarkers: true } });
    await sequelize.transaction((transaction) =>
      sequelize.queryInterface.createTable('marked', { id: DataTypes.INTEGER }, { transaction }),
    );
    expect(await rows("SELECT 1 AS one FROM pg_class WHERE relname = 'marked'")).toHaveLength(1);
  });

  it('runs a change again that meets a conflict of the schema', async () => {
    const { queryInterface } = empty();
    const fault = cluster.local.faults.failCommit({ error: 'OC001', times: 2 });
    await queryInterface.createTable('contested', { id: { type: DataTypes.INTEGER, primaryKey: true } });
    expect(fault.fired).toBe(2);
  });
});

describe('what the application sends itself', () => {
  it('is translated where Aurora DSQL has another way', async () => {
    const sequelize = empty();
    await sequelize.query(`CREATE TABLE mine (id serial PRIMARY KEY, a text);
      CREATE INDEX mine_a ON mine (a)`);
    await sequelize.query("INSERT INTO mine (a) VALUES ('x')");
    expect(await sequelize.queryInterface.showIndex('mine')).toHaveLength(2);
    await sequelize.query('TRUNCATE mine');
    expect(await rows('SELECT * FROM mine')).toStrictEqual([]);
  });

  it('is sent as it is where it is its own SQL, and answered by it', async () => {
    const sequelize = empty();
    await sequelize.query('CREATE TABLE mine (id uuid PRIMARY KEY, a text)');
    const [[job]] = (await sequelize.query('CREATE INDEX ASYNC mine_a ON mine (a)')) as [object[], unknown];
    expect(job).toMatchObject({ job_id: expect.any(String) as string });
  });

  it('is explained where there is none', async () => {
    const error = await failure(empty().query('CREATE TABLE mine (id uuid PRIMARY KEY, a text[])'));
    expect(error).toMatchObject({
      name: 'SequelizeDatabaseError',
      message: expect.stringContaining('Store text or jsonb') as string,
    });
  });

  it('is answered by PostgreSQL where it cannot be read', async () => {
    const error = await failure(empty().query('CREATE TABEL mine ()'));
    expect(error).toMatchObject({ name: 'SequelizeDatabaseError', cause: { code: '42601' } });
  });
});
