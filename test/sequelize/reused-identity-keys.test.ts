import { DataTypes, type Model, type ModelStatic, type Sequelize } from 'sequelize';
import { useCluster } from '../cluster';
import { useSequelize } from './use-sequelize';

const cluster = useCluster();
const open = useSequelize(cluster);

const failTwice = () => cluster.local.faults.failCommit({ error: 'OC000', times: 2 });
const idsOf = (rows: readonly Model[]) => rows.map((row) => row.get('id'));

describe.each([false, true])('with commitMarkers: %s, after conflicts', (commitMarkers) => {
  let sequelize: Sequelize;
  let Order: ModelStatic<Model>;
  let Line: ModelStatic<Model>;

  beforeAll(() => {
    sequelize = open({ dsql: { commitMarkers } });
    Order = sequelize.define('Order', { note: DataTypes.STRING }, { schema: 'public', timestamps: false });
    Line = sequelize.define(
      'Line',
      {
        number: { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true, field: 'line_number' },
        text: DataTypes.STRING,
      },
      { timestamps: false },
    );
    Order.hasMany(Line, { as: 'lines' });
  });
  beforeEach(async () => {
    await sequelize.sync({ force: true });
    // The first one makes the table of the markers.
    await Order.create({ id: 100, note: 'first' });
  });

  const numbers = async () =>
    (await Line.findAll({ order: [['number', 'ASC']] })).map((line) => [
      line.get('number'),
      line.get('text'),
    ]);

  it('an instance is created under the key that it was given at first', async () => {
    const fault = failTwice();
    expect((await Order.create({ note: "('" })).get('id')).toBe(1);
    expect(fault.fired).toBe(2);
    expect((await Order.create({})).get('id')).toBe(2);
  });

  it('so are many at once, and those that are inserted by text', async () => {
    failTwice();
    expect(idsOf(await Order.bulkCreate([{ note: 'a' }, { note: 'b' }], { returning: true }))).toEqual([
      1, 2,
    ]);
    failTwice();
    const [rows] = await sequelize.query('INSERT INTO "Orders" (note) VALUES ($1), ($2) RETURNING *', {
      bind: ['c', 'd'],
    });
    expect(rows).toEqual([
      { id: 3, note: 'c' },
      { id: 4, note: 'd' },
    ]);
  });

  it('so does a transaction, whatever way it inserts', async () => {
    failTwice();
    await sequelize.transaction(async (transaction) => {
      const order = await Order.create(
        { note: 'a', lines: [{ text: 'b' }, { text: 'c' }] },
        { include: 'lines', transaction },
      );
      await Line.create({ text: 'd', OrderId: order.get('id') }, { transaction });
    });
    expect(idsOf(await Order.findAll({ where: { note: 'a' } }))).toEqual([1]);
    const texts = new Map((await numbers()) as [number, string][]);
    expect([...texts.keys()]).toEqual([1, 2, 3]);
    expect(texts.get(3)).toBe('d');
  });

  it('a key that is taken in the end is given anew', async () => {
    failTwice();
    let attempt = 0;
    await sequelize.transaction(async (transaction) => {
      attempt++;
      if (attempt === 3) {
        await sequelize.query(`INSERT INTO "Lines" (line_number, text) VALUES (1, 'theirs')`, {
          transaction: null,
        });
      }
      await Line.create({ text: 'mine' }, { transaction });
    });
    expect(attempt).toBe(4);
    expect(await numbers()).toEqual([
      [1, 'theirs'],
      [2, 'mine'],
    ]);
  });

  it('a key that is taken in the end is given anew although the error of the duplicate was caught', async () => {
    cluster.local.faults.failCommit({ error: 'OC000', times: 1 });
    let attempt = 0;
    await sequelize.transaction(async (transaction) => {
      attempt++;
      if (attempt === 2) {
        await sequelize.query(`INSERT INTO "Lines" (line_number, text) VALUES (1, 'theirs')`, {
          transaction: null,
        });
      }
      await Line.create({ text: 'mine' }, { transaction }).catch(() => undefined);
    });
    expect(attempt).toBe(3);
    expect(await numbers()).toEqual([
      [1, 'theirs'],
      [2, 'mine'],
    ]);
  });
});

it('a row that is there already is reported as the server does', async () => {
  const sequelize = open();
  const Order = sequelize.define('Order', { note: DataTypes.STRING }, { timestamps: false });
  await Order.sync({ force: true });
  await Order.create({ id: 1 });
  await expect(Order.create({})).rejects.toMatchObject({
    name: 'SequelizeUniqueConstraintError',
    parent: { code: '23505' },
  });
});
