import { DsqlClient, retryOnConflict } from 'aurora-dsql-orm';
import { emptyDatabase } from 'aurora-dsql-orm/local';
import { byForm } from '../form';
import { useWorkshop } from './rebuilds';

const { client, cluster, rebuild, rows, run } = useWorkshop();

/** What an account holds, by its id, as far as the answers to a writer say. */
type Known = Map<number, string | undefined>;

/** Whether a write has surely not been done. */
const wasRefused = (error: unknown) =>
  ['55000', '42P01', '23514', '40001', '42809'].includes((error as { code?: string }).code ?? '');

/** Writes to accounts of its own until it is stopped, in transactions that stay open for a while. */
async function write(writer: number, known: Known, isStopped: () => boolean): Promise<number> {
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

/** The old rows. */
const ROWS = byForm({ short: 6000, long: 51_000, soak: 51_000 });

it('with writers and readers at work no row is lost, none is doubled, and none is old', async () => {
  await emptyDatabase(client());
  await run("CREATE TABLE account (id int PRIMARY KEY, balance text NOT NULL DEFAULT '0')");
  for (let from = 0; from < ROWS; from += 3000) {
    await rows(
      `INSERT INTO account SELECT g, g::text FROM generate_series(${String(from)}, ${String(from + 2999)}) g`,
    );
  }
  const work = { isOver: false };
  const known: Known = new Map();
  const writers = [0, 1, 2].map((writer) => write(writer, known, () => work.isOver));
  const reads: number[] = [];
  const refusals: string[] = [];
  const reader = (async () => {
    while (!work.isOver) {
      const [row] = await retryOnConflict(() =>
        rows(`SELECT count(*)::int AS count FROM account WHERE id < ${ROWS}`),
      ).catch((error: unknown) => {
        refusals.push(String((error as { code?: string }).code));
        return [];
      });
      if (row !== undefined) reads.push(Number(row.count));
    }
  })();

  await rebuild('TypeORM', { table: 'account', change: 'ALTER balance TYPE bigint' });
  await new Promise((resolve) => setTimeout(resolve, 200));
  work.isOver = true;
  const written = await Promise.all(writers);
  await reader;

  expect(Math.min(...written)).toBeGreaterThan(0);
  expect(new Set(reads)).toStrictEqual(new Set([ROWS]));
  expect(refusals.filter((code) => code !== '42P01')).toStrictEqual([]);
  const found = await rows(
    `SELECT id, balance::text AS balance FROM account WHERE id >= ${ROWS} ORDER BY id`,
  );
  const expected = [...known]
    .flatMap(([id, balance]) => (balance === undefined ? [] : [{ id, balance }]))
    .sort((one, other) => one.id - other.id);
  expect(found).toStrictEqual(expected);
  expect(
    await rows(`SELECT count(*)::int AS same FROM account WHERE id < ${ROWS} AND balance = id`),
  ).toStrictEqual([{ same: ROWS }]);
});
