import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { DsqlPool, isOccConflict, isRetryExhaustedError } from '../src';
import { TransactionRunner, type Admit, type RunOptions } from '../src/occ';
import { withServer, type Server } from './server';

/**
 * Read-modify-write transactions of several workers on a few rows, under four policies in turn: the two that AWS's
 * connectors have, ours, and ours where the transactions of each row take turns (`serializeBy`); and what admission does to
 * work that has nothing to do with a hot row, and to transactions inside transactions. The server is another process than the clients, as it is for users: in one process, a policy that
 * begins more attempts would get more of the server's time, too.
 *
 * Usage: npm run bench:contention -- [--cells grid,bystanders,inner] [--seconds 3] [--rounds 1] [--workers 64] [--rows 10]
 *   [--latencyMs 0] [--thinkMs 20]
 *
 * The policies take turns `rounds` times, another one first each time, so that what else the machine does meets all of
 * them. With `thinkMs` each transaction spends a random time of its own between its read and its write, up to so much and mostly less.
 */

/** Runs a transaction on a row until it is committed; `false` when it gives up. */
type Policy = (transaction: (admit: Admit) => Promise<void>, row: number) => Promise<boolean>;

/** Of a policy that admits everything. */
const admitAtOnce: Admit = () => Promise.resolve(false);

interface Cell {
  readonly workers: number;
  readonly rows: number;
  readonly thinkMs: number;
}

interface Result {
  readonly perSecond: number;
  readonly gaveUp: number;
  readonly p99Ms: number;
  readonly attemptsPerCommit: number;
}

/** As AWS's connectors do it: so many retries, exponential, a quarter of jitter (aurora-dsql-connectors, 2026-05-18). */
function awsPolicy(retries: number, baseDelayMs: number, maxDelayMs: number): Policy {
  return async (transaction) => {
    for (let attempt = 0; ; attempt++) {
      try {
        await transaction(admitAtOnce);
        return true;
      } catch (error) {
        if (!isOccConflict(error)) throw error;
        if (attempt === retries) return false;
        const delayMs = Math.min(maxDelayMs, baseDelayMs * 2 ** attempt);
        await sleep(delayMs * (1 + 0.25 * (2 * Math.random() - 1)));
      }
    }
  };
}

function ourPolicy(options?: RunOptions, takesTurns = false): Policy {
  const runner = new TransactionRunner();
  return async (transaction, row) => {
    try {
      await runner.run(
        { attempt: ({ admit }) => transaction(admit) },
        { ...options, ...(takesTurns && { serializeBy: row }) },
      );
      return true;
    } catch (error) {
      if (isRetryExhaustedError(error)) return false;
      throw error;
    }
  };
}

const policies: Readonly<Record<string, () => Policy>> = {
  'AWS, 1 to 100 ms': () => awsPolicy(3, 1, 100),
  'AWS, 100 ms to 5 s': () => awsPolicy(3, 100, 5_000),
  ours: () => ourPolicy(),
  'ours, serializeBy': () => ourPolicy({}, true),
};

/** Adds one to a row in a transaction; `between` its read and its write comes what the application does. */
async function countUp(
  pool: DsqlPool,
  id: number,
  admit: Admit,
  between: () => Promise<unknown> = () => Promise.resolve(),
): Promise<void> {
  const first = { text: 'SELECT value FROM counter WHERE id = $1', values: [id] };
  let client = await pool.connect();
  const giveBack = () => {
    client.release();
    return Promise.resolve();
  };
  if (await admit(first, giveBack)) client = await pool.connect();
  try {
    await client.query('BEGIN');
    const { rows } = await client.query<{ value: number }>(first);
    await between();
    await client.query('UPDATE counter SET value = $2 WHERE id = $1', [id, (rows[0]?.value ?? 0) + 1]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}

async function run(pool: DsqlPool, cell: Cell, policy: Policy, seconds: number): Promise<Result> {
  const latencies: number[] = [];
  let gaveUp = 0;
  let attempts = 0;
  const end = performance.now() + seconds * 1000;
  const think = cell.thinkMs > 0 ? () => sleep(cell.thinkMs * Math.random() ** 2) : undefined;
  const transactionOn = (row: number) => (admit: Admit) => {
    attempts++;
    return countUp(pool, row, admit, think);
  };
  const work = async () => {
    while (performance.now() < end) {
      const startedAt = performance.now();
      const row = 1 + Math.floor(Math.random() * cell.rows);
      if (await policy(transactionOn(row), row)) latencies.push(performance.now() - startedAt);
      else gaveUp++;
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: cell.workers }, work));
  const elapsed = (performance.now() - startedAt) / 1000;
  return {
    perSecond: latencies.length / elapsed,
    gaveUp: gaveUp / (gaveUp + latencies.length),
    p99Ms: quantile(latencies, 0.99),
    attemptsPerCommit: attempts / latencies.length,
  };
}

function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? 0;
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * So much of the time of a turn comes before it is measured: a server runs for days, and learns of a crowd once. On a slow
 * machine 1.5 seconds of 64 workers are 300 transactions, which is less than ten keys need to find their limits.
 */
const LEARNING = 1 / 2;

/** Runs a cell under each policy, in turn. */
async function compare(pool: DsqlPool, cell: Cell, seconds: number, rounds: number) {
  const names = Object.keys(policies);
  const results: Record<string, Result[]> = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const turn of names.keys()) {
      // The table grows with each turn; none of them is always the last.
      const name = names[(round + turn) % names.length] ?? '';
      const policy = policies[name]?.();
      if (!policy) continue;
      await run(pool, cell, policy, seconds * LEARNING);
      results[name]?.push(await run(pool, cell, policy, seconds));
    }
  }
  const row: Record<string, string> = {};
  const rates: Record<string, number> = {};
  for (const [name, of] of Object.entries(results)) {
    const [perSecond, gaveUp] = [mean(of.map((r) => r.perSecond)), mean(of.map((r) => r.gaveUp))];
    rates[name] = perSecond;
    row[name] =
      `${perSecond.toFixed(0)}/s  p99 ${mean(of.map((r) => r.p99Ms)).toFixed(0)} ms` +
      `  ×${mean(of.map((r) => r.attemptsPerCommit)).toFixed(1)}` +
      (gaveUp > 0 ? `  gave up ${(100 * gaveUp).toFixed(1)} %` : '');
  }
  const ofAws = names.filter((name) => name.startsWith('AWS')).map((name) => rates[name] ?? 0);
  return { ...row, 'ours / better of AWS': ((rates.ours ?? 0) / Math.max(...ofAws)).toFixed(2) };
}

/**
 * Half of the workers are on one row, each of the others is on one of its own; all of them through one helper.
 *
 * @returns the median time of those that are alone on their rows, in milliseconds
 */
async function runBystanders(pool: DsqlPool, policy: Policy, seconds: number): Promise<number> {
  const latencies: number[] = [];
  const end = performance.now() + seconds * 1000;
  const work = async (_: unknown, worker: number) => {
    const id = worker % 2 === 0 ? 1 : 1 + worker;
    while (performance.now() < end) {
      const startedAt = performance.now();
      await policy((admit) => countUp(pool, id, admit), id);
      if (id !== 1) latencies.push(performance.now() - startedAt);
    }
  };
  await Promise.all(Array.from({ length: BYSTANDER_WORKERS }, work));
  return quantile(latencies, 0.5);
}

const BYSTANDER_WORKERS = 32;

/** Says how long work takes that is alone on its rows beside a hot one, with and without admission. */
async function compareBystanders(pool: DsqlPool, seconds: number, rounds: number): Promise<string> {
  const ratios: number[] = [];
  const medians: string[] = [];
  for (let round = 0; round < rounds; round++) {
    const without = await runBystanders(pool, ourPolicy({ admission: false }), seconds);
    const withAdmission = await runBystanders(pool, ourPolicy(), seconds);
    ratios.push(withAdmission / without);
    medians.push(`${withAdmission.toFixed(0)} : ${without.toFixed(0)} ms`);
  }
  return `${medians.join(', ')}; ratio ${mean(ratios).toFixed(2)}`;
}

/** Clients that do independent work inside their transactions, on the same rows. Says how many of them have finished. */
async function runInner(pool: DsqlPool, options?: RunOptions): Promise<string> {
  const policy = ourPolicy({ ...options, deadlineMs: 10_000 });
  let finished = 0;
  const work = async () => {
    for (let request = 0; request < INNER_REQUESTS; request++) {
      const inner = () => policy((admit) => countUp(pool, 2, admit), 2);
      if (await policy((admit) => countUp(pool, 1, admit, inner), 1)) finished++;
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: INNER_CLIENTS }, work));
  const seconds = (performance.now() - startedAt) / 1000;
  return `${finished} of ${INNER_CLIENTS * INNER_REQUESTS} in ${seconds.toFixed(1)} s`;
}

const INNER_CLIENTS = 12;
const INNER_REQUESTS = 5;

async function measure(endpoint: Server, addLatency: (latencyMs: number) => Promise<void>): Promise<void> {
  const numbers = (list: string) => list.split(',').map(Number);
  const [seconds, rounds, thinkMs] = [values.seconds, values.rounds, values.thinkMs].map(Number) as [
    number,
    number,
    number,
  ];
  const cells = values.cells.split(',');
  await fill(endpoint);
  for (const latencyMs of numbers(values.latencyMs)) {
    await addLatency(latencyMs);
    console.log(`\n${latencyMs} ms added to each round trip`);
    const table: Record<string, Record<string, string>> = {};
    for (const workers of cells.includes('grid') ? numbers(values.workers) : []) {
      await withPool(endpoint, workers, async (pool) => {
        await warmUp(pool, workers);
        for (const rows of numbers(values.rows)) {
          table[`${workers} on ${rows}`] = await compare(pool, { workers, rows, thinkMs }, seconds, rounds);
        }
      });
    }
    if (cells.includes('grid')) {
      console.log('Workers on rows: finished, 99th percentile, attempts each');
      console.table(table);
    }
    if (cells.includes('bystanders')) {
      const found = await withPool(endpoint, BYSTANDER_WORKERS, (pool) =>
        compareBystanders(pool, seconds, rounds),
      );
      console.log(`Cold work beside a hot row, median with : without admission: ${found}`);
    }
    if (cells.includes('inner')) {
      const found = await withPool(
        endpoint,
        2 * INNER_CLIENTS,
        async (pool) =>
          `${await runInner(pool)}; without admission ${await runInner(pool, { admission: false })}`,
      );
      console.log(`Transactions with an independent one inside: finished ${found}`);
    }
  }
}

/** Opens the connections, and runs what is measured once, so that the first policy does not pay for both. */
async function warmUp(pool: DsqlPool, connections: number): Promise<void> {
  await pool.warmUp(connections);
  await run(pool, { workers: connections, rows: 1000, thinkMs: 0 }, ourPolicy(), 3);
}

async function withPool<T>(endpoint: Server, max: number, work: (pool: DsqlPool) => Promise<T>): Promise<T> {
  const pool = new DsqlPool({ ...endpoint, max });
  try {
    return await work(pool);
  } finally {
    await pool.end();
  }
}

async function fill(endpoint: Server): Promise<void> {
  const pool = new DsqlPool(endpoint);
  await pool.query('CREATE TABLE counter (id integer PRIMARY KEY, value integer NOT NULL)');
  await pool.query('INSERT INTO counter SELECT id, 0 FROM generate_series(1, 1000) id');
  await pool.end();
}

const { values } = parseArgs({
  options: {
    cells: { type: 'string', default: 'grid,bystanders,inner' },
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '1' },
    workers: { type: 'string', default: '1,4,16,64' },
    rows: { type: 'string', default: '1,10,1000' },
    latencyMs: { type: 'string', default: '0,5' },
    thinkMs: { type: 'string', default: '0' },
  },
});

withServer(__filename, measure);
