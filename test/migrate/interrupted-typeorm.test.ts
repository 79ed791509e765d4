import 'reflect-metadata';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import type { CutFault } from 'aurora-dsql-orm/local';
import { byForm } from '../form';
import { useCluster } from '../cluster';
import { empty, stateOf } from './database-state';
import { typeormHistory } from './typeorm-history';

type Mode = 'none' | 'each' | 'all';

const cluster = useCluster();
/** Of the boundaries between statements, the short form takes one of so many. */
const STRIDE = byForm({ short: 48, long: 1, soak: 1 });

beforeEach(() => empty(cluster.connection));

async function migrate(mode: Mode, patienceMs: number, migrations = typeormHistory): Promise<void> {
  const { dsql, ...orm } = cluster.orm;
  const dataSource = createDsqlDataSource({
    ...orm,
    migrations,
    migrationsTransactionMode: mode,
    logger: 'debug',
    dsql: { ...dsql, migrations: { patienceMs } },
  });
  await dataSource.initialize();
  try {
    await dataSource.runMigrations();
  } finally {
    await dataSource.destroy();
  }
}

/** How often an undisturbed run meets what is counted. */
async function undisturbed(mode: Mode) {
  const trace = cluster.local.trace.start();
  await migrate(mode, 300_000);
  const { statements } = trace.stop();
  return { state: await stateOf(cluster.connection), statements: statements.length };
}

const MODES: readonly Mode[] = ['none', 'each', 'all'];
const CUTS: readonly CutFault['at'][] = ['statement', 'before commit', 'after commit'];
const cases = MODES.flatMap((mode) => CUTS.map((at): [Mode, CutFault['at']] => [mode, at]));

describe.each(cases)('mode %s, cut at every %s', (mode, at) => {
  it.each([
    ['the next run ends as an undisturbed one', 0],
    ['the run itself ends as an undisturbed one', 300_000],
  ])('%s', async (_, patienceMs) => {
    const { state } = await undisturbed(mode);
    const offset = byForm({
      short: (cases.findIndex(([m, a]) => m === mode && a === at) + (patienceMs > 0 ? 3 : 0)) % STRIDE,
      long: 0,
      soak: 0,
    });
    for (let nth = 1 + offset; ; nth += STRIDE) {
      await empty(cluster.connection);
      const fault = cluster.local.faults.cutConnection({ at, nth });
      const error: unknown = await migrate(mode, patienceMs).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      const hasFired = fault.fired > 0;
      fault.remove();
      expect([nth, patienceMs > 0 ? error : undefined]).toStrictEqual([nth, undefined]);
      if (patienceMs === 0) await migrate(mode, 300_000);
      expect([nth, await stateOf(cluster.connection)]).toStrictEqual([nth, state]);
      if (!hasFired) break;
    }
  });
});
