import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { CutFault, TraceRecording } from 'aurora-dsql-orm/local';
import { useCluster } from '../cluster';
import { byForm } from '../form';
import { contentsOf, empty, schemaOf } from './database-state';
import { MigratingProcess } from './processes';
import { sampleOf, type Orm, type Sample } from './sample';

const cluster = useCluster();

/** The process is killed, and the next one continues; or its connection is cut, and it continues itself. */
type Interruption = 'killed' | 'cut off';
type Case = readonly [orm: Orm, interruption: Interruption, at: CutFault['at']];

const CUTS: readonly CutFault['at'][] = ['statement', 'before commit', 'after commit'];
const all = (['TypeORM', 'Sequelize'] as const).flatMap((orm) =>
  (['killed', 'cut off'] as const).flatMap((how) => CUTS.map((at): Case => [orm, how, at])),
);
const some: readonly Case[] = [
  ['TypeORM', 'cut off', 'before commit'],
  ['Sequelize', 'killed', 'after commit'],
];
/**
 * How many of the migrations are interrupted, and each way to do it takes one of how many boundaries: in the long form the six
 * ways of an ORM share them all.
 */
const [MIGRATIONS, STRIDE] = byForm({ short: [5, 40], long: [13, 6], soak: [13, 1] });

const state = async () => [await schemaOf(cluster.connection), await contentsOf(cluster.connection)];

/** Begins at the first boundary that is another one than those of the migration before. */
function firstOf({ statements }: TraceRecording, migration: number): number {
  if (migration === 1) return 1;
  return statements.findIndex(({ text }) => text.includes('INSERT INTO "aurora_dsql_orm_migration" '));
}

/** What does the same when it is sent again, or is repeated until it touches no row: the next process may send it. */
const MAY_BE_REPEATED = [
  /SET DEFAULT|DROP CONSTRAINT IF EXISTS|^COMMENT ON|^CREATE OR REPLACE/,
  /^UPDATE .* LIMIT 3000\)$|^WITH batch AS/,
];

/** What was changed for good, other than the lease and the journal, with the values left out. */
function changesIn({ roundTrips }: TraceRecording): string[] {
  const changes: string[] = [];
  const open = new Map<number, string[]>();
  for (const { connection, statements } of roundTrips) {
    for (const { text, kind, sqlstate, cut = 'after commit' } of statements) {
      const isDone = sqlstate === undefined && cut === 'after commit';
      if (kind === 'begin') open.set(connection.id, []);
      else if (kind === 'commit' || kind === 'rollback') {
        if (isDone && kind === 'commit') changes.push(...(open.get(connection.id) ?? []));
        open.delete(connection.id);
      } else if (isDone && isChange(text, kind)) {
        (open.get(connection.id) ?? changes).push(text.replace(' IF NOT EXISTS', '').replaceAll(/\d+/g, '0'));
      }
    }
  }
  return changes.sort();
}

function isChange(text: string, kind: string): boolean {
  return (
    /^(?:ddl|write)$/.test(kind) &&
    !text.includes('aurora_dsql_orm') &&
    !MAY_BE_REPEATED.some((each) => each.test(text))
  );
}

/** Runs the sample in a process of its own, and says when it has ended: it may be killed. */
async function runInProcess(orm: Orm, upTo: number, started: (child: ChildProcess) => void): Promise<void> {
  const { child } = await MigratingProcess.run('sample.ts', cluster.local, orm, String(upTo));
  const ended = once(child, 'close');
  started(child);
  await ended;
}

/** Brings back what was there before a migration. */
async function undo(sample: Sample, migration: number, before: unknown): Promise<void> {
  await sample.down({ upTo: migration, steal: true });
  if (JSON.stringify(await state()) === JSON.stringify(before)) return;
  await empty(cluster.connection);
  if (migration > 1) await sample.up({ upTo: migration - 1 });
}

describe.each(byForm({ short: some, long: all, soak: all }))('with %s, %s at every %s', (orm, how, at) => {
  it('each migration ends as an undisturbed one, and does nothing twice', async () => {
    const sample = sampleOf(orm, cluster.orm);
    const { local } = cluster;
    await empty(cluster.connection);
    let boundaries = all.findIndex((each) => each.join() === [orm, how, at].join());
    for (let upTo = 1; upTo <= MIGRATIONS; upTo++) {
      const before = await state();
      const undisturbed = local.trace.start();
      await sample.up({ upTo, steal: true });
      const { length } = undisturbed.stop().statements;
      const after = await state();
      for (let nth = firstOf(undisturbed, upTo); nth <= length; nth++) {
        if (boundaries++ % STRIDE !== 0) continue;
        await undo(sample, upTo, before);
        let child: ChildProcess | undefined;
        const fault = local.faults.cutConnection({ at, nth, onCut: () => child?.kill('SIGKILL') });
        const trace = local.trace.start();
        if (how === 'killed') await runInProcess(orm, upTo, (started) => (child = started));
        // Nothing may be left to do but to give back the lease: that would be waited for otherwise.
        await sample.up({ upTo, steal: how === 'killed' });
        const hasFired = fault.fired > 0;
        fault.remove();
        expect([upTo, nth, await state(), changesIn(trace.stop())]).toStrictEqual([
          ...[upTo, nth, after, changesIn(undisturbed)],
        ]);
        if (!hasFired) break;
      }
    }
  });
});
