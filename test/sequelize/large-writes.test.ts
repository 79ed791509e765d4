import {
  inBatches,
  isBatchesError,
  isUnsupportedFeatureError,
  type BatchesProgress,
} from 'aurora-dsql-orm/sequelize';
import { DataTypes, literal, Op, type Model, type ModelStatic, type Sequelize } from 'sequelize';
import { useCluster } from '../cluster';
import { failure } from './accounts';
import { useSequelize } from './use-sequelize';

interface Reading extends Model {
  sensor: number;
  moment: number;
  value: number;
}

const cluster = useCluster();
const open = useSequelize(cluster);
/** As it is, and with `batch: true`. */
let strict: { sequelize: Sequelize; Reading: ModelStatic<Reading> };
let batching: typeof strict;

beforeAll(async () => {
  const define = (batch: boolean) => {
    const sequelize = open({ dsql: { batch } });
    const Reading = sequelize.define<Reading>(
      'Reading',
      {
        sensor: { type: DataTypes.INTEGER, primaryKey: true },
        moment: { type: DataTypes.INTEGER, primaryKey: true, field: 'at_moment' },
        value: DataTypes.INTEGER,
        deletedAt: DataTypes.DATE,
      },
      { tableName: 'reading', timestamps: true, createdAt: false, updatedAt: false, paranoid: true },
    );
    return { sequelize, Reading };
  };
  strict = define(false);
  batching = define(true);
  await strict.sequelize
    .query(`CREATE TABLE reading (sensor integer, at_moment integer, value integer NOT NULL,
    "deletedAt" timestamptz, PRIMARY KEY (sensor, at_moment))`);
});
afterEach(async () => {
  await batching.Reading.destroy({ where: {}, force: true });
});

const rows = (count: number, sensor = 1) =>
  Array.from({ length: count }, (_, moment) => ({ sensor, moment, value: 0 }));
const count = () => strict.Reading.count();

describe('a write to more than 3,000 rows', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['bulkCreate', () => strict.Reading.bulkCreate(rows(3_001))],
    ['bulkInsert', () => strict.sequelize.getQueryInterface().bulkInsert('reading', rows(3_001))],
    [
      'bulkCreate in a transaction, even in batches',
      () =>
        batching.sequelize.transaction((transaction) =>
          batching.Reading.bulkCreate(rows(3_001), { transaction }),
        ),
    ],
  ])('is refused before anything is sent: %s', async (_, write) => {
    const recording = cluster.local.trace.start();
    const error = await failure(write());
    expect(isUnsupportedFeatureError(error)).toBe(true);
    expect((error as Error).message).toMatch(/3,001 rows.*at most 3,000 rows.*batch: true.*inBatches/);
    expect(recording.stop().statements.filter(({ kind }) => kind === 'write')).toStrictEqual([]);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['update', () => strict.Reading.update({ value: 1 }, { where: {} })],
    ['destroy', () => strict.Reading.destroy({ where: {} })],
    [
      'update in a transaction, even in batches',
      () =>
        batching.sequelize.transaction((transaction) =>
          batching.Reading.update({ value: 1 }, { where: {}, transaction }),
        ),
    ],
  ])('fails with what to do where only the server can count: %s', async (_, write) => {
    await batching.Reading.bulkCreate(rows(3_001));
    await expect(write()).rejects.toMatchObject({
      original: { code: '54000' },
      message: expect.stringMatching(/3,000.*batch: true.*inBatches/s) as string,
    });
    expect(await strict.Reading.count({ where: { value: 0 } })).toBe(3_001);
  });
});

describe('with `batch: true`', () => {
  it('bulkCreate runs its hooks once, and gives every instance back in order', async () => {
    const { Reading } = batching;
    const hook = jest.fn();
    Reading.addHook('afterBulkCreate', 'count', (instances: unknown) => {
      hook((instances as unknown[]).length);
    });
    const recording = cluster.local.trace.start();
    const created = await Reading.bulkCreate(rows(3_001));
    const writes = recording.stop().statements.filter(({ kind }) => kind === 'write');
    Reading.removeHook('afterBulkCreate', 'count');
    expect(writes).toHaveLength(2);
    expect(hook.mock.calls).toStrictEqual([[3_001]]);
    expect(created.map(({ moment }) => moment)).toStrictEqual(rows(3_001).map(({ moment }) => moment));
    expect(created.some(({ isNewRecord }) => isNewRecord)).toBe(false);
    expect(await count()).toBe(3_001);
  });

  it('survives conflicts in each batch', async () => {
    const fault = cluster.local.faults.failCommit({ error: 'OC000', table: 'reading', times: 2 });
    await batching.Reading.bulkCreate(rows(3_001));
    expect(fault.fired).toBe(2);
    expect(await count()).toBe(3_001);
  });

  it('writes over what is there, or leaves it, as asked', async () => {
    const { Reading } = batching;
    await Reading.bulkCreate(rows(2_000));
    const changed = rows(3_100).map((row) => ({ ...row, value: 2 }));
    await Reading.bulkCreate(changed, { updateOnDuplicate: ['value'] });
    expect(await Reading.count({ where: { value: 2 } })).toBe(3_100);
    await Reading.bulkCreate(rows(3_101), { ignoreDuplicates: true });
    expect(await Reading.count({ where: { value: 0 } })).toBe(1);
  });

  it('bulkCreate writes one batch after the other where two of its rows may have the same key', async () => {
    const { Reading } = batching;
    const twice = [...rows(3_000), ...rows(3_000).map((row) => ({ ...row, value: 1 }))];
    await Reading.bulkCreate(twice, { updateOnDuplicate: ['value'] });
    expect(await Reading.count({ where: { value: 1 } })).toBe(3_000);
    await Reading.destroy({ where: {}, force: true });
    await Reading.bulkCreate(twice, { ignoreDuplicates: true });
    expect(await Reading.count({ where: { value: 0 } })).toBe(3_000);
  });

  it('update and destroy count all rows, and change each once', async () => {
    const { Reading } = batching;
    await Reading.bulkCreate([...rows(3_500), ...rows(10, 2)]);
    const where = { sensor: 1, moment: { [Op.gte]: 100 } };
    expect(await Reading.update({ value: literal('value + 1') }, { where })).toStrictEqual([3_400]);
    expect(await Reading.sum('value')).toBe(3_400);
    const [updated, instances] = await Reading.update({ value: 9 }, { where, returning: true });
    expect([updated, instances.length, instances[0]?.value]).toStrictEqual([3_400, 3_400, 9]);
    expect(await Reading.destroy({ where })).toBe(3_400);
    expect(await count()).toBe(110);
    await Reading.restore({ where: {} });
    expect(await count()).toBe(3_510);
    expect(await Reading.destroy({ where, force: true, limit: 3_200 })).toBe(3_200);
    expect(await Reading.count({ paranoid: false })).toBe(310);
  });

  it('costs a small write nothing', async () => {
    const { Reading } = batching;
    await Reading.bulkCreate(rows(10));
    const recording = cluster.local.trace.start();
    await Reading.update({ value: 1 }, { where: {} });
    expect(recording.stop().roundTrips).toHaveLength(1);
  });

  it('tells what was written when a batch fails', async () => {
    await strict.Reading.create({ sensor: 1, moment: 3_050, value: 5 });
    const error = await failure(batching.Reading.bulkCreate(rows(3_100)));
    if (!isBatchesError(error)) throw error;
    expect(error.done).toStrictEqual([{ from: 0, to: 3_000 }]);
    expect(error.remaining).toStrictEqual([{ from: 3_000, to: 3_100 }]);
    expect(error.cause).toMatchObject({ name: 'SequelizeUniqueConstraintError' });
    expect(await count()).toBe(3_001);
  });
});

describe('inBatches', () => {
  it('writes each batch in a transaction of its own, as many at once as it is told, and tells of the progress', async () => {
    const { sequelize, Reading } = strict;
    const progress: BatchesProgress[] = [];
    const fault = cluster.local.faults.failCommit({ error: 'OC000', table: 'reading', times: 3 });
    const lengths = await inBatches(
      sequelize,
      rows(500),
      { batchSize: 100, concurrency: 3, onProgress: (step) => progress.push(step) },
      async (batch, transaction) => {
        await Reading.bulkCreate([...batch], { transaction });
        return batch.length;
      },
    );
    expect(fault.fired).toBe(3);
    expect(lengths).toStrictEqual([100, 100, 100, 100, 100]);
    expect(progress.at(-1)).toMatchObject({ rowsDone: 500, rowsTotal: 500 });
    expect(await count()).toBe(500);
  });

  it('goes on where it stopped', async () => {
    const { sequelize, Reading } = strict;
    const all = rows(250);
    let broken = true;
    const write = (batch: readonly ReturnType<typeof rows>[number][], transaction: never, from: number) => {
      if (broken && from === 100) throw new Error('out of order');
      return Reading.bulkCreate([...batch], { transaction });
    };
    const options = { batchSize: 100 };
    const error = await failure(
      inBatches(sequelize, all, options, async (batch, transaction, { from }) =>
        write(batch, transaction as never, from),
      ),
    );
    if (!isBatchesError(error)) throw error;
    expect([error.done, error.remaining]).toStrictEqual([
      [{ from: 0, to: 100 }],
      [
        { from: 100, to: 200 },
        { from: 200, to: 250 },
      ],
    ]);
    broken = false;
    await inBatches(
      sequelize,
      all,
      { ...options, remaining: error.remaining },
      async (batch, transaction, { from }) => write(batch, transaction as never, from),
    );
    expect(await count()).toBe(250);
  });

  it('begins no other batch when it is aborted', async () => {
    const { sequelize, Reading } = strict;
    const controller = new AbortController();
    const error = await failure(
      inBatches(
        sequelize,
        rows(30),
        {
          batchSize: 10,
          signal: controller.signal,
          onProgress: () => {
            controller.abort();
          },
        },
        (batch, transaction) => Reading.bulkCreate([...batch], { transaction }),
      ),
    );
    expect(isBatchesError(error)).toBe(true);
    expect(await count()).toBe(10);
  });

  it('refuses options that cannot be before anything is sent', async () => {
    const work = jest.fn();
    const call = (options: object) => inBatches(strict.sequelize, rows(1), options, work);
    await expect(call({ batchSize: 3_001 })).rejects.toMatchObject({ option: 'batchSize' });
    await expect(call({ concurency: 2 })).rejects.toMatchObject({ option: 'concurency' });
    expect(work).not.toHaveBeenCalled();
  });
});
