import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { DsqlPool, isOccConflict, isRetryExhaustedError } from '../src';
import { TransactionRunner, type Admit, type RunOptions } from '../src/occ';
import { numbersOf, quantile, report, type Row } from './result';
import { withServer, type Server } from './server';

/**
 * Read-modify-write transactions of several workers on a few rows, under four policies in turn: the two that AWS's
 * connectors have, ours, and ours where the transactions of each row take turns (`serializeBy`); and what admission does to
 * work that has nothing to do with a hot row, and to transactions inside transactions. The server is another process than the
 * clients, as it is for users: in one process, a policy that begins more attempts would get more of the server's time, too.
 *
 * Usage: npm run bench -- contention [--cells grid,bystanders,inner] [--seconds 3] [--rounds 1] [--workers 64] [--rows 10]
 *   [--latencyMs 0] [--thinkMs 20]
 *
 * The policies take turns `rounds` times, another one first each time, so that what else the machine does meets all of
 * them. With `thinkMs` each transaction spends a random time of its own between its read and its write, up to so much and
 * mostly less.
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

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * So much of the time of a turn comes before it is measured: a server runs for days, and learns of a crowd once. On a slow
 * machine 1.5 seconds of 64 workers are 300 transactions, which is less than ten keys need to find their limits.
 */
const LEARNING = 1 / 2;

/** Runs a cell under each policy, in turn. Returns the means of each policy. */
async function compare(pool: DsqlPool, cell: Cell, seconds: number, rounds: number): Promise<Result[]> {
  const names = Object.keys(policies);
  const results = names.map((): Result[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const turn of names.keys()) {
      // The table grows with each turn; none of them is always the last.
      const index = (round + turn) % names.length;
      const policy = policies[names[index] ?? '']?.();
      if (!policy) continue;
      await run(pool, cell, policy, seconds * LEARNING);
      results[index]?.push(await run(pool, cell, policy, seconds));
    }
  }
  return results.map((of) => ({
    perSecond: mean(of.map((result) => result.perSecond)),
    gaveUp: mean(of.map((result) => result.gaveUp)),
    p99Ms: mean(of.map((result) => result.p99Ms)),
    attemptsPerCommit: mean(of.map((result) => result.attemptsPerCommit)),
  }));
}

function reportGrid(latencyMs: number, cells: ReadonlyMap<string, readonly Result[]>): void {
  const at = `${latencyMs} ms added to each round trip`;
  const rowsOf = (value: (result: Result) => number): Row[] =>
    [...cells].map(([name, results]) => ({ name, values: results.map(value) }));
  const series = Object.keys(policies);
  const id = `contention-${latencyMs}-ms`;
  const others = { series, better: 'less', isPlotted: false } as const;
  report({
    name: id,
    title: `Transactions of workers that read and write few rows, ${at}`,
    unit: 'transactions/s',
    better: 'more',
    series,
    rows: rowsOf(({ perSecond }) => perSecond),
  });
  report({
    ...others,
    name: `${id}-given-up`,
    title: `Transactions that were given up, ${at}`,
    unit: '%',
    rows: rowsOf(({ gaveUp }) => 100 * gaveUp),
  });
  report({
    ...others,
    name: `${id}-p99`,
    title: `99th percentile of a transaction, ${at}`,
    unit: 'ms',
    rows: rowsOf(({ p99Ms }) => p99Ms),
  });
  report({
    ...others,
    name: `${id}-attempts`,
    title: `Attempts per success, ${at}`,
    unit: 'attempts',
    rows: rowsOf(({ attemptsPerCommit }) => attemptsPerCommit),
  });
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

/** How long work takes that is alone on its rows beside a hot one, without and with admission: medians of each round. */
async function compareBystanders(pool: DsqlPool, seconds: number, rounds: number): Promise<Row[]> {
  const rows: Row[] = [];
  for (let round = 1; round <= rounds; round++) {
    const without = await runBystanders(pool, ourPolicy({ admission: false }), seconds);
    const withAdmission = await runBystanders(pool, ourPolicy(), seconds);
    rows.push({ name: `round ${round}`, values: [without, withAdmission] });
  }
  return rows;
}

/** Clients that do independent work inside their transactions, on the same rows. Says how many a second have finished. */
async function runInner(pool: DsqlPool, options?: RunOptions): Promise<number> {
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
  return finished / ((performance.now() - startedAt) / 1000);
}

const INNER_CLIENTS = 12;
const INNER_REQUESTS = 5;

async function measureGrid(endpoint: Server, seconds: number, rounds: number, latencyMs: number) {
  const cells = new Map<string, readonly Result[]>();
  for (const workers of numbersOf(values.workers)) {
    await withPool(endpoint, workers, async (pool) => {
      await warmUp(pool, workers, seconds);
      for (const rows of numbersOf(values.rows)) {
        const cell = { workers, rows, thinkMs: Number(values.thinkMs) };
        cells.set(`${workers} workers on ${rows}`, await compare(pool, cell, seconds, rounds));
      }
    });
  }
  reportGrid(latencyMs, cells);
}

async function measureAdmission(
  endpoint: Server,
  seconds: number,
  rounds: number,
  latencyMs: number,
  cell: string,
): Promise<void> {
  const at = `${latencyMs} ms added to each round trip`;
  const series = ['without admission', 'with admission'];
  const shared = { series, comparedWith: 'without admission', isPlotted: false } as const;
  if (cell === 'bystanders') {
    report({
      ...shared,
      name: `contention-${latencyMs}-ms-bystanders`,
      title: `Work that is alone on its rows beside a hot one, median, ${at}`,
      unit: 'ms',
      better: 'less',
      rows: await withPool(endpoint, BYSTANDER_WORKERS, (pool) => compareBystanders(pool, seconds, rounds)),
    });
    return;
  }
  report({
    ...shared,
    name: `contention-${latencyMs}-ms-inner`,
    title: `Transactions with an independent one inside, ${at}`,
    unit: 'transactions/s',
    better: 'more',
    rows: await withPool(endpoint, 2 * INNER_CLIENTS, async (pool) => [
      { name: 'finished', values: [await runInner(pool, { admission: false }), await runInner(pool)] },
    ]),
  });
}

async function measure(endpoint: Server, addLatency: (latencyMs: number) => Promise<void>): Promise<void> {
  const [seconds, rounds] = [Number(values.seconds), Number(values.rounds)];
  await fill(endpoint);
  for (const latencyMs of numbersOf(values.latencyMs)) {
    await addLatency(latencyMs);
    for (const cell of values.cells.split(',')) {
      if (cell === 'grid') await measureGrid(endpoint, seconds, rounds, latencyMs);
      else await measureAdmission(endpoint, seconds, rounds, latencyMs, cell);
    }
  }
}

/** Opens the connections, and runs what is measured once, so that the first policy does not pay for both. */
async function warmUp(pool: DsqlPool, connections: number, seconds: number): Promise<void> {
  await pool.warmUp(connections);
  await run(pool, { workers: connections, rows: 1000, thinkMs: 0 }, ourPolicy(), seconds);
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
    latencyMs: { type: 'string', default: '0,1,5' },
    thinkMs: { type: 'string', default: '0' },
  },
});

withServer(__filename, measure);
