import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { CommitOutcomeUnknownError } from 'aurora-dsql-orm';
import {
  createDsqlSequelize,
  conflictReport as ofSequelize,
  runInTransaction as inSequelize,
  transactionCounters as countersOfSequelize,
} from 'aurora-dsql-orm/sequelize';
import {
  conflictReport,
  createDsqlDataSource,
  runInTransaction,
  transactionCounters,
} from 'aurora-dsql-orm/typeorm';
import { SimpleConsoleLogger } from 'typeorm';
import { useCluster } from '../cluster';

const cluster = useCluster();

const ignore = () => undefined;

const add = 'UPDATE shop.stock SET amount = amount + 1 WHERE id = $1';

beforeAll(async () => {
  const dataSource = await createDsqlDataSource(cluster.orm).initialize();
  await dataSource.query('CREATE SCHEMA shop');
  await dataSource.query('CREATE TABLE shop.stock (id integer PRIMARY KEY, amount integer NOT NULL)');
  await dataSource.query('INSERT INTO shop.stock VALUES (1, 0), (2, 0)');
  await dataSource.destroy();
});

describe('the report on conflicts', () => {
  it('names transactions with their tables and keys, and how often they were run', async () => {
    const dataSource = await createDsqlDataSource(cluster.orm).initialize();
    const work = (id: number, label?: string) =>
      runInTransaction(dataSource, (manager) => manager.query(add, [id]), { ...(label && { label }) });
    await work(2);
    expect(conflictReport(dataSource)).toEqual([]);

    cluster.local.faults.failCommit({ error: 'OC000', times: 2 });
    await work(1);
    await work(2);
    expect(conflictReport(dataSource)).toEqual([
      {
        transaction: add,
        tables: ['stock'],
        attempts: 4,
        commits: 2,
        conflicts: 2,
        attemptsPerCommit: 2,
        lostMs: expect.any(Number) as number,
        keys: [{ parameters: ['1'], conflicts: 2 }],
      },
    ]);

    cluster.local.faults.failCommit({ error: 'OC000', times: 3 });
    await work(2, 'restock');
    expect(conflictReport(dataSource).map(({ transaction }) => transaction)).toEqual(['restock', add]);
    await dataSource.destroy();
  });

  describe.each([
    ['nobody is told of them', { logging: false }, { logging: false }],
    [
      'a logger of the application is told of them',
      { logger: new SimpleConsoleLogger(false) },
      { logging: ignore },
    ],
  ])('counts the attempts of autocommit statements where %s', (_, ofDataSource, ofInstance) => {
    const line = {
      transaction: add,
      tables: ['stock'],
      attempts: 3,
      commits: 1,
      conflicts: 2,
      keys: [{ parameters: ['1'], conflicts: 2 }],
    };
    const counted = { attempts: 3, commits: 1, conflicts: 2, retries: 2, unknown: 0 };

    beforeEach(() => {
      cluster.local.faults.failCommit({ error: 'OC000', times: 2 });
    });

    it('of TypeORM, and tells of each conflict', async () => {
      const dataSource = await createDsqlDataSource({ ...cluster.orm, ...ofDataSource }).initialize();
      const conflicts: unknown[] = [];
      const note = (message: unknown) => conflicts.push((message as { readonly attempt: number }).attempt);
      subscribe('aurora-dsql-orm:transaction-conflict', note);
      await dataSource.query(add, [1]).finally(() => {
        unsubscribe('aurora-dsql-orm:transaction-conflict', note);
      });
      expect(conflicts).toEqual([1, 2]);
      expect(conflictReport(dataSource)).toMatchObject([line]);
      expect(transactionCounters(dataSource)).toEqual(counted);
      await dataSource.destroy();
    });

    it('of Sequelize', async () => {
      const sequelize = createDsqlSequelize({ ...cluster.orm, ...ofInstance });
      await sequelize.query(add, { bind: [1] });
      expect(ofSequelize(sequelize)).toMatchObject([line]);
      expect(countersOfSequelize(sequelize)).toEqual(counted);
      await sequelize.close();
    });
  });

  it('goes with counters of what has become of autocommit statements, also where that stayed unknown', async () => {
    const dataSource = await createDsqlDataSource(cluster.orm).initialize();
    const sequelize = createDsqlSequelize({ ...cluster.orm, logging: false });
    const counted = { attempts: 2, commits: 1, conflicts: 0, retries: 0, unknown: 1 };
    cluster.local.faults.failCommit({ error: 'XX000', committed: true });
    await expect(dataSource.query(add, [1])).rejects.toThrow(CommitOutcomeUnknownError);
    await dataSource.query(add, [1]);
    expect(transactionCounters(dataSource)).toEqual(counted);
    cluster.local.faults.failCommit({ error: 'XX000', committed: true });
    await expect(sequelize.query(add, { bind: [1] })).rejects.toThrow(CommitOutcomeUnknownError);
    await sequelize.query(add, { bind: [1] });
    expect(countersOfSequelize(sequelize)).toEqual(counted);
    await Promise.all([dataSource.destroy(), sequelize.close()]);
  });

  it('is of one instance alone, and has what was given up', async () => {
    const one = createDsqlSequelize({ ...cluster.orm, logging: false });
    const other = createDsqlSequelize({ ...cluster.orm, logging: false });
    cluster.local.faults.failCommit({ error: 'OC001', times: 2 });
    await expect(
      inSequelize(one, (transaction) => one.query(add, { bind: [1], transaction }), { maxAttempts: 2 }),
    ).rejects.toThrow(/conflicted on all 2 attempts/);
    expect(ofSequelize(one)).toMatchObject([
      { tables: ['stock'], attempts: 2, commits: 0, conflicts: 2, attemptsPerCommit: undefined },
    ]);
    expect(ofSequelize(other)).toEqual([]);
    await Promise.all([one.close(), other.close()]);
  });

  it('cuts long values', async () => {
    const dataSource = await createDsqlDataSource(cluster.orm).initialize();
    cluster.local.faults.failCommit({ error: 'OC000', times: 1 });
    await runInTransaction(dataSource, (manager) =>
      manager.query('SELECT 1 FROM shop.stock WHERE $1 <> $2::text FOR UPDATE', ['x'.repeat(10_000), 'y']),
    );
    const [{ keys } = { keys: [] }] = conflictReport(dataSource);
    expect(keys[0]?.parameters.join().length).toBeLessThan(200);
    await dataSource.destroy();
  });
});
