import fc from 'fast-check';
import { startLocalDsql } from 'aurora-dsql-orm/local';
import type { LocalDsql } from 'aurora-dsql-orm/local';
import { byForm } from '../form';
import { useStoppable } from '../stoppable';
import { schedule, ScheduleRunner } from './conflict-schedule';

const SCHEDULES = byForm({ short: 300, long: 1_000, soak: 3_000 });
const SEED = Number(process.env.CONFLICT_SEED ?? 20260915);

describe('concurrent transactions of the local DSQL', () => {
  let local: LocalDsql;
  let runner: ScheduleRunner;
  const stoppable = useStoppable();

  beforeAll(async () => {
    local = await startLocalDsql();
    runner = new ScheduleRunner(local);
    await runner.open();
  });
  afterAll(async () => {
    await runner.close();
    await local.stop();
  });

  it('answer and end as the documented rules say', async () => {
    await stoppable((signal) =>
      fc.assert(
        fc.asyncProperty(schedule, async (steps) => {
          signal.throwIfAborted();
          expect(await runner.firstDifference(steps)).toBeUndefined();
        }),
        { seed: SEED, numRuns: SCHEDULES },
      ),
    );
  });
});
