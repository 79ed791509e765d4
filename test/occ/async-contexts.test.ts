import { AsyncLocalStorage } from 'node:async_hooks';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { DataTypes } from 'sequelize';
import { EntitySchema, EntitySchemaOptions, SimpleConsoleLogger } from 'typeorm';
import { useCluster } from '../cluster';

interface Counter {
  id: number;
  value: number;
}

const cluster = useCluster();

const CounterEntity = new EntitySchema<Counter>(
  Object.assign(new EntitySchemaOptions<Counter>(), {
    name: 'counter',
    columns: { id: { type: 'integer', primary: true }, value: { type: 'integer' } } as const,
  }),
);

let ids = 0;
const counter = () => ({ id: ids++, value: 0 });

beforeAll(async () => {
  const dataSource = await createDsqlDataSource(cluster.orm).initialize();
  await dataSource.query('CREATE TABLE counter (id integer PRIMARY KEY, value integer)');
  await dataSource.destroy();
});

/** How often a context was entered, which in Node.js below 24 makes each promise of the process dearer from then on. */
async function timesEntered(work: () => Promise<unknown>): Promise<number> {
  const run = jest.spyOn(AsyncLocalStorage.prototype, 'run');
  await work();
  const { length } = run.mock.calls;
  run.mockRestore();
  return length;
}

describe('no asynchronous context is entered', () => {
  it('by single statements of TypeORM, nor by a save of one row', async () => {
    const dataSource = await createDsqlDataSource({ ...cluster.orm, entities: [CounterEntity] }).initialize();
    const counters = dataSource.getRepository(CounterEntity);
    const works = [
      () => counters.insert(counter()),
      () => counters.update({ id: 0 }, { value: 1 }),
      () => counters.findOneBy({ id: 0 }),
      () => counters.save(counter()),
      () => counters.delete({ id: 0 }),
    ];
    for (const work of works) expect(await timesEntered(work)).toBe(0);
    await dataSource.destroy();
  });

  it('by single statements of Sequelize', async () => {
    const sequelize = createDsqlSequelize({ ...cluster.orm, logging: false });
    const Counters = sequelize.define(
      'counter',
      { id: { type: DataTypes.INTEGER, primaryKey: true }, value: DataTypes.INTEGER },
      { freezeTableName: true, timestamps: false },
    );
    const works = [
      () => Counters.create(counter()),
      () => Counters.update({ value: 1 }, { where: { id: 0 } }),
      () => Counters.findByPk(0),
      () => Counters.destroy({ where: { id: 0 } }),
    ];
    for (const work of works) expect(await timesEntered(work)).toBe(0);
    await sequelize.close();
  });
});

describe('a context is entered, so that a transaction that is begun meanwhile does not wait,', () => {
  it('where a subscriber or a logger of the application is told of a statement of TypeORM', async () => {
    for (const logger of [undefined, new SimpleConsoleLogger(false)]) {
      const dataSource = await createDsqlDataSource({
        ...cluster.orm,
        entities: [CounterEntity],
        ...(logger && { logger }),
      }).initialize();
      if (logger === undefined) dataSource.subscribers.push({ beforeQuery: () => undefined });
      const insert = () => dataSource.manager.insert(CounterEntity, counter());
      expect(await timesEntered(insert)).toBeGreaterThan(0);
      await dataSource.destroy();
    }
  });

  it('where a hook or a logger of the application is told of a statement of Sequelize', async () => {
    const logged = createDsqlSequelize({ ...cluster.orm, logging: () => undefined });
    const hooked = createDsqlSequelize({ ...cluster.orm, logging: false });
    hooked.addHook('beforeQuery', () => undefined);
    for (const sequelize of [logged, hooked]) {
      expect(await timesEntered(() => sequelize.query('SELECT 1'))).toBeGreaterThan(0);
      await sequelize.close();
    }
  });
});
