import { startLocalDsql } from 'aurora-dsql-orm/local';
import type { LocalDsql } from 'aurora-dsql-orm/local';
import type { Client } from 'pg';
import { byForm } from '../form';
import { useStoppable } from '../stoppable';
import { connect, withClient } from './local-client';

/** How long to go on. */
const SECONDS = byForm({ short: 4, long: 20, soak: 60 });
const WORKERS = 16;
const ACCOUNTS = 40;
const OPENING_BALANCE = 1000;

/** What became of the entries whose ids clients were told. */
interface Outcomes {
  readonly committed: string[];
  readonly failed: string[];
  /** The connection was lost, or the server unavailable, when the answer to COMMIT was due. */
  readonly unknown: string[];
  counted: number;
  /** Statements of which it is not known whether they were done. */
  uncounted: number;
  conflicts: number;
  readonly surprises: string[];
}

describe('many workers on the local DSQL', () => {
  let local: LocalDsql;
  const stoppable = useStoppable();

  beforeAll(async () => {
    local = await startLocalDsql();
    const client = await connect(local);
    await client.query(
      'CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL, counter int NOT NULL)',
    );
    await client.query(
      `CREATE TABLE entry (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), worker int NOT NULL,
         source int NOT NULL REFERENCES account, target int NOT NULL REFERENCES account, amount int NOT NULL)`,
    );
    await client.query(
      `INSERT INTO account SELECT i, ${OPENING_BALANCE}, 0 FROM generate_series(1, ${ACCOUNTS}) AS i`,
    );
    await client.end();
  });
  afterAll(() => local.stop());

  it.each(['without', 'with'] as const)('lose and invent nothing %s faults', async (faults) => {
    if (faults === 'with') {
      local.faults.failCommit({ error: 'OC000', share: 0.02, seed: 1 });
      local.faults.failCommit({ error: 'OC001', share: 0.02, seed: 2 });
      local.faults.failCommit({ error: 'XX000', share: 0.02, seed: 3 });
      local.faults.failCommit({ error: 'XX000', committed: true, share: 0.02, seed: 4 });
      local.faults.failStatement({ error: 'OC000', share: 0.005, seed: 5 });
      local.faults.cutConnection({ at: 'statement', share: 0.002, seed: 6 });
      local.faults.cutConnection({ at: 'before commit', share: 0.005, seed: 7 });
      local.faults.cutConnection({ at: 'after commit', share: 0.005, seed: 8 });
    }
    const countedBefore = await counters();
    const outcomes: Outcomes = {
      committed: [],
      failed: [],
      unknown: [],
      counted: 0,
      uncounted: 0,
      conflicts: 0,
      surprises: [],
    };
    const end = Date.now() + (SECONDS * 1000) / 2;
    await stoppable((signal) => {
      const goesOn = () => Date.now() < end && !signal.aborted;
      return Promise.all(Array.from({ length: WORKERS }, (_, worker) => work(worker, goesOn, outcomes)));
    });
    local.faults.clear();
    const counted = (await counters()) - countedBefore;
    expect(counted).toBeGreaterThanOrEqual(outcomes.counted);
    expect(counted).toBeLessThanOrEqual(outcomes.counted + outcomes.uncounted);
    await expectConsistent(outcomes);
  });

  const counters = () =>
    withClient(local, async (client) => {
      const { rows } = await client.query<{ sum: string }>('SELECT sum(counter) FROM account');
      return Number(rows[0]?.sum);
    });

  async function open(): Promise<{ client: Client; isGone: () => boolean }> {
    const client = await connect(local);
    let gone = false;
    client.once('end', () => {
      gone = true;
    });
    return { client, isGone: () => gone };
  }

  async function work(worker: number, goesOn: () => boolean, outcomes: Outcomes): Promise<void> {
    let { client, isGone } = await open();
    const pick = randomNumbers(worker + 1);
    try {
      while (goesOn()) {
        if (isGone()) ({ client, isGone } = await open());
        if (pick(4) === 0) await count(client, pick, outcomes);
        else await transfer(client, worker, pick, outcomes);
      }
    } finally {
      await client.end();
    }
  }

  async function transfer(client: Client, worker: number, pick: Pick, outcomes: Outcomes): Promise<void> {
    const source = 1 + pick(ACCOUNTS);
    const target = 1 + ((source + pick(ACCOUNTS - 1)) % ACCOUNTS);
    const amount = 1 + pick(10);
    let id: string | undefined;
    let isCommitting = false;
    try {
      await client.query('BEGIN');
      if (pick(2) === 0) {
        const { rows } = await client.query<Balance>('SELECT * FROM account WHERE id = ANY ($1) FOR UPDATE', [
          [source, target],
        ]);
        for (const row of rows) {
          await client.query('UPDATE account SET balance = $2 WHERE id = $1', [
            row.id,
            row.balance + (row.id === source ? -amount : amount),
          ]);
        }
      } else {
        await client.query(`UPDATE account SET balance = balance - ${amount} WHERE id = ${source}`);
        await client.query('UPDATE account SET balance = balance + $2 WHERE id = $1', [target, amount]);
      }
      const { rows } = await client.query<{ id: string }>(
        'INSERT INTO entry (worker, source, target, amount) VALUES ($1, $2, $3, $4) RETURNING id',
        [worker, source, target, amount],
      );
      id = rows[0]?.id;
      const seen = await client.query('SELECT FROM entry WHERE id = $1', [id]);
      if (seen.rowCount !== 1) outcomes.surprises.push('a transaction does not see what it wrote');
      isCommitting = true;
      await client.query('COMMIT');
      if (id !== undefined) outcomes.committed.push(id);
    } catch (error) {
      const isKnown = note(error, outcomes);
      if (id !== undefined) (isCommitting && !isKnown ? outcomes.unknown : outcomes.failed).push(id);
      await client.query('ROLLBACK').catch(() => undefined);
    }
  }

  async function count(client: Client, pick: Pick, outcomes: Outcomes): Promise<void> {
    try {
      await client.query(`UPDATE account SET counter = counter + 1 WHERE id = ${1 + pick(ACCOUNTS)}`);
      outcomes.counted++;
    } catch (error) {
      if (!note(error, outcomes)) outcomes.uncounted++;
    }
  }

  /** Whether an error says that nothing was committed. */
  function note(error: unknown, outcomes: Outcomes): boolean {
    const { code, message } = error as { code?: string; message: string };
    if (code === '40001') {
      outcomes.conflicts++;
      return true;
    }
    if (code !== 'XX000' && !/connection|ended|closed/i.test(message))
      outcomes.surprises.push(`${code} ${message}`);
    return false;
  }

  async function expectConsistent(outcomes: Outcomes): Promise<void> {
    await withClient(local, async (client) => {
      const { rows: sums } = await client.query<{ balance: string }>(
        'SELECT sum(balance) AS balance FROM account',
      );
      const { rows: wrong } = await client.query(
        `SELECT id FROM account a
          WHERE balance <> ${OPENING_BALANCE}
            + (SELECT coalesce(sum(amount), 0) FROM entry WHERE target = a.id)
            - (SELECT coalesce(sum(amount), 0) FROM entry WHERE source = a.id)`,
      );
      const { rows: entries } = await client.query<{ id: string }>('SELECT id FROM entry');
      const present = new Set(entries.map(({ id }) => id));
      expect(outcomes.surprises).toEqual([]);
      expect(Number(sums[0]?.balance)).toBe(ACCOUNTS * OPENING_BALANCE);
      expect(wrong).toEqual([]);
      expect(outcomes.committed.filter((id) => !present.has(id))).toEqual([]);
      expect(outcomes.failed.filter((id) => present.has(id))).toEqual([]);
      expect(outcomes.committed.length).toBeGreaterThan(0);
      expect(outcomes.conflicts).toBeGreaterThan(0);
    });
  }
});

interface Balance {
  readonly id: number;
  readonly balance: number;
}

/** A number from 0 to `below`, exclusive. */
type Pick = (below: number) => number;

function randomNumbers(seed: number): Pick {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
