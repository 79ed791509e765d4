import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';

const hook = path.resolve(__dirname, '../typescript-register.cjs');
const main = path.resolve(__dirname, '../../src/cli/main.ts');

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  return spawn(process.execPath, ['-r', hook, main, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
}

async function run(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Outcome> {
  const child = start(args, env);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, stdout, stderr };
}

/** Runs JavaScript as the command of `local`. */
const runScript = (script: string, env?: NodeJS.ProcessEnv) =>
  run(['local', '--', process.execPath, '-e', script], env);

const describeWithPsql = spawnSync('psql', ['--version']).status === 0 ? describe : describe.skip;

describe('aurora-dsql-orm local', () => {
  it('runs a command with the environment of the local DSQL added to its own', async () => {
    const { stdout, status } = await runScript(
      `const { env } = process;
       console.log(JSON.stringify({ ...env, readable: require('fs').existsSync(env.PGSSLROOTCERT) }))`,
      { MARKER: 'kept', AWS_PROFILE: 'work', AWS_SESSION_TOKEN: 'foreign' },
    );
    expect(status).toBe(0);
    const env = JSON.parse(stdout) as Record<string, unknown>;
    expect(env).toMatchObject({
      MARKER: 'kept',
      PGHOST: env.CLUSTER_ENDPOINT,
      PGHOSTADDR: '127.0.0.1',
      PGUSER: 'admin',
      PGDATABASE: 'postgres',
      PGSSLMODE: 'verify-full',
      readable: true,
      AWS_REGION: 'us-east-1',
      CLUSTER_USER: 'admin',
    });
    expect(Object.keys(env)).toEqual(
      expect.arrayContaining(['PGPORT', 'PGPASSWORD', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']),
    );
    // They would lead the AWS SDK away from the key of the local DSQL.
    expect(Object.keys(env)).not.toEqual(expect.arrayContaining(['AWS_PROFILE']));
    expect(Object.keys(env)).not.toEqual(expect.arrayContaining(['AWS_SESSION_TOKEN']));
  });

  it('exits with the status of the command', async () => {
    expect((await runScript('process.exit(42)')).status).toBe(42);
    expect((await runScript(`process.kill(process.pid, 'SIGTERM')`)).status).toBe(143);
    const missing = await run(['local', '--', '/no/such/program']);
    expect(missing).toMatchObject({
      status: 127,
      stderr: expect.stringContaining('/no/such/program') as string,
    });
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('prints the environment and stays up until %s', async (signal) => {
    const child = start(['local']);
    let printed = '';
    child.stdout.on('data', (text: Buffer) => (printed += text.toString()));
    while (child.exitCode === null && !printed.includes('CLUSTER_USER')) {
      await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
    }
    const caFile = /^export PGSSLROOTCERT='(.*)'$/m.exec(printed)?.[1] ?? '';
    expect(existsSync(caFile)).toBe(true);
    expect(printed.trim().split('\n')).toEqual(
      Array.from({ length: 13 }, () => expect.stringMatching(/^export [A-Z_]+='[^']*'$/) as string),
    );
    child.kill(signal);
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(existsSync(caFile)).toBe(false);
  });

  it('listens on the port it is told to', async () => {
    const port = await freePort();
    const { stdout } = await run([
      'local',
      '--port',
      String(port),
      '--',
      process.execPath,
      '-p',
      'process.env.PGPORT',
    ]);
    expect(stdout.trim()).toBe(String(port));
  });

  it('is slow where it is told to be, in another region', async () => {
    const script = `
      const { Client } = require('pg');
      const { PGHOST, PGHOSTADDR, PGPORT, PGPASSWORD, PGSSLROOTCERT } = process.env;
      const ssl = { ca: require('fs').readFileSync(PGSSLROOTCERT), servername: PGHOST };
      const client = new Client({ host: PGHOSTADDR, port: PGPORT, password: PGPASSWORD, ssl });
      const main = async () => {
        await client.connect();
        const begun = Date.now();
        await client.query('CREATE TABLE t (id int PRIMARY KEY, n int)');
        const slept = Date.now() - begun >= 30; // timers count otherwise
        const { rows: [{ job_id }] } = await client.query('CREATE INDEX ASYNC ON t (n)');
        const { rows: [{ status }] } = await client.query('SELECT status FROM sys.jobs WHERE job_id = $1', [job_id]);
        console.log(JSON.stringify({ slept, finished: status === 'completed', region: process.env.AWS_REGION }));
        await client.end();
      };
      void main();`;
    const options = ['--latency', '40', '--job-duration', '600000', '--region', 'eu-central-1'];
    const { stdout } = await run(['local', ...options, '--', process.execPath, '-e', script]);
    expect(JSON.parse(stdout)).toEqual({ slept: true, finished: false, region: 'eu-central-1' });
  });

  it('explains itself', async () => {
    expect(await run(['local', '--help'])).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('--port N') as string,
    });
    expect(await run(['--help'])).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('local') as string,
    });
  });

  it.each([
    [['local', '--prot', '1'], '--prot'],
    [['local', '--port', 'x'], '--port: expected a number, got "x"'],
    [['local', '--latency', '-1'], '--latency'],
    [['local', '--job-duration', 'long'], '--job-duration: expected a number, got "long"'],
    [['local', '--region', 'Frankfurt'], 'region: expected an AWS region'],
    [['local', '--port', '70000'], 'port: expected an integer from 0 to 65535, got 70000'],
    [['loca'], 'there is no command "loca"'],
    [['toString'], 'there is no command "toString"'],
  ])('refuses %j', async (args, message) => {
    expect(await run(args)).toMatchObject({ status: 2, stderr: expect.stringContaining(message) as string });
  });
});

describeWithPsql('psql', () => {
  it('lets psql in with the environment it prints', async () => {
    const psql = ['psql', '--no-psqlrc', '--tuples-only', '--no-align'];
    const sql = `SELECT version(); CREATE TABLE t (id int); INSERT INTO t VALUES (7); SELECT id FROM t`;
    const commands = sql.split('; ').flatMap((command) => ['-c', command]);
    const { stdout, status } = await run(['local', '--', ...psql, ...commands]);
    expect({ stdout, status }).toEqual({ stdout: 'PostgreSQL 16\nCREATE TABLE\nINSERT 0 1\n7\n', status: 0 });
    const conninfo = await run(['local', '--', ...psql, '-c', '\\conninfo']);
    expect(conninfo.stdout).toMatch(/SSL connection \(protocol: TLSv1\.3/);
  });
});

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}
