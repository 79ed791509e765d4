import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { oneOfEvery } from '../form';
import { isAlive, nodeArgs, outcomeOf, printed, run, start } from './run-cli';
import { describeWithTerminal, startOnTerminal } from './terminal';

/** Runs JavaScript as the command of `local`. */
const runScript = (script: string, env?: NodeJS.ProcessEnv) =>
  run(['local', '--', process.execPath, '-e', script], { env });

// The package needs no psql, and a bare machine has none.
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
    const lines = await printed(child, 'CLUSTER_USER');
    const caFile = /^export PGSSLROOTCERT='(.*)'$/m.exec(lines)?.[1] ?? '';
    expect(existsSync(caFile)).toBe(true);
    expect(lines.trim().split('\n')).toEqual(
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

  it('ends with the npx that started it', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'aurora-dsql-orm-npx-'));
    try {
      const bin = path.join(folder, 'node_modules/.bin');
      mkdirSync(bin, { recursive: true });
      writeFileSync(path.join(folder, 'package.json'), '{ "name": "project", "version": "1.0.0" }');
      const command = [process.execPath, ...nodeArgs].map((part) => `'${part}'`).join(' ');
      const script = path.join(bin, 'aurora-dsql-orm');
      writeFileSync(script, `#!/bin/sh\necho "pid $$"\nexec ${command} "$@"\n`);
      chmodSync(script, 0o755);
      const npx = spawn('npx', ['--no', 'aurora-dsql-orm', 'local'], {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const lines = await printed(npx, 'CLUSTER_USER');
      const pid = Number(/^pid (\d+)$/m.exec(lines)?.[1]);
      const caFile = /^export PGSSLROOTCERT='(.*)'$/m.exec(lines)?.[1] ?? '';
      expect([isAlive(pid), existsSync(caFile)]).toEqual([true, true]);
      npx.kill('SIGTERM');
      await ended(pid);
      expect(existsSync(caFile)).toBe(false);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('goes on in the background with --detach, until its process is stopped', async () => {
    const { stdout, stderr, status } = await run(['local', '--detach', '--region', 'eu-central-1']);
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
    const pid = Number(/^export DSQL_LOCAL_PID='(\d+)'$/m.exec(stdout)?.[1]);
    const caFile = /^export PGSSLROOTCERT='(.*)'$/m.exec(stdout)?.[1] ?? '';
    try {
      expect(stdout).toContain("export AWS_REGION='eu-central-1'");
      expect([isAlive(pid), existsSync(caFile)]).toEqual([true, true]);
    } finally {
      process.kill(pid, 'SIGTERM');
    }
    await ended(pid);
    expect(existsSync(caFile)).toBe(false);
  });

  it('says with --detach why it does not start', async () => {
    const outcome = await run(['local', '--detach', '--region', 'Frankfurt']);
    expect(outcome).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('region: expected an AWS region') as string,
    });
  });

  const refused: readonly (readonly [readonly string[], string])[] = [
    [['local', '--prot', '1'], 'there is no option "--prot"; the options are --detach, --port,'],
    [['local', '--port', 'x'], '--port: expected a number, got "x"'],
    [['local', '--port'], '--port needs a value'],
    [['local', '--latency', '-1'], '--latency needs a value; write --latency=-1 if -1 is meant'],
    [['local', '--cancel-requests=no'], '--cancel-requests takes no value, got "no"'],
    [['local', '--job-duration', 'long'], '--job-duration: expected a number, got "long"'],
    [['local', '--region', 'Frankfurt'], 'region: expected an AWS region'],
    [['local', '--port', '70000'], 'port: expected an integer from 0 to 65535, got 70000'],
    [['local', 'npm', 'test'], 'a command goes behind --: aurora-dsql-orm local -- npm test'],
    [['local', "'"], "a command goes behind --: aurora-dsql-orm local -- '"],
    [['local', '--detach', '--', 'true'], '--detach cannot be combined with a command'],
  ];

  it.each(oneOfEvery(2, refused))('refuses %j', async (args, message) => {
    const { status, stdout, stderr } = await run(args);
    expect({ status, stdout, lines: stderr.trim().split('\n') }).toEqual({
      status: 2,
      stdout: '',
      lines: [expect.stringContaining(message), 'aurora-dsql-orm local --help says more.'],
    });
  });
});

describeWithTerminal('on a terminal', () => {
  it('says that it is up, how to use it, and how to stop it', async () => {
    const terminal = startOnTerminal(['local']);
    const outcome = outcomeOf(terminal);
    await printed(terminal, 'Ctrl-C');
    terminal.stdin.write('\u0003');
    const { stdout, status } = await outcome;
    expect(stdout).toMatch(
      /The local DSQL is up on 127\.0\.0\.1:\d+\. Run the lines above in another terminal/,
    );
    expect(status).toBe(0);
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

/** Waits until a process has ended. */
async function ended(pid: number): Promise<void> {
  while (isAlive(pid)) await sleep(50);
}

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}
