import fc from 'fast-check';
import { DataTypes, literal, QueryTypes, type Model, type ModelStatic, type Sequelize } from 'sequelize';
import { useCluster } from '../cluster';
import { byForm } from '../form';
import { useSequelize } from './use-sequelize';

const cluster = useCluster();
const open = useSequelize(cluster);

/** In so few rows they go as VALUES. */
const FEW = 19;

let sequelize: Sequelize;
let Sample: ModelStatic<Model>;

beforeAll(async () => {
  sequelize = open({});
  Sample = sequelize.define(
    'sample',
    {
      id: { type: DataTypes.INTEGER, primaryKey: true },
      big: DataTypes.BIGINT,
      exact: DataTypes.DECIMAL(30, 10),
      real: DataTypes.DOUBLE,
      flag: DataTypes.BOOLEAN,
      uuid: DataTypes.UUID,
      short: { type: DataTypes.STRING(40), field: 'short_text' },
      json: DataTypes.JSONB,
      bytes: DataTypes.BLOB,
      day: DataTypes.DATEONLY,
      moment: DataTypes.DATE,
      kind: DataTypes.ENUM('a', 'b'),
    },
    { freezeTableName: true },
  );
  await sequelize.sync();
  await sequelize.query('CREATE TABLE mistaken (id integer PRIMARY KEY, code uuid NOT NULL)');
});
afterEach(() => Sample.destroy({ where: {} }));

const list = <T>(length: number, make: (index: number) => T) =>
  Array.from({ length }, (_, index) => make(index));

async function sentBy(work: () => Promise<unknown>): Promise<string[]> {
  const recording = cluster.local.trace.start();
  await work();
  return recording
    .stop()
    .statements.filter(({ text }) => text.startsWith('INSERT'))
    .map(({ text }) => (text.includes('unnest') ? 'arrays' : 'VALUES'));
}

const nullable = <T>(value: fc.Arbitrary<T>) => fc.option(value, { freq: 4 });
const moment = fc.date({ min: new Date('1000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true });
const columns = {
  big: nullable(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String)),
  exact: nullable(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e18, max: 1e18 }).map(String)),
  real: nullable(fc.double({ noNaN: true, noDefaultInfinity: true })),
  flag: nullable(fc.boolean()),
  uuid: nullable(fc.uuid()),
  short: nullable(fc.constantFrom('NULL', '', '"', '\\', '{}', 'a,b', "it's", 'a\nb', '$1', 'é😀')),
  json: nullable(fc.dictionary(fc.constantFrom('a', '"', "'"), fc.integer())),
  bytes: nullable(fc.uint8Array({ maxLength: 8 }).map((value) => Buffer.from(value))),
  day: nullable(moment.map((value) => value.toISOString().slice(0, 10))),
  moment: nullable(moment),
  kind: nullable(fc.constantFrom('a', 'b')),
};

const stored = (from: number, to: number) =>
  sequelize.query(
    `SELECT row_to_json(sample)::jsonb - 'id' - 'createdAt' - 'updatedAt' AS row FROM sample
      WHERE id >= ${from} AND id < ${to} ORDER BY id`,
    { type: QueryTypes.SELECT },
  );

describe('many rows in bulkCreate', () => {
  it('go as one array per column, and what arrives is what VALUES would have brought', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.record(columns), { minLength: 20, maxLength: 30 }), async (rows) => {
        const make = (first: number) => rows.map((row, index) => ({ ...row, id: first + index }));
        const asArrays = () => Sample.bulkCreate(make(0), { returning: true, validate: true });
        expect(await sentBy(asArrays)).toStrictEqual(['arrays']);
        for (let from = 0; from < rows.length; from += FEW) {
          await Sample.bulkCreate(make(1000).slice(from, from + FEW));
        }
        expect(await stored(0, 1000)).toStrictEqual(await stored(1000, 2000));
        await Sample.destroy({ where: {} });
      }),
      { numRuns: byForm({ short: 12, long: 200, soak: 1000 }) },
    );
  });

  it('take over what is there already, or leave it, and give back what was asked for', async () => {
    await Sample.bulkCreate(list(30, (id) => ({ id, short: 'old' })));
    const rows = list(40, (id) => ({ id, short: 'new' }));
    const ignored = () => Sample.bulkCreate(rows, { ignoreDuplicates: true });
    expect(await sentBy(ignored)).toStrictEqual(['arrays']);
    expect(await Sample.count({ where: { short: 'old' } })).toBe(30);
    const updated = () =>
      Sample.bulkCreate(rows, { updateOnDuplicate: ['short'], returning: ['id', 'short'] });
    expect(await sentBy(updated)).toStrictEqual(['arrays']);
    expect(await Sample.count({ where: { short: 'new' } })).toBe(40);
  });

  it('get their numbers from the database', async () => {
    const Ticket = sequelize.define('ticket', { name: DataTypes.STRING }, { timestamps: false });
    await Ticket.sync();
    const create = () => Ticket.bulkCreate(list(25, (index) => ({ name: `ticket ${index}` })));
    const recording = cluster.local.trace.start();
    const tickets = await create();
    expect(recording.stop().statements.some(({ text }) => text.includes('unnest'))).toBe(true);
    const ids = tickets.map((ticket) => (ticket as unknown as { id: number }).id);
    expect(ids).toStrictEqual(list(25, (index) => (ids[0] ?? 0) + index));
  });

  it.each<[string, object]>([
    ['an SQL expression', { short: literal("upper('a')") }],
    ['a number as a word', { real: Number.POSITIVE_INFINITY }],
  ])('go as VALUES with %s', async (_, more) => {
    const create = () => Sample.bulkCreate(list(20, (id) => ({ id, ...more })));
    expect(await sentBy(create)).toStrictEqual(['VALUES']);
  });
});

describe('a server that does not take the arrays', () => {
  const rows = (from: number) =>
    list(20, (index) => ({ id: from + index, code: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11' }));
  /** On an instance of its own, which has learned nothing yet. */
  const define = () => {
    const other = open({});
    const columns = { id: { type: DataTypes.INTEGER, primaryKey: true }, code: DataTypes.TEXT };
    const Mistaken = other.define('mistaken', columns, { freezeTableName: true, timestamps: false });
    return { other, Mistaken };
  };

  it('gets VALUES, at once from then on', async () => {
    const { Mistaken } = define();
    expect(await sentBy(() => Mistaken.bulkCreate(rows(0)))).toStrictEqual(['arrays', 'VALUES']);
    expect(await sentBy(() => Mistaken.bulkCreate(rows(100)))).toStrictEqual(['VALUES']);
  });

  it('gets VALUES in the next attempt of a transaction that is run again', async () => {
    const { other, Mistaken } = define();
    const work = () => other.transaction((transaction) => Mistaken.bulkCreate(rows(200), { transaction }));
    expect(await sentBy(work)).toStrictEqual(['arrays', 'VALUES']);
  });

  it('is not tried in a transaction that nobody runs again', async () => {
    const { other, Mistaken } = define();
    const work = async () => {
      const transaction = await other.transaction();
      await Mistaken.bulkCreate(rows(300), { transaction });
      await transaction.commit();
    };
    expect(await sentBy(work)).toStrictEqual(['VALUES']);
    expect(await Mistaken.count()).toBe(80);
  });
});
