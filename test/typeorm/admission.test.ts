import { setTimeout as sleep } from 'node:timers/promises';
import { createDsqlDataSource, runInTransaction } from 'aurora-dsql-orm/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { useCluster } from '../cluster';

const WORKERS = 24;

/** So that transactions overlap on a machine of any speed. */
const THINK_MS = 50;

const cluster = useCluster();
let ours: DataSource;
/** How many transactions were in flight, between their first statement and their COMMIT, whenever one had begun. */
let inFlight: number[];

beforeAll(async () => {
  ours = await createDsqlDataSource({ ...cluster.orm, poolSize: WORKERS }).initialize();
  await ours.query('CREATE TABLE counter (id integer PRIMARY KEY, value integer NOT NULL)');
  await ours.query('INSERT INTO counter SELECT id, 0 FROM generate_series(0, 999) AS id');
});
afterAll(async () => {
  await ours.destroy();
});
beforeEach(async () => {
  inFlight = [];
  await ours.query('UPDATE counter SET value = 0');
});

/** Lets all workers at once run transactions of one kind that count up some row. */
async function count(
  label: string,
  transactions: number,
  rowOf: (index: number) => number,
  thinkMs = 0,
): Promise<void> {
  let begun = 0;
  let running = 0;
  const attempt = async (manager: EntityManager, id: number) => {
    // It may have waited for this, and until then it is not in flight.
    await manager.query('SELECT value FROM counter WHERE id = $1', [id]);
    inFlight.push(++running);
    try {
      if (thinkMs > 0) await sleep(thinkMs);
      await manager.query('UPDATE counter SET value = value + 1 WHERE id = $1', [id]);
    } finally {
      running--;
    }
  };
  const work = async () => {
    while (begun < transactions) {
      const id = rowOf(begun++);
      await runInTransaction(ours, (manager) => attempt(manager, id), { label });
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
}

const sumOf = async () => {
  const [{ sum }] = await ours.query<[{ sum: string }]>('SELECT sum(value) AS sum FROM counter');
  return Number(sum);
};

describe('the transactions of one kind', () => {
  it('are not limited as long as they do not conflict', async () => {
    await count('apart', 10 * WORKERS, (index) => index % 1000, THINK_MS);
    expect(Math.max(...inFlight)).toBeGreaterThan(WORKERS / 2);
    expect(await sumOf()).toBe(10 * WORKERS);
  });

  it('are few at a time when they meet on one row', async () => {
    await count('together', 20 * WORKERS, () => 0);
    expect(Math.max(...inFlight.slice(inFlight.length / 2))).toBeLessThan(WORKERS / 2);
    expect(await sumOf()).toBe(20 * WORKERS);
  });

  it('are many again when they meet no more', async () => {
    await count('then apart', 10 * WORKERS, () => 0);
    inFlight = [];
    await count('then apart', 900, (index) => index, THINK_MS);
    expect(Math.max(...inFlight.slice(inFlight.length / 2))).toBeGreaterThan(WORKERS / 2);
  });
});
