import {
  createDsqlSequelize,
  isUnsupportedFeatureError,
  type SchemaProgress,
} from 'aurora-dsql-orm/sequelize';
import {
  DataTypes,
  Op,
  type DataType,
  type ModelAttributeColumnOptions,
  type QueryInterface,
  type Sequelize,
} from 'sequelize';
import { useCluster } from '../cluster';

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

beforeEach(async () => {
  sequelize = createDsqlSequelize({
    ...cluster.orm,
    dsql: { ...cluster.orm.dsql, onSchemaProgress: (step) => progress.push(step) },
    logging: (sql) => sent.push(sql.replace(/^Executing \([^)]*\): /, '')),
  });
  queryInterface = sequelize.getQueryInterface() as typeof queryInterface;
  await queryInterface.dropAllTables();
  sent.length = 0;
  progress.length = 0;
});
afterEach(async () => {
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
  it.each<[string, () => ModelAttributeColumnOptions | DataType, string]>([
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
  ])('%s', async (_, attribute, type) => {
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
    ['RANGE', () => DataTypes.RANGE(DataTypes.INTEGER), /two columns/],
    ['HSTORE', () => DataTypes.HSTORE, /JSONB/],
    ['CITEXT', () => DataTypes.CITEXT, /lower\(column\)/],
    ['TSVECTOR', () => DataTypes.TSVECTOR, /LIKE/],
    ['GEOMETRY', () => DataTypes.GEOMETRY('POINT'), /GeoJSON/],
    ['GEOGRAPHY', () => DataTypes.GEOGRAPHY, /GeoJSON/],
    ['INET', () => DataTypes.INET, /STRING/],
    ['CIDR', () => DataTypes.CIDR, /STRING/],
    ['MACADDR', () => DataTypes.MACADDR, /STRING/],
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
      id: { autoIncrement: true },
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
    expect(sent).toStrictEqual([]);
  });
});
