import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import type { SocketConnectOpts } from 'node:net';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Client } from 'pg';
import type { ClientConfig } from 'pg';
import { startLocalDsql } from '../src/local';
import type { LocalDsqlEnvironment } from '../src/local';

/**
 * What the local DSQL costs: the same statements through it, over TLS, and on its own PostgreSQL directly, over a Unix
 * socket, by turns in the same run. The server is another process than the client, as it is for most users. Of many
 * short rounds the quietest one counts for each side, so that other work on the machine does little harm.
 *
 * Usage: npm run bench:local -- [--seconds 0.25] [--rounds 15] [--boots 5]
 */

interface Server {
  readonly env: LocalDsqlEnvironment;
  /** Where its PostgreSQL listens, as which superuser. */
  readonly direct: ClientConfig;
}

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

class RedirectedSocket extends Socket {
  readonly #dialled: string;

  constructor(address: string) {
    super();
    this.#dialled = address;
  }

  override connect(...args: unknown[]): this {
    const [port] = args;
    if (typeof port === 'number') return super.connect(port, this.#dialled);
    return super.connect(...(args as [SocketConnectOpts]));
  }
}

async function serve(): Promise<void> {
  const local = await startLocalDsql();
  // Its directory holds the certificate, and the socket of PostgreSQL.
  const direct = { host: path.dirname(local.caFile), user: 'dsql_local', database: 'postgres' };
  process.send?.({ env: await local.env(), direct } satisfies Server);
  process.once('message', () => {
    void local.stop().then(() => {
      process.disconnect();
    });
  });
}

async function withServer(work: (server: Server, ca: string) => Promise<void>): Promise<void> {
  const child = fork(__filename, ['--server'], { execArgv: process.execArgv });
  const [server] = (await once(child, 'message')) as [Server];
  try {
    const { readFileSync } = await import('node:fs');
    await work(server, readFileSync(server.env.PGSSLROOTCERT, 'utf8'));
  } finally {
    child.send('stop');
    await once(child, 'exit');
  }
}

function proxied({ env }: Server, ca: string): ClientConfig {
  return {
    host: env.PGHOST,
    port: Number(env.PGPORT),
    user: env.PGUSER,
    database: env.PGDATABASE,
    password: env.PGPASSWORD,
    ssl: { ca },
    stream: () => new RedirectedSocket(env.PGHOSTADDR),
  };
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
  latencies.sort((a, b) => a - b);
  const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
  return { perSecond: latencies.length / (elapsed / 1000), p50Ms: at(0.5), p95Ms: at(0.95) };
}

function quietest(rounds: readonly Measurement[]): Measurement {
  return rounds.reduce((best, round) => (round.p50Ms < best.p50Ms ? round : best));
}

async function benchStatements(seconds: number, rounds: number): Promise<void> {
  await withServer(async (server, ca) => {
    const setUp = await connect(proxied(server, ca));
    await setUp.query('CREATE TABLE bench (id int PRIMARY KEY, v int NOT NULL)');
    await setUp.query(`INSERT INTO bench SELECT n, 0 FROM generate_series(0, ${ROWS - 1}) n`);
    await setUp.end();

    const rows: Record<string, string | number>[] = [];
    for (const count of [1, 16]) {
      const open = (config: ClientConfig) =>
        Promise.all(Array.from({ length: count }, () => connect(config)));
      const [direct, through] = [await open(server.direct), await open(proxied(server, ca))];
      for (const [name, work] of Object.entries(WORKS)) {
        await measure(direct, work, 0.2);
        await measure(through, work, 0.2);
        const measured: Record<'direct' | 'through', Measurement[]> = { direct: [], through: [] };
        for (let round = 0; round < rounds; round++) {
          measured.direct.push(await measure(direct, work, seconds));
          measured.through.push(await measure(through, work, seconds));
        }
        const [best, ours] = [quietest(measured.direct), quietest(measured.through)];
        rows.push({
          connections: count,
          statements: name,
          'direct/s': Math.round(best.perSecond),
          'local/s': Math.round(ours.perSecond),
          ratio: Number((ours.perSecond / best.perSecond).toFixed(2)),
          'direct p50 ms': Number(best.p50Ms.toFixed(3)),
          'local p50 ms': Number(ours.p50Ms.toFixed(3)),
          'added ms': Number((ours.p50Ms - best.p50Ms).toFixed(3)),
          'local p95 ms': Number(ours.p95Ms.toFixed(3)),
        });
      }
      await Promise.all([...direct, ...through].map((client) => client.end()));
    }
    console.table(rows);
  });
}

async function benchBoot(boots: number): Promise<void> {
  const rows: Record<string, number>[] = [];
  for (let boot = 0; boot < boots; boot++) {
    const begun = performance.now();
    const local = await startLocalDsql();
    const started = performance.now();
    const env = await local.env();
    const client = await connect(proxied({ env, direct: {} }, local.ca));
    await client.query('SELECT 1');
    const answered = performance.now();
    await client.end();
    const stopping = performance.now();
    await local.stop();
    rows.push({
      'start ms': Math.round(started - begun),
      'to first answer ms': Math.round(answered - begun),
      'stop ms': Math.round(performance.now() - stopping),
    });
  }
  console.table(rows);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      server: { type: 'boolean' },
      seconds: { type: 'string', default: '0.25' },
      rounds: { type: 'string', default: '15' },
      boots: { type: 'string', default: '5' },
    },
  });
  if (values.server) return serve();
  await benchBoot(Number(values.boots));
  await benchStatements(Number(values.seconds), Number(values.rounds));
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
