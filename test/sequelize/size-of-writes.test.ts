import { randomBytes } from 'node:crypto';
import { inBatches, isMessageTooLargeError } from 'aurora-dsql-orm/sequelize';
import { DataTypes, type Model, type ModelStatic, type Sequelize } from 'sequelize';
import { useCluster } from '../cluster';
import { failure } from './accounts';
import { useSequelize } from './use-sequelize';

const cluster = useCluster();
const open = useSequelize(cluster);

interface Instance {
  readonly sequelize: Sequelize;
  readonly Wide: ModelStatic<Model>;
  readonly Letter: ModelStatic<Model>;
}

/** As it is, and with `batch: true`. */
let strict: Instance;
let batching: Instance;

const wideColumns = Array.from({ length: 28 }, (_, index) => `c${index}`);
const list = <T>(length: number, make: (index: number) => T) =>
  Array.from({ length }, (_, index) => make(index));
const wides = list(2500, (id) => ({ id, ...Object.fromEntries(wideColumns.map((name) => [name, id])) }));
/** Of texts that cannot be compressed. */
const letters = list(2000, (id) => ({ id, text: randomBytes(6000).toString('base64') }));

beforeAll(async () => {
  const define = (batch: boolean): Instance => {
    const sequelize = open({ dsql: { batch } });
    const id = { type: DataTypes.INTEGER, primaryKey: true };
    const columns = Object.fromEntries(wideColumns.map((name) => [name, DataTypes.INTEGER]));
    const options = { timestamps: false, freezeTableName: true };
    return {
      sequelize,
      Wide: sequelize.define('wide', { id, ...columns }, options),
      Letter: sequelize.define('letter', { id, text: DataTypes.TEXT }, options),
    };
  };
  strict = define(false);
  batching = define(true);
  await strict.sequelize.sync();
});
afterEach(async () => {
  await batching.Wide.destroy({ where: {} });
  await batching.Letter.destroy({ where: {} });
});

describe('2,500 rows of 29 columns', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['bulkCreate', () => strict.Wide.bulkCreate(wides)],
    ['bulkCreate with batch: true', () => batching.Wide.bulkCreate(wides)],
    ['bulkInsert without a model', () => strict.sequelize.getQueryInterface().bulkInsert('wide', wides)],
  ])('are written: %s', async (_, write) => {
    await write();
    expect(await strict.Wide.count()).toBe(2500);
  });
});

describe('2,000 rows of 8 KB', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['bulkCreate with batch: true', () => batching.Letter.bulkCreate(letters)],
    [
      'bulkCreate in inBatches',
      () =>
        inBatches(strict.sequelize, letters, {}, (rows, transaction) =>
          strict.Letter.bulkCreate([...rows], { transaction }),
        ),
    ],
  ])('are written, and nothing is sent that is too large: %s', async (_, write) => {
    const recording = cluster.local.trace.start();
    await write();
    expect(recording.stop().statements.filter(({ kind }) => kind === 'write')).toHaveLength(2);
    expect(await strict.Letter.count()).toBe(2000);
  });

  it('are refused by name before they are sent, without batches', async () => {
    const recording = cluster.local.trace.start();
    const error = await failure(strict.Letter.bulkCreate(letters));
    expect(isMessageTooLargeError(error)).toBe(true);
    expect((error as Error).message).toMatch(/batch: true.*inBatches/);
    expect(recording.stop().statements.filter(({ kind }) => kind === 'write')).toStrictEqual([]);
  });
});
