import 'reflect-metadata';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import type { CutFault } from 'aurora-dsql-orm/local';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { byForm } from '../form';
import { useCluster } from '../cluster';
import { empty, schemaAndHashesOf, stateOf } from './database-state';
import { typeormHistory } from './typeorm-history';

type Mode = 'none' | 'each' | 'all';

const cluster = useCluster();
/** Of the boundaries between statements, one of so many is taken; the short form takes one in each case. */
const STRIDE = byForm({ short: Number.POSITIVE_INFINITY, long: 12, soak: 1 });

beforeEach(() => empty(cluster.connection));

async function migrate(
  mode: Mode,
  patienceMs: number,
  migrations: (new () => MigrationInterface)[] = typeormHistory,
): Promise<void> {
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

/** What an undisturbed run ends with, by the mode. */
const states = new Map<Mode, unknown>();

async function undisturbed(mode: Mode): Promise<unknown> {
  if (!states.has(mode)) {
    await migrate(mode, 300_000);
    states.set(mode, await stateOf(cluster.connection));
  }
  return states.get(mode);
}

const MODES: readonly Mode[] = ['none', 'each', 'all'];
const CUTS: readonly CutFault['at'][] = ['statement', 'before commit', 'after commit'];
const all = MODES.flatMap((mode) => CUTS.map((at): [Mode, CutFault['at']] => [mode, at]));
/** What a run does that was cut, and how long it waits. */
const ENDS: readonly (readonly [string, number])[] = [
  ['the next run ends as an undisturbed one', 0],
  ['the run itself ends as an undisturbed one', 300_000],
];
/** In the short form each mode is cut, each way to cut is used in one of them, and the two ends take turns. */
const diagonal = MODES.map((mode, index): [Mode, CutFault['at']] => [mode, CUTS[index] ?? 'statement']);
const cases = byForm({ short: diagonal, long: all, soak: all });

describe.each(cases)('mode %s, cut at every %s', (mode, at) => {
  const turn = MODES.indexOf(mode) % 2;
  const ends = byForm({ short: ENDS.slice(turn, turn + 1), long: ENDS, soak: ENDS });

  it.each(ends)('%s', async (_, patienceMs) => {
    const state = await undisturbed(mode);
    const index = 2 * cases.findIndex(([m, a]) => m === mode && a === at) + (patienceMs > 0 ? 1 : 0);
    const offset = byForm({ short: index * 3, long: 0, soak: 0 });
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
      if (!hasFired || STRIDE === Number.POSITIVE_INFINITY) break;
    }
  });
});

class Phases1770000000004 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query("CREATE TYPE phase AS ENUM ('new')");
    await queryRunner.query('CREATE TABLE task (id int PRIMARY KEY, phase phase NOT NULL)');
    await queryRunner.query("ALTER TYPE phase ADD VALUE 'old'");
    await queryRunner.query('CREATE INDEX task_phase ON task (phase)');
    await queryRunner.query('DROP INDEX task_phase');
  }

  down(): Promise<void> {
    return Promise.resolve();
  }
}

/** Those of the migration, without what the journal is told between them. */
const statementsOfPhases = [
  /^CREATE TABLE task/,
  /^ALTER TABLE "public"\."task" DROP CONSTRAINT/,
  /^ALTER TABLE +"public"\."task" VALIDATE/,
  /^CREATE INDEX/,
  /^DROP INDEX/,
];

it('an enum type and the jobs of an interrupted run are known to the next one', async () => {
  await migrate('none', 300_000, [Phases1770000000004]);
  const state = () => schemaAndHashesOf(cluster.connection);
  const undisturbed = await state();
  await empty(cluster.connection);
  const { faults, trace } = cluster.local;
  const recording = trace.start();
  // The first one behind the type, and each other one before the next one of the statements.
  const behindType = { text: 'INTO "aurora_dsql_orm_migration_statement"', nth: 2 };
  for (const place of [behindType, ...statementsOfPhases.map((text) => ({ text }))]) {
    const fault = faults.cutConnection({ at: 'statement', ...place });
    const run = migrate('none', 0, [Phases1770000000004]);
    await expect(run.then(() => place)).rejects.toThrow(/outcome is unknown|terminated/);
    fault.remove();
  }
  await migrate('none', 300_000, [Phases1770000000004]);
  expect(await state()).toStrictEqual(undisturbed);
  const done = recording.stop().statements.filter(({ cut }) => cut === undefined);
  const counts = statementsOfPhases.map((text) => done.filter((each) => text.test(each.text)).length);
  expect(counts).toStrictEqual([1, 1, 1, 1, 1]);
});
