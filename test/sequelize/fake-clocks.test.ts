import timersPromises from 'node:timers/promises';
import { DsqlPool } from 'aurora-dsql-orm';
import { startLocalDsql } from 'aurora-dsql-orm/local';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { QueryTypes } from 'sequelize';
import { useCluster } from '../cluster';
import { createAccountTable, defineAccounts } from './accounts';
import { useSequelize } from './use-sequelize';

const cluster = useCluster();
const open = useSequelize(cluster);

const { now } = Date;

/** What the drivers of databases cannot do without. */
const NEEDED = ['nextTick', 'setImmediate', 'clearImmediate', 'queueMicrotask'] as const;

const TIMERS = [
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
  'performance',
  'hrtime',
] as const;

const fakeDate = (time: string) =>
  jest.useFakeTimers({ now: new Date(time), doNotFake: [...NEEDED, ...TIMERS] });

const TIMES = ['1970-01-02T00:00:00Z', '2040-01-01T00:00:00Z'];

afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

describe('Where a test has faked Date', () => {
  const year = async (sequelize: ReturnType<typeof open>) => {
    const rows = await sequelize.query<{ year: string }>('SELECT extract(year FROM now()) AS year', {
      type: QueryTypes.SELECT,
    });
    return Number(rows[0]?.year);
  };

  it.each(TIMES)(
    'to %s, connections to a local DSQL of the same process open, and open ones last',
    async (time) => {
      const before = open({ pool: { max: 1 } });
      expect(await year(before)).toBe(new Date(now()).getFullYear());
      const recording = cluster.local.trace.start();
      const transaction = await before.transaction();
      await before.query('SELECT 1', { transaction });

      fakeDate(time);
      await before.query('SELECT 2', { transaction });
      await transaction.commit();
      expect(await year(before)).toBe(new Date(now()).getFullYear());
      expect(recording.stop().connectionsOpened).toBe(0);
      const meanwhile = open({ pool: { max: 1 } });
      await year(meanwhile);

      jest.useRealTimers();
      const after = cluster.local.trace.start();
      for (const sequelize of [before, meanwhile]) await year(sequelize);
      expect(after.stop()).toMatchObject({ connectionsOpened: 0, connectionsClosed: 0 });
      await year(open());
    },
  );

  it.each(TIMES)(
    'to %s, a local DSQL can be started, and takes connections as fast as ever',
    async (time) => {
      fakeDate(time);
      await using local = await startLocalDsql();
      const { host, port, hostaddr, ca, credentials } = local;
      const pool = new DsqlPool({ host, port, hostaddr, ca, credentials, max: 20 });
      await Promise.all(Array.from({ length: 20 }, () => pool.query('SELECT pg_sleep(0.05)')));
      expect(pool.totalCount).toBe(20);
      await pool.end();
    },
  );

  it.each(TIMES)(
    'to %s, a cluster elsewhere takes connections: tokens tell the time of the system',
    async (time) => {
      await using elsewhere = await startLocalDsql({ clock: () => new Date(now()) });
      const { host, port, hostaddr, ca, credentials, region } = elsewhere;
      const sequelize = createDsqlSequelize({
        host,
        port,
        logging: false,
        dsql: { hostaddr, ca, credentials, region },
      });
      const expiration = new Date(now() + 60 * 60_000);
      const pool = new DsqlPool({
        host,
        port,
        hostaddr,
        ca,
        credentials: { ...credentials, expiration },
        region,
      });
      fakeDate(time);
      await sequelize.authenticate();
      expect((await pool.query('SELECT 1 AS one')).rows).toStrictEqual([{ one: 1 }]);
      await Promise.all([pool.end(), sequelize.close()]);
    },
  );
});

describe('Where a test has faked all timers, and moves none of them', () => {
  const fakeTimers = () => {
    jest.useFakeTimers({ doNotFake: [...NEEDED] });
    // Newer fake clocks than Jest's replace these, too.
    jest.spyOn(timersPromises, 'setTimeout').mockReturnValue(new Promise(() => undefined));
  };

  it('a transaction is run again after a conflict, and so is a statement', async () => {
    const sequelize = open();
    await createAccountTable(cluster);
    const Account = defineAccounts(sequelize);
    const account = await Account.create();
    const where = { id: account.id };
    fakeTimers();
    const fault = cluster.local.faults.failCommit({ error: 'OC000', times: 3 });
    await sequelize.transaction((transaction) => Account.update({ balance: 7 }, { where, transaction }));
    expect(fault.fired).toBe(3);
    const another = cluster.local.faults.failCommit({ error: 'OC001', times: 2 });
    await Account.update({ balance: 8 }, { where });
    expect(another.fired).toBe(2);
  });

  it.each(['53300', '53400'] as const)(
    'a connection that is refused with %s is tried again',
    async (error) => {
      const { connection, local } = cluster;
      fakeTimers();
      const fault = local.faults.refuseConnections({ error, times: 2 });
      await open().authenticate();
      const pool = new DsqlPool(connection);
      local.faults.refuseConnections({ error });
      await pool.query('SELECT 1');
      await pool.end();
      expect(fault.fired).toBe(2);
    },
  );

  it('a change of the schema waits for its jobs', async () => {
    const sequelize = open();
    await sequelize.getQueryInterface().createTable('waiting', { id: { type: 'BIGINT', primaryKey: true } });
    fakeTimers();
    await sequelize.getQueryInterface().addIndex('waiting', ['id'], { name: 'waiting_twice' });
    expect(
      await sequelize.query("SELECT status FROM sys.jobs WHERE job_type = 'INDEX_BUILD'", {
        type: QueryTypes.SELECT,
      }),
    ).toContainEqual({ status: 'completed' });
  });
});
