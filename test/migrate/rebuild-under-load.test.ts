import { once } from 'node:events';
import { byForm, form } from '../form';
import { CHANGE, underLoad } from './accounts-under-load';
import { MigratingProcess } from './processes';
import { useWorkshop } from './rebuilds';

const workshop = useWorkshop();

/** The old rows. */
const ROWS = byForm({ short: 6000, long: 51_000, soak: 51_000 });
/** How many of them a batch copies at most. */
const BATCH_ROWS = 2999;

/** Runs the rebuild in processes of which each is killed at the first batch that it commits, or right before the second. */
async function rebuildInKilledProcesses(): Promise<number> {
  const { local } = workshop.cluster;
  for (let killed = 0; ; killed++) {
    const rebuilding = await MigratingProcess.run('rebuilding-process.ts', local);
    const { child } = rebuilding;
    const isDone = killed % 2 === 0;
    const fault = local.faults.cutConnection({
      at: isDone ? 'after commit' : 'before commit',
      table: 'account__new',
      nth: isDone ? 1 : 2,
      onCut: () => child.kill('SIGKILL'),
    });
    const [status] = (await once(child, 'close')) as [number | null];
    fault.remove();
    if (fault.fired > 0) continue;
    expect([status, await rebuilding.end()]).toStrictEqual([0, '']);
    return killed;
  }
}

const ways: readonly (readonly [string, () => Promise<void>])[] = [
  ['at once', () => workshop.rebuild('TypeORM', CHANGE)],
  [
    'by processes that are killed at every batch',
    async () => {
      expect(await rebuildInKilledProcesses()).toBeGreaterThan(ROWS / BATCH_ROWS);
    },
  ],
];

describe.each(form === 'short' ? ways.slice(0, 1) : ways)('rebuilt %s', (_, rebuild) => {
  it('with writers and readers at work no row is lost, none is doubled, and none is old', async () => {
    const { written, counts, refusals, found, expected, same } = await underLoad(workshop, ROWS, rebuild);
    expect(Math.min(...written)).toBeGreaterThan(0);
    expect(counts).toStrictEqual([ROWS]);
    expect(refusals.filter((code) => code !== '42P01')).toStrictEqual([]);
    expect(found).toStrictEqual(expected);
    expect(same).toBe(ROWS);
  });
});
