import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { DsqlPool, isOccConflict } from '../src';
import { startLocalDsql, type LocalDsql } from '../src/local';
import { TransactionRunner, type Admit } from '../src/occ';

/**
 * Read-modify-write transactions of several workers on a few rows, under three policies in the same run: the two that
 * AWS's connectors have, and ours.
 *
 * Usage: npm run bench:contention -- [--seconds 3] [--workers 64] [--rows 10] [--latencyMs 0] [--thinkMs 20]
 *
 * With `thinkMs` each transaction spends a random time of its own between its read and its write, up to so much and mostly
 * less.
 */

/** Runs a transaction until it is committed; `false` when it gives up. */
type Policy = (transaction: (admit: Admit) => Promise<void>) => Promise<boolean>;

/** Of a policy that admits everything. */
const admitAtOnce: Admit = () => Promise.resolve(false);

interface Cell {
  readonly workers: number;
  readonly rows: number;
  readonly latencyMs: number;
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

function ourPolicy(): Policy {
  const runner = new TransactionRunner();
  return async (transaction) => {
    await runner.run({ attempt: ({ admit }) => transaction(admit) });
    return true;
  };
}

const policies: Readonly<Record<string, () => Policy>> = {
  'AWS, 1 to 100 ms': () => awsPolicy(3, 1, 100),
  'AWS, 100 ms to 5 s': () => awsPolicy(3, 100, 5_000),
  ours: ourPolicy,
};

async function run(pool: DsqlPool, cell: Cell, policy: Policy, seconds: number): Promise<Result> {
  const latencies: number[] = [];
  let gaveUp = 0;
  let attempts = 0;
  const end = performance.now() + seconds * 1000;
  const transaction = async (admit: Admit) => {
    attempts++;
    const id = 1 + Math.floor(Math.random() * cell.rows);
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
      if (cell.thinkMs > 0) await sleep(cell.thinkMs * Math.random() ** 2);
      await client.query('UPDATE counter SET value = $2 WHERE id = $1', [id, (rows[0]?.value ?? 0) + 1]);
      await client.query('COMMIT');
    } catch (error) {
      await client.query('ROLLBACK');
      throw error;
    } finally {
      client.release();
    }
  };
  const work = async () => {
    while (performance.now() < end) {
      const startedAt = performance.now();
      if (await policy(transaction)) latencies.push(performance.now() - startedAt);
      else gaveUp++;
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: cell.workers }, work));
  const elapsed = (performance.now() - startedAt) / 1000;
  latencies.sort((a, b) => a - b);
  return {
    perSecond: latencies.length / elapsed,
    gaveUp: gaveUp / (gaveUp + latencies.length),
    p99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? 0,
    attemptsPerCommit: attempts / latencies.length,
  };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '3' },
      workers: { type: 'string', default: '1,4,16,64' },
      rows: { type: 'string', default: '1,10,1000' },
      latencyMs: { type: 'string', default: '0,5' },
      thinkMs: { type: 'string', default: '0' },
    },
  });
  const numbers = (list: string) => list.split(',').map(Number);
  const local = await startLocalDsql();
  try {
    await fill(local);
    for (const latencyMs of numbers(values.latencyMs)) {
      const latency = local.faults.addLatency(latencyMs);
      const table: Record<string, Record<string, string | number>> = {};
      for (const workers of numbers(values.workers)) {
        const pool = new DsqlPool({ ...endpoint(local), max: workers });
        for (const rows of numbers(values.rows)) {
          const cell = { workers, rows, latencyMs, thinkMs: Number(values.thinkMs) };
          for (const [name, policy] of Object.entries(policies)) {
            const result = await run(pool, cell, policy(), Number(values.seconds));
            (table[`${workers} on ${rows}`] ??= {})[name] =
              `${result.perSecond.toFixed(0)}/s  p99 ${result.p99Ms.toFixed(0)} ms  ×${result.attemptsPerCommit.toFixed(1)}` +
              (result.gaveUp > 0 ? `  gave up ${(100 * result.gaveUp).toFixed(1)} %` : '');
          }
        }
        await pool.end();
      }
      console.log(
        `\n${latencyMs} ms added to each round trip; workers on rows: finished, 99th percentile, attempts each`,
      );
      console.table(table);
      latency.remove();
    }
  } finally {
    await local.stop();
  }
}

async function fill(local: LocalDsql): Promise<void> {
  const pool = new DsqlPool(endpoint(local));
  await pool.query('CREATE TABLE counter (id integer PRIMARY KEY, value integer NOT NULL)');
  await pool.query('INSERT INTO counter SELECT id, 0 FROM generate_series(1, 1000) id');
  await pool.end();
}

function endpoint({ host, hostaddr, port, ca, credentials, region }: LocalDsql) {
  return { host, hostaddr, port, ca, credentials, region };
}

void main();
