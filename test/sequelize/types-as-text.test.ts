import { isUnsupportedFeatureError } from 'aurora-dsql-orm/sequelize';
import { createMigrator } from 'aurora-dsql-orm/sequelize/umzug';
import {
  col,
  DataTypes,
  fn,
  Op,
  QueryTypes,
  type Model,
  type ModelStatic,
  type QueryInterface,
  type Sequelize,
} from 'sequelize';
import { useCluster } from '../cluster';
import { useSequelize } from './use-sequelize';

type Change = (migration: { readonly context: QueryInterface }) => Promise<void>;

const cluster = useCluster();
const open = useSequelize(cluster);

let sequelize: Sequelize;
let Host: ModelStatic<Model>;
let Lease: ModelStatic<Model>;

beforeAll(async () => {
  sequelize = open({ dsql: { simplify: { columnTypes: true } } });
  ({ Host, Lease } = defineModels(sequelize));
  await sequelize.sync();
});
afterEach(async () => {
  cluster.local.faults.clear();
  await Lease.destroy({ where: {} });
  await Host.destroy({ where: {} });
});

function defineModels(on: Sequelize) {
  const Hosts = on.define('host', {
    address: { type: DataTypes.INET, defaultValue: '0.0.0.0', unique: true },
    network: DataTypes.CIDR,
    card: { type: DataTypes.MACADDR, field: 'mac_address' },
    labels: DataTypes.HSTORE,
    words: DataTypes.TSVECTOR,
    place: 'point',
    area: 'CIRCLE',
    flags: 'BIT(8)',
    price: 'money',
    gateway: 'inet',
    options: 'hstore',
    ports: 'int4range',
  });
  const Leases = on.define(
    'lease',
    {
      whole: { type: DataTypes.RANGE(DataTypes.INTEGER), defaultValue: [0, 9] },
      big: DataTypes.RANGE(DataTypes.BIGINT),
      exact: DataTypes.RANGE(DataTypes.DECIMAL),
      days: DataTypes.RANGE(DataTypes.DATEONLY),
      during: { type: DataTypes.RANGE(DataTypes.DATE), field: 'leased_during', allowNull: false },
    },
    { indexes: [{ using: 'gist', fields: ['leased_during'] }] },
  );
  Hosts.hasMany(Leases, { as: 'leases', onDelete: 'CASCADE' });
  Leases.belongsTo(Hosts);
  return { Host: Hosts, Lease: Leases };
}

const from = new Date('2026-11-30T07:30:00.120Z');
const to = new Date('2026-12-24T00:00:00Z');
const end = (value: unknown, inclusive: boolean) => ({ value, inclusive });

const host = {
  address: '10.0.0.9',
  network: '10.0.0.0/24',
  card: '08:00:2b:01:02:03',
  labels: { rack: '7', note: `it's "new", a\\b => c`, none: null },
  words: "'fat' 'rat'",
  place: '(1.5,-2)',
  area: '<(0,0),3>',
  flags: '10100000',
  price: '$1,000.00',
  gateway: '10.0.0.1',
  options: '"a"=>"1", "b"=>NULL',
  ports: '[80,90)',
};
/** As node-postgres and Sequelize give them on PostgreSQL. */
const readHost = {
  ...host,
  place: { x: 1.5, y: -2 },
  area: { x: 0, y: 0, radius: 3 },
  options: { a: '1', b: null },
  ports: [end(80, true), end(90, false)],
};
const lease = {
  whole: [1, 5],
  big: ['9223372036854775000', end(null, false)],
  exact: [end('0.10', false), end('2.50', true)],
  days: ['2026-01-01', '2026-02-01'],
  during: [from, end(to, true)],
};
const readLease = {
  whole: [end(1, true), end(5, false)],
  big: [end('9223372036854775000', true), end(null, false)],
  exact: [end('0.10', false), end('2.50', true)],
  days: [end('2026-01-01', true), end('2026-02-01', false)],
  during: [end(from, true), end(to, true)],
};

const plain = (instance: Model | null) => instance?.get({ plain: true }) as Record<string, unknown>;

describe('the values of columns that are kept as text', () => {
  it('come back as on PostgreSQL, from create and from find, raw or not', async () => {
    const created = await Host.create(host);
    const leased = await Lease.create({ ...lease, hostId: created.get('id') });
    expect(plain(created)).toMatchObject(readHost);
    expect(plain(leased)).toMatchObject(readLease);
    expect(plain(await Host.findOne())).toMatchObject(readHost);
    expect(plain(await Lease.findByPk(leased.get('id') as number))).toMatchObject(readLease);
    expect(await Host.findOne({ raw: true })).toMatchObject({ ...readHost, card: host.card });
    expect(await Lease.findAll({ raw: true })).toMatchObject([readLease]);
    const renamed = await Lease.findAll({ attributes: [['leased_during', 'time']], raw: true });
    expect(renamed).toStrictEqual([{ time: readLease.during }]);
  });

  it('are not looked for in what a query computes under the name of an attribute', async () => {
    await Host.create(host);
    const computed = fn('concat', col('place'), '!');
    const [row] = await Host.findAll({
      attributes: [
        [computed, 'place'],
        ['area', 'labels'],
      ],
      raw: true,
    });
    expect(row).toStrictEqual({ place: '(1.5,-2)!', labels: readHost.area });
  });

  it('come with what includes them, and are the texts in a query without a model', async () => {
    const { id } = plain(await Host.create(host));
    await Lease.create({ ...lease, hostId: id });
    const [found] = await Host.findAll({ include: 'leases' });
    expect(plain(found ?? null)).toMatchObject({ ...readHost, leases: [readLease] });
    const raw = await Lease.findAll({ include: Host, raw: true });
    expect(raw).toMatchObject([{ ...readLease, 'host.place': readHost.place, 'host.labels': host.labels }]);
    const [row] = await sequelize.query('SELECT place, whole FROM hosts, leases', {
      type: QueryTypes.SELECT,
    });
    expect(row).toStrictEqual({ place: '(1.5,-2)', whole: '[1,5)' });
    const [mapped] = await sequelize.query('SELECT * FROM leases', { model: Lease, mapToModel: true });
    expect(plain(mapped ?? null)).toMatchObject(readLease);
  });

  it.each([3, 40])('come back from %i rows that were written at once', async (count) => {
    const { id } = plain(await Host.create(host));
    const rows = Array.from({ length: count }, () => ({ ...lease, hostId: id }));
    const made = await Lease.bulkCreate(rows, { returning: true });
    expect(made.map((each) => plain(each))).toMatchObject(rows.map(() => readLease));
    const hosts = rows.map((_, at) => ({ ...host, address: `10.1.0.${at}` }));
    await Host.bulkCreate(hosts);
    const found = await Host.findAll({ where: { address: { [Op.like]: '10.1.%' } }, order: ['id'] });
    expect(found.map((each) => plain(each))).toMatchObject(
      hosts.map(({ address }) => ({ ...readHost, address, ports: readHost.ports })),
    );
  });

  it('are found and changed by equality', async () => {
    const labels = { rack: '7', none: null };
    const { card } = host;
    await Host.create({ ...host, labels });
    const [, [updated]] = await Host.update(
      { labels: { rack: '8' }, place: '(3,4)' },
      { where: { card, place: '(1.5,-2)', labels: { [Op.eq]: labels } }, returning: true },
    );
    expect(plain(updated ?? null)).toMatchObject({ labels: { rack: '8' }, place: { x: 3, y: 4 } });
    await Lease.create(lease);
    const where = { whole: { [Op.eq]: [1, 5] }, during: { [Op.eq]: lease.during } };
    expect(await Lease.count({ where })).toBe(1);
    const [again, isNew] = await Host.findOrCreate({ where: { address: host.address } });
    expect([isNew, again.get('labels')]).toStrictEqual([false, { rack: '8' }]);
    again.set('labels', { rack: '9' });
    await again.save();
    const [upserted] = await Host.upsert({ ...plain(again), price: '$2.00' });
    expect(plain(upserted)).toMatchObject({ price: '$2.00', labels: { rack: '9' } });
    await expect(Host.create(host)).rejects.toMatchObject({ name: 'SequelizeUniqueConstraintError' });
  });

  it('have the defaults of their columns, and are empty or null where they were written so', async () => {
    const [row] = await sequelize.query(
      `INSERT INTO hosts ("createdAt", "updatedAt") VALUES (now(), now()) RETURNING *`,
      { model: Host, mapToModel: true, type: QueryTypes.SELECT },
    );
    expect(plain(row ?? null)).toMatchObject({ address: '0.0.0.0', labels: null, place: null });
    const made = await Lease.create({ days: [], big: null, during: [null, null] });
    const expected = {
      whole: [end(0, true), end(9, false)],
      days: [],
      big: null,
      during: [end(null, false), end(null, false)],
    };
    expect(plain(made)).toMatchObject(expected);
    expect(plain(await Lease.findOne())).toMatchObject(expected);
  });

  it('are read from every form that PostgreSQL would take, or stay the texts that they are', async () => {
    await sequelize.query(
      `INSERT INTO hosts (address, labels, place, area, ports, "createdAt", "updatedAt") VALUES
        ('1', 'a=>1, "b c" => d\\=, e=>null', '1.5, -2', '0,0,3', '(,5]', now(), now())`,
    );
    await sequelize.query(
      `INSERT INTO leases (whole, exact, days, leased_during, "createdAt", "updatedAt") VALUES
        ('empty', '[1.5,]', '[2026-01-01,infinity]', '["2026-11-30 07:30:00.12+00",2026-11-30 08:30:00]', now(), now())`,
    );
    expect(plain(await Host.findOne())).toMatchObject({
      labels: { a: '1', 'b c': 'd\\=', e: null },
      place: '1.5, -2',
      area: '0,0,3',
      ports: [end(null, false), end(5, true)],
    });
    expect(plain(await Lease.findOne())).toMatchObject({
      whole: [],
      exact: [end('1.5', true), end(null, false)],
      days: [end('2026-01-01', true), end(Infinity, true)],
      during: [end(from, true), end('2026-11-30 08:30:00', true)],
    });
  });

  it('are the keys of an INSERT that is run again after a conflict', async () => {
    const fault = cluster.local.faults.failCommit({ error: 'OC000', table: 'leases', times: 2 });
    const made = await Lease.create(lease);
    expect(fault.fired).toBe(2);
    expect(plain(made)).toMatchObject(readLease);
    expect(await Lease.count()).toBe(1);
  });
});

describe('an application that reads a type in its own way', () => {
  const { INET, ENUM } = DataTypes as unknown as Record<string, { parse?: (text: string) => unknown }>;
  afterEach(() => {
    for (const type of [INET, ENUM]) Reflect.deleteProperty(type ?? {}, 'parse');
  });

  /** An instance that was told of it. */
  function refreshed() {
    const instance = open({ dsql: { simplify: { columnTypes: true } } });
    (instance as unknown as { refreshTypes(): void }).refreshTypes();
    return instance;
  }

  it('reads it so of columns that are text, and only what the database has given', async () => {
    Object.assign(INET ?? {}, { parse: (text: string) => `<${text}>` });
    Object.assign(ENUM ?? {}, { parse: (text: string) => text.toUpperCase() });
    const Gate = refreshed().define('gate', {
      state: DataTypes.ENUM('open', 'shut'),
      inside: DataTypes.INET,
    });
    await Gate.sync();
    const made = await Gate.create({ state: 'open', inside: '::1' });
    expect(plain(made)).toMatchObject({ state: 'OPEN', inside: '<::1>' });
    const silent = Gate.build({ state: 'open', inside: '::1' });
    await silent.save({ returning: false });
    expect(plain(silent)).toMatchObject({ state: 'open', inside: '::1' });
    const partly = await Gate.create({ state: 'open', inside: '::1' }, { returning: ['id', 'state'] });
    expect(plain(partly)).toMatchObject({ state: 'OPEN', inside: '::1' });
    expect(await Gate.findOne({ raw: true })).toMatchObject({ state: 'OPEN', inside: '<::1>' });
    await Gate.drop();
  });

  it('has inserted a row whose value it cannot read, and cannot find it', async () => {
    Object.assign(INET ?? {}, {
      parse: () => {
        throw new Error('unreadable');
      },
    });
    const { Host: Hosts } = defineModels(refreshed());
    const made = await Hosts.create(host);
    expect(made.get('address')).toBe('10.0.0.9');
    await expect(Hosts.findOne()).rejects.toThrow('unreadable');
    expect(await Host.count()).toBe(1);
  });
});

describe('the tables of such models', () => {
  it('are the same after another sync, and have columns of type text', async () => {
    const recording = cluster.local.trace.start();
    await sequelize.sync({ alter: true });
    await sequelize.sync({ alter: true });
    const changed = recording.stop().statements.filter(({ text }) => /^(?:CREATE|ALTER|DROP)\b/.test(text));
    expect(changed).toStrictEqual([]);
    const described = Object.entries(await Host.describe()) as [string, Record<string, unknown>][];
    const texts = described.filter(([, { type }]) => type === 'TEXT').map(([name]) => name);
    expect(texts).toStrictEqual(Object.keys(host).map((name) => (name === 'card' ? 'mac_address' : name)));
    expect(Object.fromEntries(described).address).toMatchObject({ defaultValue: '0.0.0.0' });
  });

  it.each<[string, (change: Change) => Promise<unknown>]>([
    ['the query interface', (change) => change({ context: sequelize.getQueryInterface() })],
    [
      'a migration',
      (up) => createMigrator(sequelize, { logger: undefined, migrations: [{ name: '01', up }] }).up(),
    ],
  ])('are changed by %s', async (_, run) => {
    await run(async ({ context }) => {
      const id = { type: DataTypes.INTEGER, primaryKey: true };
      await context.createTable('boxes', { id, a: 'inet' });
      const days = { type: DataTypes.RANGE(DataTypes.DATEONLY), defaultValue: ['2026-01-01', '2026-02-01'] };
      await context.addColumn('boxes', 'b', days);
      await context.addColumn('boxes', 'c', { type: 'point', defaultValue: '(0,0)' });
      await context.changeColumn('boxes', 'a', { type: DataTypes.CIDR, allowNull: false });
      await context.bulkInsert('boxes', [{ id: 1, a: '10.0.0.0/8' }]);
    });
    const text = { type: 'TEXT', allowNull: true };
    expect(await sequelize.getQueryInterface().describeTable('boxes')).toMatchObject({
      a: { ...text, allowNull: false },
      b: text,
      c: text,
    });
    const [row] = await sequelize.query('SELECT a, b, c FROM boxes', { type: QueryTypes.SELECT });
    expect(row).toStrictEqual({ a: '10.0.0.0/8', b: '["2026-01-01","2026-02-01")', c: '(0,0)' });
    await sequelize.getQueryInterface().dropTable('boxes');
  });
});

describe('what such a column cannot do', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['Op.overlap', () => Lease.findAll({ where: { during: { [Op.overlap]: [from, to] } } })],
    ['Op.contains', () => Lease.findAll({ where: { whole: { [Op.or]: [{ [Op.contains]: 3 }, [1, 5]] } } })],
    ['Op.contained', () => Lease.destroy({ where: { [Op.not]: { days: { [Op.contained]: [] } } } })],
    ['Op.adjacent', () => Lease.update({ whole: [1, 2] }, { where: { big: { [Op.adjacent]: [1, 2] } } })],
    ['Op.strictLeft', () => Lease.count({ where: { exact: { [Op.strictLeft]: [1, 2] } } })],
    ['Op.match', () => Host.findAll({ where: { words: { [Op.match]: 'rat' } } })],
    ['Op.contains', () => Host.findAll({ where: { ports: { [Op.contains]: 3 } } })],
  ])('%s is refused before anything is sent', async (operator, work) => {
    const recording = cluster.local.trace.start();
    const error: unknown = await work().catch((thrown: unknown) => thrown);
    expect(recording.stop().statements).toStrictEqual([]);
    expect(isUnsupportedFeatureError(error)).toBe(true);
    expect((error as Error).message).toContain(`${operator} on a column that is kept as text`);
  });

  it('is left to jsonb', async () => {
    const Note = sequelize.define('note', { tags: DataTypes.JSONB });
    await Note.sync();
    await Note.create({ tags: ['a', 'b'] });
    expect(await Note.count({ where: { tags: { [Op.contains]: ['a'] } } })).toBe(1);
    await Note.drop();
  });
});
