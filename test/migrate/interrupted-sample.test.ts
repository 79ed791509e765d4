import { startLocalDsql, type Fault, type Faults } from 'aurora-dsql-orm/local';
import { useCluster } from '../cluster';
import { byForm } from '../form';
import { empty, rowsOf, schemaAndHashesOf, schemaOf } from './database-state';
import { sampleOf, type Orm } from './sample';

const cluster = useCluster();

const BOTH: readonly Orm[] = ['TypeORM', 'Sequelize'];
const MIGRATIONS = 13;

beforeEach(() => empty(cluster.connection));
afterEach(() => {
  cluster.local.faults.clear();
});

const rows = (sql: string) => rowsOf(cluster.connection, sql);

/** What the orders say: each was imported, filled and converted once. */
const orders = () =>
  rows(
    'SELECT count(*)::int AS orders, sum(total)::float8 AS total, count(DISTINCT customer_id)::int AS customers, count(DISTINCT currency)::int AS currencies FROM orders',
  );
const ORDERS = [{ orders: 20_000, total: 2_000_100, customers: 500, currencies: 1 }];

describe.each<Orm>(byForm({ short: ['Sequelize'], long: BOTH, soak: BOTH }))('the sample with %s', (orm) => {
  it('runs up, with an index that fails until the rows are corrected, down to nothing, and up again', async () => {
    const sample = sampleOf(orm, cluster.orm);
    expect(await sample.up({ upTo: 11 })).toBe(11);
    await rows("INSERT INTO customer (id, email) VALUES (600, 'customer1@example.com')");
    await expect(sample.up()).rejects.toThrow(/Found duplicate key .* Correct the rows and run it again/);
    await rows("UPDATE customer SET email = 'another@example.com' WHERE id = 600");
    expect(await sample.up()).toBe(MIGRATIONS - 11);
    expect(await orders()).toStrictEqual(ORDERS);
    await rows('DELETE FROM customer WHERE id = 600');
    const schema = await schemaOf(cluster.connection);
    await sample.down();
    const left = "SELECT tablename FROM pg_tables WHERE tablename ~ '^(customer|product|order)'";
    expect(await rows(left)).toStrictEqual([]);
    await sample.up();
    expect(await schemaOf(cluster.connection)).toStrictEqual(schema);
  });
});

describe.each<Orm>(byForm({ short: ['TypeORM'], long: BOTH, soak: BOTH }))('the sample with %s', (orm) => {
  it('runs through conflicts, a build that fails once, and a cluster that sleeps, and says so', async () => {
    const { faults } = cluster.local;
    const sample = sampleOf(orm, cluster.orm);
    const log: string[] = [];
    const asleep = faults.sleep({ connections: 1 });
    const stale = faults.failStatement({ error: 'OC001', nth: 1, times: 3 });
    const conflicts = faults.failCommit({ error: 'OC000', share: 0.3, seed: 7 });
    const failing = faults.failIndexBuild({ table: 'customer', times: 1 });
    await expect(sample.up({ log })).rejects.toThrow(/duplicate/);
    expect([failing.fired, asleep.fired, stale.fired]).toStrictEqual([1, 1, 3]);
    // The one that has failed continues in a new process with what it had done.
    expect(await sample.up({ log })).toBe(2);
    expect(conflicts.fired).toBeGreaterThan(20);
    faults.clear();
    expect(await orders()).toStrictEqual(ORDERS);
    expect(log.filter((line) => line.includes('20,000 rows of "orders"'))).toHaveLength(1);
  });
});

/** What is in the way of a run: it is told the statements of an undisturbed one. */
const STORMS: Readonly<Record<string, (faults: Faults, texts: readonly string[]) => readonly Fault[]>> = {
  'conflicts at 30 % of its statements': (faults) => [
    faults.failStatement({ error: 'OC000', share: 0.3, seed: 3 }),
  ],
  'a changed schema at each statement that is new': (faults, texts) =>
    texts.map((text) => faults.failStatement({ error: 'OC001', text })),
  'a server that is unavailable for 10 % of its statements': (faults) => [
    faults.failStatement({ error: 'XX000', share: 0.1, seed: 5 }),
  ],
  'commits that the unavailable server has not done': (faults) => [
    faults.failCommit({ error: 'XX000', share: 0.1, seed: 6 }),
  ],
  'commits that it has done': (faults) => [
    faults.failCommit({ error: 'XX000', committed: true, share: 0.1, seed: 5 }),
  ],
};
const storms = Object.keys(STORMS);
const all = BOTH.flatMap((orm) => storms.map((storm) => [orm, storm] as const));
const inStorms = byForm({
  short: [
    ['TypeORM', storms.at(-1)],
    ['Sequelize', storms[0]],
  ] as [Orm, string][],
  long: all,
  soak: all,
});

it.each(inStorms)('the sample with %s runs through %s, and says so', async (orm, storm) => {
  const upTo = byForm({ short: 7, long: MIGRATIONS, soak: MIGRATIONS });
  const sample = sampleOf(orm, cluster.orm);
  const state = () => schemaAndHashesOf(cluster.connection);
  const trace = cluster.local.trace.start();
  await sample.up({ upTo });
  const texts = new Set(trace.stop().statements.map(({ text }) => text));
  const undisturbed = await state();
  await empty(cluster.connection);
  const faults = STORMS[storm]?.(cluster.local.faults, [...texts]) ?? [];
  const log: string[] = [];
  expect(await sample.up({ upTo, log })).toBe(upTo);
  cluster.local.faults.clear();
  expect(await state()).toStrictEqual(undisturbed);
  expect(faults.reduce((sum, { fired }) => sum + fired, 0)).toBeGreaterThan(5);
  expect(log.filter((line) => /^Migrations are (?:run|looked for) again/.test(line))).not.toStrictEqual([]);
});

it.each<Orm>(byForm({ short: ['Sequelize'], long: BOTH, soak: BOTH }))(
  'the sample with %s waits for indexes that take five seconds, and says how far they are',
  async (orm) => {
    // The short form lets them pass in a fortieth of the time.
    const pace = byForm({ short: 40, long: 1, soak: 1 });
    const begun = Date.now();
    const clock = () => new Date(begun + (Date.now() - begun) * pace);
    const local = await startLocalDsql({ jobDurationMs: 5000, clock });
    try {
      const { host, port, hostaddr, ca, credentials, region } = local;
      const log: string[] = [];
      await sampleOf(orm, { host, port, dsql: { hostaddr, ca, credentials, region } }).up({ upTo: 6, log });
      const said = (what: RegExp) => log.filter((line) => what.test(line)).length;
      expect(said(/started: CREATE UNIQUE INDEX ASYNC "?product_sku/)).toBe(1);
      expect(said(/done after \d+ ms, 0 still running: CREATE UNIQUE INDEX ASYNC "?product_sku/)).toBe(1);
    } finally {
      await local.stop();
    }
  },
);
