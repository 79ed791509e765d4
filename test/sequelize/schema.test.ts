import {
  createDsqlSequelize,
  isSchemaJobError,
  isUnsupportedFeatureError,
  type SchemaProgress,
} from 'aurora-dsql-orm/sequelize';
import {
  DataTypes,
  Deferrable,
  ForeignKeyConstraintError,
  Op,
  QueryTypes,
  UniqueConstraintError,
  type DataType,
  type ModelAttributeColumnOptions,
  type QueryInterface,
  type Sequelize,
} from 'sequelize';
import { useCluster } from '../cluster';
import { oneOfEvery } from '../form';

const cluster = useCluster();
const sent: string[] = [];
const progress: SchemaProgress[] = [];
let sequelize: Sequelize;
let queryInterface: QueryInterface & EnumMethods;

/** What Sequelize's types leave out. */
interface EnumMethods {
  pgListEnums(table?: string): Promise<object[]>;
  dropEnum(name: string): Promise<void>;
}

beforeAll(() => {
  sequelize = createDsqlSequelize({
    ...cluster.orm,
    dsql: { ...cluster.orm.dsql, onSchemaProgress: (step) => progress.push(step) },
    logging: (text) => sent.push(text.replace(/^Executing \([^)]*\): /, '')),
  });
  queryInterface = sequelize.getQueryInterface() as typeof queryInterface;
});
beforeEach(async () => {
  const { modelManager } = sequelize as unknown as { modelManager: { removeModel(model: unknown): void } };
  for (const model of Object.values(sequelize.models)) modelManager.removeModel(model);
  await queryInterface.dropAllTables();
  sent.length = 0;
  progress.length = 0;
});
afterAll(async () => {
  await sequelize.close();
});

/** The statements that changed the schema or rows since the last look. */
const changes = () =>
  sent.splice(0).filter((sql) => /^(?:CREATE|ALTER|DROP|COMMENT|TRUNCATE|INSERT|UPDATE|DELETE)\b/.test(sql));

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

const one = (attribute: ModelAttributeColumnOptions | DataType) =>
  sequelize.define('thing', { value: attribute as ModelAttributeColumnOptions }, { timestamps: false });

describe('sync({ alter }) changes nothing the second time, whatever the column', () => {
  const columns: readonly [string, () => ModelAttributeColumnOptions | DataType, string][] = [
    ['STRING', () => DataTypes.STRING, 'CHARACTER VARYING(255)'],
    ['STRING(20)', () => DataTypes.STRING(20), 'CHARACTER VARYING(20)'],
    ['STRING.BINARY', () => (DataTypes.STRING as unknown as { BINARY: DataType }).BINARY, 'BYTEA'],
    ['CHAR(3)', () => DataTypes.CHAR(3), 'CHARACTER(3)'],
    ['TEXT', () => DataTypes.TEXT, 'TEXT'],
    ['BLOB', () => DataTypes.BLOB, 'BYTEA'],
    ['DECIMAL', () => DataTypes.DECIMAL, 'NUMERIC'],
    ['DECIMAL(10,2)', () => DataTypes.DECIMAL(10, 2), 'NUMERIC'],
    ['JSON', () => DataTypes.JSON, 'JSON'],
    ['JSONB', () => DataTypes.JSONB, 'JSONB'],
    ['DATE', () => DataTypes.DATE, 'TIMESTAMP WITH TIME ZONE'],
    ['TIME', () => DataTypes.TIME, 'TIME WITHOUT TIME ZONE'],
    ['DATEONLY', () => DataTypes.DATEONLY, 'DATE'],
    ['BOOLEAN', () => DataTypes.BOOLEAN, 'BOOLEAN'],
    ['REAL', () => DataTypes.REAL, 'REAL'],
    ['FLOAT', () => DataTypes.FLOAT, 'DOUBLE PRECISION'],
    ['FLOAT(11)', () => DataTypes.FLOAT(11), 'REAL'],
    ['DOUBLE', () => DataTypes.DOUBLE, 'DOUBLE PRECISION'],
    ['SMALLINT', () => DataTypes.SMALLINT, 'SMALLINT'],
    ['INTEGER', () => DataTypes.INTEGER, 'INTEGER'],
    ['BIGINT', () => DataTypes.BIGINT, 'BIGINT'],
    ['UUID', () => DataTypes.UUID, 'UUID'],
    ['UUIDV1', () => ({ type: DataTypes.UUID, defaultValue: DataTypes.UUIDV1 }), 'UUID'],
    ['UUIDV4', () => ({ type: DataTypes.UUID, defaultValue: DataTypes.UUIDV4 }), 'UUID'],
    [
      'a UUID of the database',
      () => ({ type: DataTypes.UUID, defaultValue: sequelize.literal('uuid_generate_v4()') }),
      'UUID',
    ],
    ['ENUM', () => DataTypes.ENUM('a', "it's", 'b, c'), 'TEXT'],
    ['ENUM of one', () => DataTypes.ENUM('only'), 'TEXT'],
    ['an ENUM with a default', () => ({ type: DataTypes.ENUM('a', 'b'), defaultValue: 'b' }), 'TEXT'],
    ['NOT NULL', () => ({ type: DataTypes.TEXT, allowNull: false, defaultValue: 'a' }), 'TEXT'],
    ['unique', () => ({ type: DataTypes.STRING, unique: true }), 'CHARACTER VARYING(255)'],
    ['a comment', () => ({ type: DataTypes.STRING, comment: "it's" }), 'CHARACTER VARYING(255)'],
    ['a text', () => ({ type: DataTypes.STRING, defaultValue: "it's" }), 'CHARACTER VARYING(255)'],
    ['an empty text', () => ({ type: DataTypes.STRING, defaultValue: '' }), 'CHARACTER VARYING(255)'],
    ['null', () => ({ type: DataTypes.STRING, defaultValue: null }), 'CHARACTER VARYING(255)'],
    ['a negative number', () => ({ type: DataTypes.INTEGER, defaultValue: -1 }), 'INTEGER'],
    ['a fraction', () => ({ type: DataTypes.DECIMAL(10, 2), defaultValue: 1.5 }), 'NUMERIC'],
    ['a big number', () => ({ type: DataTypes.BIGINT, defaultValue: '9007199254740993' }), 'BIGINT'],
    ['true', () => ({ type: DataTypes.BOOLEAN, defaultValue: true }), 'BOOLEAN'],
    ['an object', () => ({ type: DataTypes.JSONB, defaultValue: { b: [1], a: null } }), 'JSONB'],
    ['an object as json', () => ({ type: DataTypes.JSON, defaultValue: { b: 1, a: 2 } }), 'JSON'],
    ['a time', () => ({ type: DataTypes.DATE, defaultValue: new Date(0) }), 'TIMESTAMP WITH TIME ZONE'],
    ['NOW', () => ({ type: DataTypes.DATE, defaultValue: DataTypes.NOW }), 'TIMESTAMP WITH TIME ZONE'],
    [
      'now()',
      () => ({ type: DataTypes.DATE, defaultValue: sequelize.fn('now') }),
      'TIMESTAMP WITH TIME ZONE',
    ],
    [
      'CURRENT_TIMESTAMP',
      () => ({ type: DataTypes.DATE, defaultValue: sequelize.literal('CURRENT_TIMESTAMP') }),
      'TIMESTAMP WITH TIME ZONE',
    ],
    ['a call', () => ({ type: DataTypes.TEXT, defaultValue: sequelize.fn('lower', 'ABC') }), 'TEXT'],
  ];

  it.each(oneOfEvery(3, columns))('%s', async (_, attribute, type) => {
    const Thing = one(attribute());
    await Thing.sync();
    expect(await Thing.describe()).toMatchObject({ value: { type } });
    sent.length = 0;
    await Thing.sync({ alter: true });
    await sequelize.sync({ alter: true });
    expect(changes()).toStrictEqual([]);
    await Thing.create({});
    expect(await Thing.count()).toBe(1);
  });

  it('however they are associated', async () => {
    const User = sequelize.define('user', { name: DataTypes.STRING });
    const Post = sequelize.define('post', { title: DataTypes.STRING });
    const Tag = sequelize.define('tag', {
      name: { type: DataTypes.STRING, unique: 'name_and_kind' },
      kind: { type: DataTypes.STRING, unique: 'name_and_kind' },
    });
    User.hasMany(Post, { foreignKey: { allowNull: false }, onDelete: 'CASCADE' });
    Post.belongsTo(User, { foreignKey: { allowNull: false } });
    Post.belongsToMany(Tag, { through: 'post_tags' });
    Tag.belongsToMany(Post, { through: 'post_tags' });
    User.belongsTo(User, { as: 'manager' });
    await sequelize.sync();
    sent.length = 0;
    await sequelize.sync({ alter: true });
    expect(changes()).toStrictEqual([]);
  });
});

describe('a type that Aurora DSQL cannot store', () => {
  it.each<[string, () => DataType, RegExp]>([
    ['ARRAY', () => DataTypes.ARRAY(DataTypes.STRING), /JSONB.*arrays: 'jsonb'/],
    ['RANGE', () => DataTypes.RANGE(DataTypes.INTEGER), /two columns.*columnTypes: true/],
    ['HSTORE', () => DataTypes.HSTORE, /jsonb.*columnTypes: true/],
    ['CITEXT', () => DataTypes.CITEXT, /lower\(column\)/],
    ['TSVECTOR', () => DataTypes.TSVECTOR, /LIKE.*columnTypes: true/],
    ['GEOMETRY', () => DataTypes.GEOMETRY('POINT'), /GeoJSON\.$/],
    ['GEOGRAPHY', () => DataTypes.GEOGRAPHY, /GeoJSON\.$/],
    ['INET', () => DataTypes.INET, /Declare text\..*columnTypes: true/],
    ['CIDR', () => DataTypes.CIDR, /Declare text\..*columnTypes: true/],
    ['MACADDR', () => DataTypes.MACADDR, /Declare text\..*columnTypes: true/],
  ])('%s is refused before anything is sent', async (type, attribute, instead) => {
    sequelize.define('first', {});
    const Thing = one(attribute());
    const failures = [
      await failure(sequelize.sync({ force: true })),
      await failure(Thing.sync({ force: true })),
      await failure(queryInterface.createTable('things', { value: attribute() })),
      await failure(queryInterface.addColumn('things', 'value', attribute())),
    ];
    for (const error of failures) {
      expect(isUnsupportedFeatureError(error)).toBe(true);
      expect((error as Error).message).toMatch(instead);
      expect((error as Error).message).toContain(`columns of type ${type}: value of things`);
    }
    expect(sent).toStrictEqual([]);
  });

  it('is refused as well where it is written as SQL', async () => {
    const error = await failure(queryInterface.createTable('things', { value: 'INTEGER[]' }));
    expect(isUnsupportedFeatureError(error)).toBe(true);
    expect(sent).toStrictEqual([]);
  });

  it('may be an array that is kept as jsonb', async () => {
    const withArrays = createDsqlSequelize({
      ...cluster.orm,
      dsql: { ...cluster.orm.dsql, arrays: 'jsonb' },
      logging: false,
    });
    const Thing = withArrays.define('thing', {
      tags: { type: DataTypes.ARRAY(DataTypes.STRING), defaultValue: ['new'] },
      moods: DataTypes.ARRAY(DataTypes.ENUM('happy', 'sad')),
    });
    await withArrays.sync();
    expect(await Thing.describe()).toMatchObject({ tags: { type: 'JSONB' }, moods: { type: 'JSONB' } });
    await Thing.create({ tags: ['a', "it's"], moods: ['sad'] });
    await Thing.create({});
    await Thing.update({ moods: ['happy'] }, { where: { tags: { [Op.contains]: ['new'] } } });
    expect(
      (await Thing.findAll({ order: ['id'] })).map((thing) => [thing.get('tags'), thing.get('moods')]),
    ).toEqual([
      [['a', "it's"], ['sad']],
      [['new'], ['happy']],
    ]);
    await expect(Thing.create({ tags: 'a' })).rejects.toThrow(/not a valid array/);
    await withArrays.close();
  });
});

it('makes one column of what an attribute and an association describe', async () => {
  const User = sequelize.define('user', {}, { timestamps: false });
  const Visit = sequelize.define(
    'visit',
    { userId: { type: DataTypes.INTEGER, field: 'user_id', comment: 'who' } },
    { timestamps: false },
  );
  User.hasMany(Visit, { foreignKey: 'user_id' });
  await sequelize.sync();
  expect(Object.keys(await Visit.describe())).toEqual(['id', 'user_id']);
  expect(await queryInterface.getForeignKeyReferencesForTable('visits')).toHaveLength(1);
});

describe('autoIncrement', () => {
  it('counts in JavaScript numbers, and what refers to it follows, however far', async () => {
    const User = sequelize.define('user', { name: DataTypes.STRING });
    const Profile = sequelize.define('profile', {
      id: { type: DataTypes.INTEGER, primaryKey: true, references: { model: 'users', key: 'id' } },
      big: DataTypes.BIGINT,
    });
    const Photo = sequelize.define('photo', {
      profileId: {
        type: DataTypes.INTEGER,
        field: 'profile_id',
        references: { model: 'profiles', key: 'id' },
      },
    });
    const Visit = sequelize.define('visit', {});
    User.hasMany(Visit, { constraints: false });
    User.hasOne(Profile, { foreignKey: 'id' });
    Profile.hasMany(Photo, { foreignKey: 'profileId' });
    Photo.belongsTo(Profile, { foreignKey: 'profileId' });
    await sequelize.sync();
    expect(await Photo.describe()).toMatchObject({
      profile_id: { type: 'BIGINT' },
      id: { autoIncrement: true, defaultValue: 'nextval(photos_id_seq::regclass)' },
    });
    expect(await Visit.describe()).toMatchObject({ userId: { type: 'BIGINT' } });

    const user = await User.create({ name: 'a' });
    const [visit] = await Visit.bulkCreate([{ userId: user.get('id') }], { returning: true });
    await Profile.create({ id: user.get('id'), big: 5 });
    const photo = await Photo.create({ profileId: 1 });
    await photo.reload();
    const [, updated] = await User.update({ name: 'b' }, { where: { id: 1 }, returning: true });
    const found = await User.findAll({ include: [{ model: Profile, include: [Photo] }] });
    const raw = await Photo.findAll({
      raw: true,
      include: [Profile],
      attributes: ['profileId', ['id', 'number']],
    });
    const counted = await Visit.findAll({
      attributes: ['userId', [sequelize.fn('count', '*'), 'visits']],
      group: ['userId'],
    });
    expect({
      created: [user.get('id'), visit?.get('userId'), photo.get('profileId'), photo.get('id')],
      updated: updated[0]?.get('id'),
      found: found.map((each) => each.get({ plain: true }) as object),
      raw,
      counted: counted.map((each) => each.get('userId')),
      count: await User.count(),
      max: await Photo.max('profileId'),
    }).toMatchObject({
      created: [1, 1, 1, 1],
      updated: 1,
      found: [{ id: 1, profile: { id: 1, big: '5', photos: [{ id: 1, profileId: 1 }] } }],
      raw: [{ profileId: 1, number: 1, 'profile.id': 1, 'profile.big': '5' }],
      counted: [1],
      count: 1,
      max: 1,
    });
  });

  it('counts in numbers in raw results, too, and leaves every other bigint the text that it is', async () => {
    const Owner = sequelize.define('owner', { big: DataTypes.BIGINT }, { timestamps: false });
    const Pet = sequelize.define('pet', {}, { timestamps: false });
    Owner.hasMany(Pet);
    await sequelize.sync();
    await queryInterface.createTable('strays', {
      id: { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true },
      ownerId: { type: DataTypes.INTEGER, references: { model: 'owners', key: 'id' } },
      big: DataTypes.BIGINT,
    });
    await Owner.create({ big: 5 });
    await Pet.create({ ownerId: 1 });
    const sql = `INSERT INTO strays ("ownerId", big) VALUES (1, 5) RETURNING *`;
    const stray = { id: 1, ownerId: 1, big: '5' };
    expect((await sequelize.query(sql))[0]).toStrictEqual([stray]);
    const select = { type: QueryTypes.SELECT } as const;
    expect(await sequelize.query('SELECT * FROM strays', select)).toStrictEqual([stray]);
    expect(await sequelize.query('SELECT * FROM strays', { ...select, plain: true })).toStrictEqual(stray);
    expect(
      await sequelize.query(
        'SELECT o.id, o.big, p."ownerId" AS owner, (SELECT count(*) FROM pets) AS pets FROM owners o, pets p',
        select,
      ),
    ).toStrictEqual([{ id: 1, big: '5', owner: 1, pets: '1' }]);
    expect(await sequelize.query('SELECT * FROM owners', { model: Owner, mapToModel: true })).toMatchObject([
      { id: 1, big: '5' },
    ]);
  });

  it('is followed in migrations, too', async () => {
    const id = { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true };
    const refersTo = (model: string) => ({ type: DataTypes.INTEGER, references: { model, key: 'id' } });
    await queryInterface.createTable('owner', { id });
    await queryInterface.createTable('pet', { id, ownerId: refersTo('owner'), parentId: refersTo('pet') });
    await queryInterface.addColumn('pet', 'keeperId', refersTo('owner'));
    expect(await queryInterface.describeTable('pet')).toMatchObject({
      ownerId: { type: 'BIGINT' },
      parentId: { type: 'BIGINT' },
      keeperId: { type: 'BIGINT' },
    });
  });

  it('stays bigint, and referred to, when its attribute is said to be an INTEGER', async () => {
    const id = { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true };
    const references = { model: 'owner', key: 'id' };
    await queryInterface.createTable('owner', { id });
    await queryInterface.createTable('pet', {
      id,
      ownerId: { type: DataTypes.INTEGER, allowNull: false, references },
    });
    await sequelize.query('INSERT INTO owner DEFAULT VALUES');
    await queryInterface.bulkInsert('pet', [{ ownerId: 1 }]);
    await queryInterface.changeColumn('pet', 'ownerId', { type: DataTypes.INTEGER, allowNull: true });
    await queryInterface.changeColumn('pet', 'id', { type: DataTypes.INTEGER, comment: 'counted' });
    expect(await queryInterface.describeTable('pet')).toMatchObject({
      id: { type: 'BIGINT', autoIncrement: true, comment: 'counted' },
      ownerId: { type: 'BIGINT', allowNull: true },
    });
    expect(await queryInterface.getForeignKeyReferencesForTable('pet')).toHaveLength(1);
  });
});

describe('an ENUM', () => {
  const enums = () => queryInterface.pgListEnums();
  const define = (...values: string[]) =>
    sequelize.define('user', { mood: DataTypes.ENUM(...values) }, { timestamps: false });

  it('is a text whose CHECK lists the values, and is listed as the type that it is on PostgreSQL', async () => {
    const User = define('happy', "it's", 'a, b');
    await sequelize.sync();
    expect(await User.describe()).toMatchObject({ mood: { special: ['happy', "it's", 'a, b'] } });
    expect(await enums()).toEqual([{ enum_name: 'enum_users_mood', enum_value: '{happy,it\'s,"a, b"}' }]);
    await User.create({ mood: "it's" });
    await expect(sequelize.query(`INSERT INTO users (mood) VALUES ('other')`)).rejects.toThrow(
      /violates check constraint "enum_users_mood"/,
    );
  });

  it.each<[string, object | undefined]>([
    ['sync', undefined],
    ['sync({ alter })', { alter: true }],
  ])('gets values that the model has more than it, by %s, and loses none', async (_, options) => {
    await define('b', 'd').sync();
    const User = define('a', 'b', 'c');
    sent.length = 0;
    await User.sync(options);
    expect(changes()).toHaveLength(2);
    expect(await enums()).toMatchObject([{ enum_value: '{a,b,c,d}' }]);
    await User.sync(options);
    expect(changes()).toStrictEqual([]);
    await User.create({ mood: 'c' });
  });

  it('is dropped with its column, and cannot be before', async () => {
    await define('a').sync();
    await expect(queryInterface.dropEnum('enum_users_mood')).rejects.toMatchObject({
      name: 'SequelizeDatabaseError',
      parent: { code: '2BP01' },
    });
    await queryInterface.removeColumn('users', 'mood');
    await queryInterface.dropEnum('enum_users_mood');
    await queryInterface.dropAllEnums();
    expect(await enums()).toEqual([]);
  });

  it('may become a text, and a text an ENUM', async () => {
    await queryInterface.createTable('users', { mood: DataTypes.STRING });
    await queryInterface.changeColumn('users', 'mood', { type: DataTypes.ENUM('a', 'b') });
    expect(await queryInterface.describeTable('users')).toMatchObject({ mood: { special: ['a', 'b'] } });
    await queryInterface.changeColumn('users', 'mood', { type: DataTypes.STRING });
    expect(await queryInterface.describeTable('users')).toMatchObject({ mood: { special: [] } });
  });

  it('needs no type in the statements of a migration either', async () => {
    await sequelize.query('DROP TYPE IF EXISTS "enum_users_mood"');
    expect(sent).toStrictEqual([
      'Instead of DROP TYPE IF EXISTS "enum_users_mood": nothing (The labels of an enum are in the CHECKs of its columns.)',
    ]);
  });
});

describe('indexes', () => {
  it('of one sync are built at the same time and waited for together', async () => {
    // Sequelize writes the names of the indexes into the objects.
    const indexes = () => [{ fields: ['name'] }, { unique: true, fields: ['name', 'age'] }];
    sequelize.define('user', { name: DataTypes.STRING, age: DataTypes.INTEGER }, { indexes: indexes() });
    sequelize.define('post', { name: DataTypes.STRING, age: DataTypes.INTEGER }, { indexes: indexes() });
    await sequelize.sync();
    const steps = progress.map(({ step }) => step).filter((step) => step.startsWith('job'));
    expect(steps).toStrictEqual([
      ...Array<string>(4).fill('job started'),
      ...Array<string>(4).fill('job ended'),
    ]);
    expect(progress.at(-1)).toMatchObject({ step: 'job ended', running: 0 });
    for (const table of ['users', 'posts']) {
      const shown = (await queryInterface.showIndex(table)) as { name: string; valid: boolean }[];
      expect(shown.map(({ name, valid }) => [name, valid])).toStrictEqual([
        [`${table}_name`, true],
        [`${table}_name_age`, true],
        [`${table}_pkey`, true],
      ]);
    }
  });

  it.each<[string, object, string]>([
    ['unique', { unique: true, fields: ['name'] }, '(name)'],
    ['composite', { fields: ['name', 'age'] }, '(name, age)'],
    ['partial', { fields: ['name'], where: { age: { [Op.gt]: 18 } } }, '(name) WHERE (age > 18)'],
    ['of BTREE', { fields: ['name'], using: 'BTREE' }, '(name)'],
    ['made concurrently', { fields: ['name'], concurrently: true }, '(name)'],
    ['of a field with an order', { fields: [{ name: 'name', order: 'ASC' }] }, '(name)'],
  ])('may be %s', async (_, index, definition) => {
    const User = sequelize.define(
      'user',
      { name: DataTypes.STRING, age: DataTypes.INTEGER },
      { indexes: [{ name: 'one', ...index }] },
    );
    await sequelize.sync();
    const shown = (await queryInterface.showIndex('users')) as { name: string; definition: string }[];
    expect(shown.find(({ name }) => name === 'one')?.definition).toContain(definition);
    sent.length = 0;
    await User.sync({ alter: true });
    expect(changes()).toStrictEqual([]);
  });

  it('may be of an expression', async () => {
    sequelize.define(
      'user',
      { name: DataTypes.STRING },
      { indexes: [{ name: 'one', unique: true, fields: [sequelize.fn('lower', sequelize.col('name'))] }] },
    );
    await sequelize.sync();
    await expect(
      sequelize.query(`INSERT INTO users VALUES (1, 'a', now(), now()), (2, 'A', now(), now())`),
    ).rejects.toThrow(UniqueConstraintError);
  });

  it.each<[string, object, RegExp]>([
    ['of another kind', { fields: ['data'], using: 'gin' }, /no gin indexes.*read all of users/],
    ['of jsonb', { fields: ['data'] }, /no indexes on jsonb.*read all of users/],
  ])('%s that only make queries faster are left out, and the log says so', async (_, index, message) => {
    await queryInterface.createTable('users', { name: DataTypes.STRING, data: DataTypes.JSONB });
    sent.length = 0;
    await queryInterface.addIndex('users', { name: 'one', ...(index as { fields: string[] }) });
    expect(sent.join()).toMatch(message);
    expect(changes()).toStrictEqual([]);
  });

  it('that are unique and that DSQL cannot build are refused before they are sent', async () => {
    await queryInterface.createTable('users', { data: DataTypes.JSONB });
    sent.length = 0;
    const error = await failure(queryInterface.addIndex('users', ['data'], { unique: true }));
    expect(isUnsupportedFeatureError(error)).toBe(true);
    expect((error as Error).message).toMatch(/data is jsonb, which DSQL cannot order/);
    expect(changes()).toStrictEqual([]);
  });

  it.each([
    [
      'sync',
      () =>
        sequelize
          .define('user', { name: DataTypes.STRING }, { indexes: [{ unique: true, fields: ['name'] }] })
          .sync(),
    ],
    ['addIndex', () => queryInterface.addIndex('users', ['name'], { unique: true })],
    ['addConstraint', () => queryInterface.addConstraint('users', { type: 'unique', fields: ['name'] })],
    [
      'changeColumn',
      () => queryInterface.changeColumn('users', 'name', { type: DataTypes.STRING, unique: true }),
    ],
    ['a migration', () => sequelize.query('CREATE UNIQUE INDEX one_name ON users (name)')],
  ])('that cannot be unique are reported as on PostgreSQL and leave nothing, from %s', async (_, change) => {
    const User = sequelize.define('user', { name: DataTypes.STRING });
    await User.sync();
    await User.bulkCreate([{ name: 'a' }, { name: 'a' }]);
    const error = await failure(change());
    expect(error).toBeInstanceOf(UniqueConstraintError);
    expect(isSchemaJobError((error as UniqueConstraintError).parent)).toBe(true);
    expect((error as Error).message).toMatch(/was dropped\. Correct the rows and run it again/);
    expect(await queryInterface.showIndex('users')).toMatchObject([{ name: 'users_pkey' }]);
    await User.destroy({ where: { id: 2 } });
    await change();
    expect(await queryInterface.showIndex('users')).toHaveLength(2);
  });

  it('that another sync is building are waited for, and those that could not be built are built anew', async () => {
    const indexes = [{ name: 'one', unique: true, fields: ['name'] }];
    const User = sequelize.define('user', { name: DataTypes.STRING }, { indexes });
    await queryInterface.createTable('users', { ...User.getAttributes() });
    await User.bulkCreate([{ name: 'a' }, { name: 'a' }]);
    // Without looking after its job.
    const [[row]] = (await sequelize.query('CREATE UNIQUE INDEX ASYNC one ON users (name)')) as [
      { job_id: string }[],
      unknown,
    ];
    await sequelize.query(`CALL sys.wait_for_job('${row?.job_id ?? ''}')`);
    expect(await queryInterface.showIndex('users')).toContainEqual(
      expect.objectContaining({ name: 'one', valid: false }),
    );
    await User.destroy({ where: { id: 2 } });
    await Promise.all([User.sync(), User.sync()]);
    expect(await queryInterface.showIndex('users')).toContainEqual(
      expect.objectContaining({ name: 'one', valid: true }),
    );
  });
});

describe('references', () => {
  const foreignKeys = async (table: string) =>
    (await queryInterface.getForeignKeyReferencesForTable(table)) as unknown as Record<string, unknown>[];

  it.each([
    ['CASCADE', 'CASCADE'],
    ['SET NULL', 'NO ACTION'],
    ['SET DEFAULT', 'RESTRICT'],
    ['RESTRICT', 'SET NULL'],
  ])('have actions and are deferrable: ON DELETE %s ON UPDATE %s', async (onDelete, onUpdate) => {
    sequelize.define('owner', {});
    sequelize.define('pet', {
      ownerId: {
        type: DataTypes.INTEGER,
        references: { model: 'owners', key: 'id', deferrable: new Deferrable.INITIALLY_DEFERRED() },
        onDelete,
        onUpdate,
      },
    });
    await sequelize.sync();
    expect(changes().find((sql) => sql.includes('"pets"'))).toContain(
      `REFERENCES "owners" ("id") ON DELETE ${onDelete} ON UPDATE ${onUpdate} DEFERRABLE INITIALLY DEFERRED`,
    );
    await sequelize.sync({ alter: true });
    expect(changes()).toStrictEqual([]);
    expect(await foreignKeys('pets')).toStrictEqual([
      {
        constraintName: 'pets_ownerId_fkey',
        constraintSchema: 'public',
        constraintCatalog: 'postgres',
        tableName: 'pets',
        tableSchema: 'public',
        tableCatalog: 'postgres',
        columnName: 'ownerId',
        referencedTableSchema: 'public',
        referencedTableCatalog: 'postgres',
        referencedTableName: 'owners',
        referencedColumnName: 'id',
        deferrable: Deferrable.INITIALLY_DEFERRED,
      },
    ]);
  });

  it('are changed by sync({ alter }) in what is different', async () => {
    const Owner = sequelize.define('owner', {});
    const define = (onDelete: string) => {
      const Pet = sequelize.define('pet', {});
      Pet.belongsTo(Owner, { onDelete });
    };
    define('CASCADE');
    await sequelize.sync();
    define('RESTRICT');
    sent.length = 0;
    await sequelize.sync({ alter: true });
    expect(changes()).toHaveLength(3);
    await sequelize.sync({ alter: true });
    expect(changes()).toStrictEqual([]);
    expect(await foreignKeys('pets')).toHaveLength(1);
    await Owner.create({ id: 1 });
    await sequelize.query('INSERT INTO pets VALUES (1, now(), now(), 1)');
    await expect(Owner.destroy({ where: { id: 1 } })).rejects.toThrow(ForeignKeyConstraintError);
  });

  it('that are null are none, whatever becomes of the column', async () => {
    const define = (thingId: ModelAttributeColumnOptions) =>
      sequelize.define('tagging', { thingId }, { timestamps: false });
    // What Sequelize's types leave out.
    const none = { type: DataTypes.INTEGER, references: null as unknown as undefined };
    const Thing = sequelize.define('thing', {}, { timestamps: false });
    const Tagging = define(none);
    Thing.hasMany(Tagging, { foreignKey: 'thingId', constraints: false, as: 'taggings' });
    await sequelize.sync({ force: true });
    const taggings = [{}, {}];
    await Thing.create({ taggings }, { include: 'taggings' });
    await Thing.bulkCreate([{ taggings }], { include: ['taggings'], returning: true });
    expect(await Tagging.count()).toBe(4);
    await Tagging.truncate();
    await define({ ...none, defaultValue: 7 }).sync({ alter: true });
    await define({ ...none, type: DataTypes.BIGINT }).sync({ alter: true });
    expect(await Tagging.describe()).toMatchObject({ thingId: { allowNull: true } });
    expect(await queryInterface.getForeignKeyReferencesForTable('taggings')).toEqual([]);
  });

  it('may go around in a circle', async () => {
    const A = sequelize.define('A', {}, { timestamps: false });
    const B = sequelize.define('B', {}, { timestamps: false });
    A.belongsTo(B, { foreignKey: { allowNull: false } });
    B.belongsTo(A, { foreignKey: { allowNull: false } });
    await sequelize.sync();
    expect(await foreignKeys('As')).toMatchObject([{ referencedTableName: 'Bs', columnName: 'BId' }]);
    expect(await foreignKeys('Bs')).toMatchObject([{ referencedTableName: 'As', columnName: 'AId' }]);
    sent.length = 0;
    await sequelize.sync({ alter: true });
    expect(changes()).toStrictEqual([]);
    await sequelize.drop();
    expect(await queryInterface.showAllTables()).toStrictEqual([]);
  });

  it('that rows violate are reported as on PostgreSQL and leave nothing', async () => {
    await queryInterface.createTable('owner', { id: { type: DataTypes.INTEGER, primaryKey: true } });
    await queryInterface.createTable('pet', { ownerId: DataTypes.INTEGER });
    await sequelize.query('INSERT INTO pet VALUES (1)');
    const add = () =>
      queryInterface.addConstraint('pet', {
        type: 'foreign key',
        name: 'owned',
        fields: ['ownerId'],
        references: { table: 'owner', field: 'id' },
        onDelete: 'no action',
        onUpdate: 'no action',
      });
    await expect(add()).rejects.toThrow(ForeignKeyConstraintError);
    expect(await foreignKeys('pet')).toStrictEqual([]);
    await sequelize.query('INSERT INTO owner VALUES (1)');
    await add();
    expect(await foreignKeys('pet')).toMatchObject([{ constraintName: 'owned' }]);
  });
});

describe('sync', () => {
  it('creates tables anew with force, and schemas beside each other', async () => {
    await queryInterface.createSchema('archive');
    const User = sequelize.define('user', { name: DataTypes.STRING }, { comment: "people's" });
    const Old = sequelize.define(
      'old',
      { name: { type: DataTypes.STRING, comment: 'who' } },
      { tableName: 'users', schema: 'archive' },
    );
    User.hasMany(Old);
    await sequelize.sync();
    await User.create({ name: 'a' });
    await sequelize.sync({ force: true });
    expect(await User.count()).toBe(0);
    expect(await Old.describe()).toMatchObject({ name: { comment: 'who' }, userId: { type: 'BIGINT' } });
    await sequelize.sync({ alter: true });
    const [rows] = await sequelize.query(`SELECT obj_description('users'::regclass) AS comment`);
    expect(rows).toStrictEqual([{ comment: "people's" }]);
    await queryInterface.dropSchema('archive');
    expect(await queryInterface.showAllSchemas()).toStrictEqual([]);
  });

  it('adds, changes and removes columns with alter', async () => {
    const define = (attributes: Record<string, ModelAttributeColumnOptions>) =>
      sequelize.define('user', attributes, { timestamps: false });
    const User = define({ gone: { type: DataTypes.STRING }, kept: { type: DataTypes.STRING } });
    await User.sync();
    await User.bulkCreate([{ kept: 'a' }, { kept: 'b' }]);
    const Changed = define({
      kept: { type: DataTypes.STRING, allowNull: false, unique: true, defaultValue: 'x', comment: 'c' },
      added: { type: DataTypes.INTEGER, allowNull: false, defaultValue: 7, field: 'added_later' },
      stamp: { type: DataTypes.VIRTUAL },
    });
    await Changed.sync({ alter: { drop: false } });
    expect(await Changed.describe()).toHaveProperty('gone');
    await Changed.sync({ alter: true });
    expect(await Changed.describe()).toStrictEqual({
      id: expect.objectContaining({ primaryKey: true }) as unknown,
      kept: {
        type: 'CHARACTER VARYING(255)',
        allowNull: false,
        defaultValue: 'x',
        comment: 'c',
        special: [],
        primaryKey: false,
        autoIncrement: false,
      },
      added_later: expect.objectContaining({
        type: 'INTEGER',
        allowNull: false,
        defaultValue: '7',
      }) as unknown,
    });
    expect((await Changed.findAll({ order: ['id'] })).map((user) => user.get('added'))).toStrictEqual([7, 7]);
    sent.length = 0;
    await Changed.sync({ alter: true });
    expect(changes()).toStrictEqual([]);
    await define({ kept: { type: DataTypes.STRING } }).sync({ alter: true });
    expect(await User.describe()).toMatchObject({ kept: { allowNull: true, defaultValue: null } });
  });

  it('leaves a column as it was when rows have no value that is not to be NULL', async () => {
    const User = sequelize.define('user', { name: DataTypes.STRING });
    await User.sync();
    await User.create({});
    const change = queryInterface.changeColumn('users', 'name', { type: DataTypes.STRING, allowNull: false });
    await expect(change).rejects.toThrow(/violated by some row.*The constraint was dropped/s);
    expect(await User.describe()).toMatchObject({ name: { allowNull: true } });
  });
});

describe('another type', () => {
  beforeEach(async () => {
    await queryInterface.createTable('users', {
      id: { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true },
      name: DataTypes.STRING,
      age: DataTypes.INTEGER,
    });
    await queryInterface.addIndex('users', { name: 'by_name_and_age', fields: ['name', 'age'] });
    await queryInterface.addConstraint('users', { name: 'one_age', type: 'unique', fields: ['age'] });
  });
  const change = (on: Sequelize) =>
    on.getQueryInterface().changeColumn('users', 'age', { type: DataTypes.STRING });

  it('is refused where there are values, before anything is sent, and says how else', async () => {
    await sequelize.query('INSERT INTO users (age) VALUES (1)');
    sent.length = 0;
    const error = await failure(change(sequelize));
    expect(isUnsupportedFeatureError(error)).toBe(true);
    expect((error as Error).message).toMatch(/Add a column of the new type, copy in batches/);
    expect(changes()).toStrictEqual([]);
  });

  it('is a column dropped and added where there are none, with what it was a part of', async () => {
    await sequelize.query(`INSERT INTO users (name) VALUES ('a')`);
    await change(sequelize);
    expect(await queryInterface.describeTable('users')).toMatchObject({
      age: { type: 'CHARACTER VARYING(255)' },
    });
    expect(await queryInterface.showIndex('users')).toMatchObject([
      { name: 'by_name_and_age', valid: true, fields: [{ attribute: 'name' }, { attribute: 'age' }] },
      { name: 'one_age', valid: true, unique: true },
      { name: 'users_pkey' },
    ]);
    expect(await sequelize.query('SELECT name, age FROM users', { type: QueryTypes.SELECT })).toStrictEqual([
      { name: 'a', age: null },
    ]);
  });

  it('lets nobody write a value that would be lost', async () => {
    const other = createDsqlSequelize({ ...cluster.orm, logging: false });
    // When it has been seen that there are no values, one is written before the column is dropped.
    let refusal: unknown;
    sequelize.addHook('beforeQuery', 'write', async () => {
      if (sent.at(-1)?.includes('NOT VALID') !== true) return;
      refusal ??= await failure(other.query('INSERT INTO users (age) VALUES (1)'));
    });
    await change(sequelize);
    sequelize.removeHook('beforeQuery', 'write');
    expect(refusal).toMatchObject({ parent: { code: '23514' } });
    await other.close();
  });

  it('is refused by the database where a view needs the column, and leaves it as it was', async () => {
    await sequelize.query('CREATE VIEW ages AS SELECT age FROM users');
    await expect(change(sequelize)).rejects.toMatchObject({ parent: { code: '2BP01' } });
    await sequelize.query('INSERT INTO users (age) VALUES (1)');
    await sequelize.query('DROP VIEW ages');
  });

  it('may lose its values by option', async () => {
    const destructive = createDsqlSequelize({
      ...cluster.orm,
      dsql: { ...cluster.orm.dsql, destructive: true },
      logging: false,
    });
    await destructive.query('INSERT INTO users (age) VALUES (1)');
    await change(destructive);
    expect(await destructive.query('SELECT age FROM users', { type: QueryTypes.SELECT })).toStrictEqual([
      { age: null },
    ]);
    await destructive.close();
  });

  it('is not needed for an integer that is to refer to what counts by itself', async () => {
    await sequelize.query('INSERT INTO users (age) VALUES (1)');
    const attribute = { type: DataTypes.INTEGER, references: { model: 'users', key: 'id' } };
    await queryInterface.changeColumn('users', 'age', attribute);
    sent.length = 0;
    await queryInterface.changeColumn('users', 'age', attribute);
    expect(changes()).toStrictEqual([]);
    expect(await queryInterface.describeTable('users')).toMatchObject({ age: { type: 'INTEGER' } });
    expect(await queryInterface.getForeignKeyReferencesForTable('users')).toHaveLength(1);
  });

  it('of the primary key is refused', async () => {
    const error = await failure(queryInterface.changeColumn('users', 'id', { type: DataTypes.UUID }));
    expect(isUnsupportedFeatureError(error)).toBe(true);
  });
});
