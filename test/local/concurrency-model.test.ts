import fc from 'fast-check';
import { startLocalDsql } from 'aurora-dsql-orm/local';
import type { LocalDsql } from 'aurora-dsql-orm/local';
import { schedule, ScheduleRunner } from './conflict-schedule';

const SCHEDULES = Number(process.env.CONFLICT_SCHEDULES ?? 400);
const SEED = Number(process.env.CONFLICT_SEED ?? 20260915);

describe('concurrent transactions of the local DSQL', () => {
  let local: LocalDsql;
  let runner: ScheduleRunner;

  beforeAll(async () => {
    local = await startLocalDsql();
    runner = new ScheduleRunner(local);
    await runner.open();
  });
  afterAll(async () => {
    await runner.close();
    await local.stop();
  });

  it(
    'answer and end as the documented rules say',
    async () => {
      await fc.assert(
        fc.asyncProperty(schedule, async (steps) => {
          expect(await runner.firstDifference(steps)).toBeUndefined();
        }),
        { seed: SEED, numRuns: SCHEDULES },
      );
    },
    60_000 + SCHEDULES * 500,
  );
});
