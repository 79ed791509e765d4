import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createDsqlDataSource, runInTransaction } from 'aurora-dsql-orm/typeorm';
import {
  Column,
  Entity,
  PrimaryGeneratedColumn,
  type DataSource,
  type EntityManager,
  type TransactionCommitEvent,
} from 'typeorm';
import { useCluster } from '../../cluster';
import { stockDataSource } from '../stock-data-source';

@Entity()
class Entry {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'text' })
  note!: string;
}

const cluster = useCluster();
let ours: DataSource;
let marking: DataSource;
let stock: DataSource;

beforeAll(async () => {
  ours = await createDsqlDataSource({ ...cluster.orm, entities: [Entry] }).initialize();
  await ours.query('CREATE TABLE entry (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), note text NOT NULL)');
  const dsql = { ...cluster.orm.dsql, commitMarkers: true };
  marking = await createDsqlDataSource({ ...cluster.orm, dsql, entities: [Entry] }).initialize();
  stock = await stockDataSource(cluster.local, [Entry]);
});
afterAll(async () => {
  await Promise.all([ours.destroy(), marking.destroy(), stock.destroy()]);
});
beforeEach(() => ours.query('DELETE FROM entry'));
afterEach(() => {
  cluster.local.faults.clear();
});

/** Every way in which nobody hears what became of a COMMIT, and whether it was done. */
const losses = [
  [
    'cut before COMMIT was done',
    false,
    () => cluster.local.faults.cutConnection({ at: 'before commit', table: 'entry' }),
  ],
  [
    'cut after COMMIT was done',
    true,
    () => cluster.local.faults.cutConnection({ at: 'after commit', table: 'entry' }),
  ],
  ['unavailable', false, () => cluster.local.faults.failCommit({ error: 'XX000', table: 'entry' })],
  [
    'unavailable, and done all the same',
    true,
    () => cluster.local.faults.failCommit({ error: 'XX000', committed: true, table: 'entry' }),
  ],
] as const;

const insertEntry = async (manager: EntityManager) => {
  await manager.insert(Entry, { note: 'x' });
  return 'done';
};

describe.each(losses)('the answer to COMMIT is lost (%s)', (_, isCommitted, lose) => {
  const rows = isCommitted ? 1 : 0;

  it('stock TypeORM says nothing of an unknown outcome', async () => {
    lose();
    await expect(stock.transaction(insertEntry)).rejects.toMatchObject({ name: 'QueryFailedError' });
    expect(await count()).toBe(rows);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['a transaction', () => ours.transaction(insertEntry)],
    ['a transaction on a stock data source', () => runInTransaction(stock, insertEntry)],
    ['a save', () => ours.manager.save(entry())],
    ['a transaction that the user began', manually],
    ['an autocommit statement', () => ours.manager.insert(Entry, { note: 'x' })],
  ])('is reported as unknown, and nothing is run again: %s', async (__, run) => {
    lose();
    await expect(run()).rejects.toMatchObject({ name: 'CommitOutcomeUnknownError' });
    expect(await count()).toBe(rows);
  });

  it('an entity keeps the id by which it can be found, so that saving it again does it once', async () => {
    lose();
    const saved = entry();
    await expect(ours.manager.save(saved)).rejects.toMatchObject({ name: 'CommitOutcomeUnknownError' });
    expect(await ours.manager.countBy(Entry, { id: saved.id })).toBe(rows);
    await ours.manager.save(saved);
    expect(await count()).toBe(1);
  });

  it('a removed entity gets its id back, so that removing it again is possible', async () => {
    const saved = await ours.manager.save(entry());
    const { id } = saved;
    lose();
    await expect(ours.manager.remove(saved)).rejects.toMatchObject({ name: 'CommitOutcomeUnknownError' });
    expect(saved.id).toBe(id);
    await ours.manager.remove(saved);
    expect(await count()).toBe(0);
  });

  it('verifyCommitted settles it: once done, and after-commit work once', async () => {
    const seen: unknown[] = [];
    const afterTransactionCommit = ({ queryRunner }: TransactionCommitEvent) => {
      seen.push(queryRunner.data);
    };
    const subscriber = { afterTransactionCommit };
    ours.subscribers.push(subscriber);
    let runs = 0;
    try {
      lose();
      const returned = await runInTransaction(
        ours,
        async (manager) => {
          runs++;
          Object.assign(manager.queryRunner?.data ?? {}, { for: 'subscribers' });
          return insertEntry(manager);
        },
        { verifyCommitted: async (manager) => (await manager.count(Entry)) > 0 },
      );
      expect(returned).toBe('done');
    } finally {
      ours.subscribers.splice(ours.subscribers.indexOf(subscriber), 1);
    }
    expect(runs).toBe(isCommitted ? 1 : 2);
    expect(seen).toStrictEqual([{ for: 'subscribers' }]);
    expect(await count()).toBe(1);
  });

  it.each([
    ['has no answer', () => Promise.resolve(undefined)],
    ['fails', () => Promise.reject(new Error('cannot look'))],
  ])('stays unknown where verifyCommitted %s', async (__, verifyCommitted) => {
    lose();
    await expect(runInTransaction(ours, insertEntry, { verifyCommitted })).rejects.toMatchObject({
      name: 'CommitOutcomeUnknownError',
    });
    expect(await count()).toBe(rows);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['a transaction', () => marking.transaction(insertEntry)],
    ['a save', () => marking.manager.save(entry())],
    ['one transaction', () => runInTransaction(ours, insertEntry, { commitMarkers: true })],
    [
      'a transaction on a stock data source',
      () => runInTransaction(stock, insertEntry, { commitMarkers: true }),
    ],
  ])('commit markers settle it, and it is done once: %s', async (__, run) => {
    const afterTransactionCommit = jest.fn();
    marking.subscribers.push({ afterTransactionCommit });
    lose();
    await run();
    expect(await count()).toBe(1);
    marking.subscribers.pop();
    expect(afterTransactionCommit.mock.calls.length).toBeLessThanOrEqual(1);
  });

  it('commit markers let the entities end as after one success', async () => {
    lose();
    const saved = entry();
    await marking.manager.save(saved);
    expect(await ours.manager.find(Entry)).toStrictEqual([saved]);
    lose();
    await marking.manager.remove(saved);
    expect(saved.id).toBeUndefined();
    expect(await count()).toBe(0);
  });

  it('commit markers go on with another connection where the one was the caller’s', async () => {
    const queryRunner = marking.createQueryRunner();
    lose();
    await queryRunner.manager.transaction(insertEntry);
    await queryRunner.release();
    expect(await count()).toBe(1);
  });
});

it('a transaction in which nothing happened leaves no commit marker', async () => {
  const markers = () => ours.query<unknown[]>('SELECT id FROM aurora_dsql_orm_commit_marker');
  await marking.transaction(insertEntry);
  const before = (await markers()).length;
  await marking.transaction(() => Promise.resolve());
  expect(await markers()).toHaveLength(before);
  await marking.transaction(insertEntry);
  expect(await markers()).toHaveLength(before + 1);
});

it('an unknown outcome of something else that a callback did is not taken for that of its transaction', async () => {
  const verifyCommitted = jest.fn(() => Promise.resolve(false));
  let runs = 0;
  const work = async (manager: EntityManager) => {
    runs++;
    await manager.insert(Entry, { note: 'mine' });
    cluster.local.faults.cutConnection({ at: 'after commit', table: 'entry' });
    await ours.manager.insert(Entry, { note: 'else' });
  };
  await expect(runInTransaction(ours, work, { verifyCommitted })).rejects.toMatchObject({
    name: 'CommitOutcomeUnknownError',
    subject: 'statement',
  });
  expect(runs).toBe(1);
  expect(verifyCommitted).not.toHaveBeenCalled();
  expect(await ours.manager.find(Entry)).toMatchObject([{ note: 'else' }]);
});

describe('a connection that is lost', () => {
  it('in the middle of a transaction ends it with the error of that moment, and nothing is written', async () => {
    cluster.local.faults.cutConnection({ at: 'statement', text: 'second' });
    const work = async (manager: EntityManager) => {
      await manager.query(`INSERT INTO entry (note) VALUES ('first')`);
      await manager.query(`INSERT INTO entry (note) VALUES ('second')`).catch(() => undefined);
      await manager.query(`INSERT INTO entry (note) VALUES ('third')`);
    };
    const error: unknown = await ours.transaction(work).catch((caught: unknown) => caught);
    expect(error).toMatchObject({
      name: 'QueryFailedError',
      query: expect.stringContaining('second') as string,
    });
    expect(await count()).toBe(0);
  });

  it('while ROLLBACK is under way is not used again, and the first error is the one that is reported', async () => {
    const single = await createDsqlDataSource({
      ...cluster.orm,
      entities: [Entry],
      extra: { max: 1 },
    }).initialize();
    const failing = async (manager: EntityManager) => {
      await insertEntry(manager);
      throw new Error('the first');
    };
    let opened = 0;
    const count = () => opened++;
    subscribe('aurora-dsql-orm:connection-opened', count);
    for (const fault of [
      () => cluster.local.faults.cutConnection({ at: 'statement', kind: 'rollback' }),
      () => cluster.local.faults.failStatement({ error: 'XX000', kind: 'rollback' }),
    ]) {
      const placed = fault();
      await expect(single.transaction(failing)).rejects.toThrow('the first');
      expect(placed.fired).toBe(1);
      await single.manager.insert(Entry, { note: 'own' });
    }
    unsubscribe('aurora-dsql-orm:connection-opened', count);
    expect(opened).toBe(2);
    expect(await ours.manager.find(Entry)).toMatchObject([{ note: 'own' }, { note: 'own' }]);
    await single.destroy();
  });
});

it('connections that are refused at first are asked for again', async () => {
  const fault = cluster.local.faults.refuseConnections({ error: '53300', times: 2 });
  const fresh = await createDsqlDataSource({ ...cluster.orm, entities: [Entry] }).initialize();
  await fresh.transaction(insertEntry);
  await fresh.destroy();
  expect(fault.fired).toBe(2);
  expect(await count()).toBe(1);
});

function entry(): Entry {
  return Object.assign(new Entry(), { note: 'x' });
}

async function manually(): Promise<void> {
  const queryRunner = ours.createQueryRunner();
  try {
    await queryRunner.startTransaction();
    await insertEntry(queryRunner.manager);
    await queryRunner.commitTransaction();
  } finally {
    await queryRunner.release();
  }
}

function count(): Promise<number> {
  return ours.manager.count(Entry);
}
