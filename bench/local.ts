import { parseArgs } from 'node:util';
import { Client, type ClientConfig } from 'pg';
import { startLocalDsql } from '../src/local';
import { measuredOf, quantile, report, rowOf, type Measured, type Row } from './result';
import { login, withServer, type Direct, type Server } from './server';

/**
 * What the local DSQL costs: the same statements through it, over TLS, and on its own PostgreSQL directly, over a Unix
 * socket, by turns in the same run. Of many short rounds the quietest one counts for each side, so that other work on the
 * machine does little harm, and the middle half is kept with it.
 *
 * Usage: npm run bench -- local [--seconds 0.25] [--rounds 15] [--boots 5]
 */

interface Measurement {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
}

type Work = (client: Client) => Promise<unknown>;

const WORKS: Readonly<Record<string, Work>> = {
  'SELECT 1': (client) => client.query('SELECT 1'),
  'SELECT by key, parameters': (client) => client.query('SELECT v FROM bench WHERE id = $1', [row()]),
  'SELECT by key, named': (client) =>
    client.query({ name: 'by key', text: 'SELECT v FROM bench WHERE id = $1', values: [row()] }),
  'UPDATE by key': (client) => client.query('UPDATE bench SET v = v + 1 WHERE id = $1', [row()]),
  'BEGIN, UPDATE, SELECT, COMMIT': async (client) => {
    const id = row();
    await client.query('BEGIN');
    await client.query('UPDATE bench SET v = v + 1 WHERE id = $1', [id]);
    await client.query('SELECT v FROM bench WHERE id = $1', [id]);
    await client.query('COMMIT');
  },
};
/** So many that two clients seldom meet at one. */
const ROWS = 3000;

function row(): number {
  return Math.floor(Math.random() * ROWS);
}

async function connect(config: ClientConfig): Promise<Client> {
  const client = new Client(config);
  await client.connect();
  return client;
}

async function measure(clients: readonly Client[], work: Work, seconds: number): Promise<Measurement> {
  const latencies: number[] = [];
  const started = performance.now();
  const end = started + seconds * 1000;
  await Promise.all(
    clients.map(async (client) => {
      for (let begun = performance.now(); begun < end;) {
        // A conflict is an answer, too; another row comes next.
        await work(client).catch(() => client.query('ROLLBACK'));
        const done = performance.now();
        latencies.push(done - begun);
        begun = done;
      }
    }),
  );
  const elapsed = performance.now() - started;
  return {
    perSecond: latencies.length / (elapsed / 1000),
    p50Ms: quantile(latencies, 0.5),
    p95Ms: quantile(latencies, 0.95),
  };
}

/** What all rounds have measured. */
type OfRounds = Readonly<Record<keyof Measurement, Measured>>;

function ofRounds(rounds: readonly Measurement[]): OfRounds {
  const of = (what: keyof Measurement, better: 'less' | 'more') =>
    measuredOf(
      rounds.map((round) => round[what]),
      better,
    );
  return { perSecond: of('perSecond', 'more'), p50Ms: of('p50Ms', 'less'), p95Ms: of('p95Ms', 'less') };
}

const CONNECTIONS = [1, 16];

async function benchStatements(
  server: Server,
  direct: Direct,
  seconds: number,
  rounds: number,
): Promise<void> {
  const through = await login(server);
  const setUp = await connect(through);
  await setUp.query('CREATE TABLE bench (id int PRIMARY KEY, v int NOT NULL)');
  await setUp.query(`INSERT INTO bench SELECT n, 0 FROM generate_series(0, ${ROWS - 1}) n`);
  await setUp.end();
  for (const count of CONNECTIONS) {
    const open = (config: ClientConfig) => Promise.all(Array.from({ length: count }, () => connect(config)));
    const sides = [await open(direct), await open(through)];
    const best: Record<string, readonly OfRounds[]> = {};
    for (const [name, work] of Object.entries(WORKS)) {
      for (const clients of sides) await measure(clients, work, seconds);
      const measured: Measurement[][] = sides.map(() => []);
      for (let round = 0; round < rounds; round++) {
        for (const [side, clients] of sides.entries()) {
          measured[side]?.push(await measure(clients, work, seconds));
        }
      }
      best[name] = measured.map(ofRounds);
    }
    await Promise.all(sides.flat().map((client) => client.end()));
    reportStatements(count, best);
  }
}

function reportStatements(connections: number, best: Readonly<Record<string, readonly OfRounds[]>>): void {
  const rowsOf = (what: keyof Measurement): Row[] =>
    Object.entries(best).map(([name, sides]) =>
      rowOf(
        name,
        sides.map((side) => side[what]),
      ),
    );
  const title = `The local DSQL and its PostgreSQL, connections: ${connections}`;
  const series = ['PostgreSQL alone', 'local DSQL'];
  const shared = { series, comparedWith: 'PostgreSQL alone', isPlotted: false } as const;
  const id = `local-${connections}`;
  report({
    ...shared,
    name: `${id}-rate`,
    title,
    unit: 'statements or transactions/s',
    better: 'more',
    rows: rowsOf('perSecond'),
  });
  for (const quantileName of ['p50', 'p95'] as const) {
    report({
      ...shared,
      name: `${id}-${quantileName}`,
      title: `${title}, ${quantileName}`,
      unit: 'ms',
      better: 'less',
      rows: rowsOf(`${quantileName}Ms`),
    });
  }
}

async function benchBoot(boots: number): Promise<void> {
  const rows: Row[] = [];
  for (let boot = 1; boot <= boots; boot++) {
    const begun = performance.now();
    const local = await startLocalDsql();
    const started = performance.now();
    const client = await connect(await login(local));
    await client.query('SELECT 1');
    const answered = performance.now();
    await client.end();
    const stopping = performance.now();
    await local.stop();
    const values = [started - begun, answered - begun, performance.now() - stopping];
    rows.push({ name: `boot ${boot}`, values });
  }
  report({
    name: 'local-boot',
    title: 'Starting and stopping the local DSQL',
    unit: 'ms',
    better: 'less',
    series: ['until it is started', 'until the first answer', 'to stop it'],
    rows,
    isPlotted: false,
  });
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '0.25' },
    rounds: { type: 'string', default: '15' },
    boots: { type: 'string', default: '5' },
  },
});

withServer(__filename, async (server, _addLatency, direct) => {
  await benchBoot(Number(values.boots));
  await benchStatements(server, direct, Number(values.seconds), Number(values.rounds));
});
