import { DsqlClient, retryOnConflict } from 'aurora-dsql-orm';
import { emptyDatabase } from 'aurora-dsql-orm/local';
import type { Workshop } from './rebuilds';

/** What an account holds, by its id, as far as the answers to a writer say. */
type Known = Map<number, string | undefined>;

/** Whether a write has surely not been done. */
const wasRefused = (error: unknown) =>
  ['55000', '42P01', '23514', '40001', '42809'].includes((error as { code?: string }).code ?? '');

/** What of a table of accounts is changed under load: the type of the balances. */
export const CHANGE = { table: 'account', change: 'ALTER balance TYPE bigint' };

/** Writes to accounts of its own until it is stopped, in transactions that stay open for a while. */
async function write(
  { cluster }: Workshop,
  writer: number,
  known: Known,
  isStopped: () => boolean,
): Promise<number> {
  const own = new DsqlClient(cluster.connection);
  await own.connect();
  let written = 0;
  try {
    for (let step = 0; !isStopped(); step++) {
      const id = 100_000 * (writer + 1) + (step % 40);
      const value = known.get(id) === undefined || step % 3 > 0 ? String(step) : undefined;
      const sql =
        value === undefined
          ? `DELETE FROM account WHERE id = ${String(id)}`
          : `INSERT INTO account (id, balance) VALUES (${String(id)}, '${value}') ON CONFLICT (id) DO UPDATE SET balance = excluded.balance`;
      try {
        await own.query('BEGIN');
        await own.query(sql);
        await new Promise((resolve) => setTimeout(resolve, step % 7));
        await own.query('COMMIT');
        known.set(id, value);
        written++;
      } catch (error) {
        await own.query('ROLLBACK').catch(() => undefined);
        if (!wasRefused(error)) throw error;
      }
    }
  } finally {
    await own.end();
  }
  return written;
}

/** Counts the old accounts until it is stopped; returns the counts, and what the reads were refused with. */
async function read({ rows }: Workshop, count: number, isStopped: () => boolean) {
  const counts = new Set<number>();
  const refusals = new Set<string>();
  while (!isStopped()) {
    const [row] = await retryOnConflict(() =>
      rows(`SELECT count(*)::int AS count FROM account WHERE id < ${count}`),
    ).catch((error: unknown) => {
      refusals.add(String((error as { code?: string }).code));
      return [];
    });
    if (row !== undefined) counts.add(Number(row.count));
  }
  return { counts: [...counts], refusals: [...refusals] };
}

/**
 * Makes a table of accounts, and does something to it while writers and readers are at work.
 *
 * @param count - how many accounts there are that nobody writes to
 * @returns what the readers have seen, what there is in the end, and what there should be
 */
export async function underLoad(workshop: Workshop, count: number, work: () => Promise<void>) {
  const { client, rows, run } = workshop;
  await emptyDatabase(client());
  await run("CREATE TABLE account (id int PRIMARY KEY, balance text NOT NULL DEFAULT '0')");
  for (let from = 0; from < count; from += 3000) {
    await rows(
      `INSERT INTO account SELECT g, g::text FROM generate_series(${String(from)}, ${String(from + 2999)}) g`,
    );
  }
  let isOver = false;
  const known: Known = new Map();
  const isStopped = () => isOver;
  const writers = [0, 1, 2].map((writer) => write(workshop, writer, known, isStopped));
  const reader = read(workshop, count, isStopped);
  try {
    await work();
    // There are writes to the new table, too.
    await new Promise((resolve) => setTimeout(resolve, 200));
  } finally {
    isOver = true;
  }
  const written = await Promise.all(writers);
  const found = await rows(
    `SELECT id, balance::text AS balance FROM account WHERE id >= ${count} ORDER BY id`,
  );
  const expected = [...known]
    .flatMap(([id, balance]) => (balance === undefined ? [] : [{ id, balance }]))
    .sort((one, other) => one.id - other.id);
  const [{ same } = {}] = await rows(
    `SELECT count(*)::int AS same FROM account WHERE id < ${count} AND balance = id`,
  );
  return { ...(await reader), written, found, expected, same };
}
