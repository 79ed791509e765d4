import 'reflect-metadata';
import { useCluster } from '../cluster';
import { empty, schemaOf } from './database-state';
import { MigratingProcess } from './processes';

const PODS = 3;
const cluster = useCluster();
let pods: readonly MigratingProcess[] = [];
let rounds = 0;

beforeAll(async () => {
  const start = () => MigratingProcess.run('synchronizing-process.ts', cluster.local);
  pods = await Promise.all(Array.from({ length: PODS }, start));
  await Promise.all(pods.map((pod) => pod.says('ready')));
});
afterAll(() => {
  for (const { child } of pods) child.kill();
});
beforeEach(() => empty(cluster.connection));

/** Lets some pods start at the same time, and returns what each of them has said in the end. */
async function start(orm: string, count = PODS): Promise<string[]> {
  const round = `round${++rounds}`;
  const started = pods.slice(0, count);
  for (const { child } of started) child.stdin?.write(`${round} ${orm}\n`);
  return Promise.all(
    started.map(async (pod) => (await pod.says(new RegExp(`^${round} (.*)\n`, 'm')))[1] ?? ''),
  );
}

const DONE = Array<string>(PODS).fill('done');

describe.each(['typeorm', 'sequelize'])(
  '%s: three processes that start together on an empty database',
  (orm) => {
    it('all make the schema what the models say, also where conflicts come between, and send nothing the next time', async () => {
      expect(await start(orm, 1)).toStrictEqual(['done']);
      const alone = await schemaOf(cluster.connection);
      await empty(cluster.connection);
      expect(await start(orm)).toStrictEqual(DONE);
      expect(await schemaOf(cluster.connection)).toStrictEqual(alone);

      await empty(cluster.connection);
      const faults = (['OC000', 'OC001'] as const).map((error) =>
        cluster.local.faults.failCommit({ error, share: 0.15, seed: 7 }),
      );
      expect(await start(orm)).toStrictEqual(DONE);
      expect(faults.map(({ fired }) => fired > 0)).toStrictEqual([true, true]);
      cluster.local.faults.clear();
      expect(await schemaOf(cluster.connection)).toStrictEqual(alone);

      const trace = cluster.local.trace.start();
      expect(await start(orm)).toStrictEqual(DONE);
      const sent = trace.stop().statements.filter(({ text }) => !text.startsWith('SELECT'));
      expect(sent.map(({ text }) => text)).toStrictEqual([]);
    });
  },
);
