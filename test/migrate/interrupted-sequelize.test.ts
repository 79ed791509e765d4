import type { CutFault } from 'aurora-dsql-orm/local';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { createMigrator } from 'aurora-dsql-orm/sequelize/umzug';
import { byForm } from '../form';
import { useCluster } from '../cluster';
import { empty, stateOf, withClient } from './database-state';
import { haltingMigration } from './migrating-process';
import { MigratingProcess } from './processes';
import { sequelizeHistory } from './sequelize-history';

const cluster = useCluster();
/** Of the boundaries between statements, one of so many is taken; the short form takes one in each case. */
const STRIDE = byForm({ short: Number.POSITIVE_INFINITY, long: 6, soak: 1 });
const PODS = byForm({ short: 4, long: 8, soak: 8 });
const CUTS: readonly CutFault['at'][] = ['statement', 'before commit', 'after commit'];
/** What a run does that was cut, and how long it waits; in the short form the two take turns. */
const ENDS: readonly (readonly [string, number])[] = [
  ['the next run ends as an undisturbed one', 0],
  ['the run itself ends as an undisturbed one', 300_000],
];

beforeEach(() => empty(cluster.connection));

/** A pod that starts: it migrates, and says which migrations it has run. */
async function pod(
  patienceMs = 300_000,
  way: 'up' | 'down' = 'up',
  migrations = sequelizeHistory,
): Promise<string[]> {
  const { dsql, ...orm } = cluster.orm;
  const sequelize = createDsqlSequelize({
    ...orm,
    logging: false,
    dsql: { ...dsql, migrations: { patienceMs } },
  });
  try {
    const migrator = createMigrator(sequelize, { migrations, logger: undefined });
    const ran = way === 'up' ? await migrator.up() : await migrator.down({ to: 0 });
    return ran.map(({ name }) => name);
  } finally {
    await sequelize.close();
  }
}

const NAMES = sequelizeHistory.map(({ name }) => name);

it('migrations are run, undone from the last, and run again', async () => {
  expect(await pod()).toStrictEqual(NAMES);
  const state = await stateOf(cluster.connection);
  expect(state).toMatchObject({ joined: [{ boxes: 3 }] });
  expect(await pod()).toStrictEqual([]);
  expect(await pod(300_000, 'down')).toStrictEqual([...NAMES].reverse());
  expect(await pod()).toStrictEqual(NAMES);
  expect(await stateOf(cluster.connection)).toStrictEqual(state);
});

const recorded = () =>
  withClient(cluster.connection, async (client) => {
    const { rows } = await client.query<{ name: string }>('SELECT name FROM "SequelizeMeta" ORDER BY 1');
    return rows.map(({ name }) => name);
  });

it(`of ${PODS} pods that start together, each migration is run and recorded by one`, async () => {
  const ran = await Promise.all(Array.from({ length: PODS }, () => pod()));
  expect(ran.flat()).toStrictEqual(NAMES);
  expect(await recorded()).toStrictEqual(NAMES);
  expect(await stateOf(cluster.connection)).toMatchObject({ joined: [{ boxes: 3 }] });
});

it('a process that is frozen past its lease sends nothing more', async () => {
  const frozen = await MigratingProcess.start(cluster.local, 'halting-umzug', '1000');
  await frozen.says('half-way');
  frozen.child.kill('SIGSTOP');
  expect(await pod(300_000, 'up', [haltingMigration])).toStrictEqual(['halting']);
  const trace = cluster.local.trace.start();
  frozen.child.stdin?.write('go on\n');
  frozen.child.kill('SIGCONT');
  expect(await frozen.end()).toMatch(/failed .*LeaseLostError/);
  const sent = trace.stop().statements.filter(({ text }) => !text.includes('migration_lease'));
  expect(sent.filter(({ kind }) => kind !== 'rollback')).toStrictEqual([]);
  expect(await recorded()).toStrictEqual(['halting']);
});

describe.each(CUTS)('cut at every %s', (at) => {
  const turn = (CUTS.indexOf(at) + 1) % 2;
  const ends = byForm({ short: ENDS.slice(turn, turn + 1), long: ENDS, soak: ENDS });

  it.each(ends)('%s', async (_, patienceMs) => {
    await pod();
    const state = await stateOf(cluster.connection);
    const offset = (CUTS.indexOf(at) * 7 + (patienceMs > 0 ? 3 : 0)) % STRIDE;
    for (let nth = 1 + offset; ; nth += STRIDE) {
      await empty(cluster.connection);
      const fault = cluster.local.faults.cutConnection({ at, nth });
      const error: unknown = await pod(patienceMs).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      const hasFired = fault.fired > 0;
      fault.remove();
      expect([nth, patienceMs > 0 ? error : undefined]).toStrictEqual([nth, undefined]);
      if (patienceMs === 0) await pod();
      expect([nth, await stateOf(cluster.connection)]).toStrictEqual([nth, state]);
      if (!hasFired || STRIDE === Number.POSITIVE_INFINITY) break;
    }
  });
});
