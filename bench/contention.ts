import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { DsqlPool, isOccConflict } from '../src';
import { startLocalDsql, type LocalDsql } from '../src/local';
import { TransactionRunner } from '../src/occ';

/**
 * Read-modify-write transactions of several workers on a few rows, under three policies in the same run: the two that
 * AWS's connectors have, and ours.
 *
 * Usage: npm run bench:contention -- [--seconds 3] [--workers 64] [--rows 10] [--latencyMs 0]
 */

/** Runs a transaction until it is committed; `false` when it gives up. */
type Policy = (transaction: () => Promise<void>) => Promise<boolean>;

interface Cell {
  readonly workers: number;
  readonly rows: number;
  readonly latencyMs: number;
}

/** What a policy has done in a cell so far. */
interface Tally {
  readonly latenciesMs: number[];
  gaveUp: number;
  attempts: number;
  elapsedMs: number;
}

/** As AWS's connectors do it: so many retries, exponential, a quarter of jitter (aurora-dsql-connectors, 2026-05-18). */
function awsPolicy(retries: number, baseDelayMs: number, maxDelayMs: number): Policy {
  return async (transaction) => {
    for (let attempt = 0; ; attempt++) {
      try {
        await transaction();
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
    await runner.run({ work: ourPolicy, attempt: transaction });
    return true;
  };
}

const policies: Readonly<Record<string, () => Policy>> = {
  'AWS, 1 to 100 ms': () => awsPolicy(3, 1, 100),
  'AWS, 100 ms to 5 s': () => awsPolicy(3, 100, 5_000),
  ours: ourPolicy,
};

async function run(pool: DsqlPool, cell: Cell, policy: Policy, seconds: number, tally: Tally): Promise<void> {
  const end = performance.now() + seconds * 1000;
  const transaction = async () => {
    tally.attempts++;
    const id = 1 + Math.floor(Math.random() * cell.rows);
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      const { rows } = await client.query<{ value: number }>('SELECT value FROM counter WHERE id = $1', [id]);
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
      if (await policy(transaction)) tally.latenciesMs.push(performance.now() - startedAt);
      else tally.gaveUp++;
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: cell.workers }, work));
  tally.elapsedMs += performance.now() - startedAt;
}

/**
 * The policies take turns, each first in its turn: the table grows with every update, and a later one would pay for
 * those before it. What ours has learnt in a turn it keeps.
 */
async function runInTurns(pool: DsqlPool, cell: Cell, seconds: number): Promise<Record<string, string>> {
  const contestants = Object.entries(policies).map(([name, policy]) => ({
    name,
    policy: policy(),
    tally: { latenciesMs: [], gaveUp: 0, attempts: 0, elapsedMs: 0 },
  }));
  for (let turn = 0; turn < contestants.length; turn++) {
    const order = [...contestants.slice(turn), ...contestants.slice(0, turn)];
    for (const { policy, tally } of order) await run(pool, cell, policy, seconds / contestants.length, tally);
  }
  return Object.fromEntries(contestants.map(({ name, tally }) => [name, describe(tally)]));
}

function describe({ latenciesMs, gaveUp, attempts, elapsedMs }: Tally): string {
  const finished = latenciesMs.length;
  latenciesMs.sort((a, b) => a - b);
  const p99Ms = latenciesMs[Math.floor(finished * 0.99)] ?? 0;
  const shareGivenUp = gaveUp / (gaveUp + finished);
  return (
    `${((1000 * finished) / elapsedMs).toFixed(0)}/s  p99 ${p99Ms.toFixed(0)} ms  ×${(attempts / finished).toFixed(1)}` +
    (gaveUp > 0 ? `  gave up ${(100 * shareGivenUp).toFixed(1)} %` : '')
  );
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '3' },
      workers: { type: 'string', default: '1,4,16,64' },
      rows: { type: 'string', default: '1,10,1000' },
      latencyMs: { type: 'string', default: '0,5' },
    },
  });
  const numbers = (list: string) => list.split(',').map(Number);
  const local = await startLocalDsql();
  try {
    await fill(local);
    for (const latencyMs of numbers(values.latencyMs)) {
      const latency = local.faults.addLatency(latencyMs);
      const table: Record<string, Record<string, string>> = {};
      for (const workers of numbers(values.workers)) {
        const pool = new DsqlPool({ ...endpoint(local), max: workers });
        for (const rows of numbers(values.rows)) {
          const cell = { workers, rows, latencyMs };
          table[`${workers} on ${rows}`] = await runInTurns(pool, cell, Number(values.seconds));
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
