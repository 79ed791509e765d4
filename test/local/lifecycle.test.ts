import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import path from 'node:path';
import { startLocalDsql } from 'aurora-dsql-orm/local';
import { connect, refusal, withClient, withLocalDsql } from './local-client';

/** Command lines of processes that mention a text; only Linux lets us look. */
function processesMentioning(text: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((id) => {
      try {
        return readFileSync(`/proc/${id}/cmdline`, 'utf8');
      } catch {
        return '';
      }
    })
    .filter((line) => line.includes(text));
}

/** What keeps this process alive now and is not in `before`. */
function resourcesBeside(before: readonly string[]): string[] {
  const left = process.getActiveResourcesInfo().filter((resource) => resource !== 'Immediate');
  for (const resource of before) {
    const index = left.indexOf(resource);
    if (index >= 0) left.splice(index, 1);
  }
  return left;
}

const describeWithProcfs = existsSync('/proc/self/cmdline') ? describe : describe.skip;

describe('the life of a local DSQL', () => {
  it('is stopped at the end of its block', async () => {
    const local = await startLocalDsql();
    expect(existsSync(local.caFile)).toBe(true);
    await local[Symbol.asyncDispose]();
    expect(existsSync(local.caFile)).toBe(false);
  });

  it('is not disturbed by another one', async () => {
    await withLocalDsql({}, async (one) => {
      await withLocalDsql({ region: 'eu-central-1' }, async (two) => {
        expect(two.host).toMatch(/\.dsql\.eu-central-1\.on\.aws$/);
        await withClient(one, (client) => client.query('CREATE TABLE things (id int)'));
        await withClient(two, async (client) => {
          expect((await refusal(client.query('SELECT * FROM things'))).code).toBe('42P01');
        });
        // Neither takes the other's tokens.
        const { PGPASSWORD: token } = await one.env();
        expect((await refusal(connect(two, { token }))).code).toBe('28000');
      });
      await withClient(one, (client) => client.query('SELECT * FROM things'));
    });
  });

  it('listens on the port it is given, and says so when that is taken', async () => {
    await withLocalDsql({}, async ({ port }) => {
      await expect(startLocalDsql({ port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    });
  });
});

describeWithProcfs('a local DSQL, where processes can be seen', () => {
  it('leaves nothing when it is stopped', async () => {
    const handlesBefore = process.getActiveResourcesInfo();
    const local = await startLocalDsql();
    const directory = path.dirname(local.caFile);
    const idle = await connect(local);
    const busy = await connect(local);
    const sleeping = refusal(busy.query('SELECT pg_sleep(60)'));
    const silent = connectSocket(local.port, local.hostaddr).on('error', () => undefined);
    await once(silent, 'connect');
    await idle.query('BEGIN');
    expect(readFileSync(local.caFile, 'utf8')).toBe(local.ca);
    expect(processesMentioning(directory)).not.toEqual([]);

    await local.stop();
    await local.stop();
    await sleeping;
    expect(existsSync(directory)).toBe(false);
    expect(processesMentioning(directory)).toEqual([]);
    await expect(connect(local)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    silent.destroy();
    await Promise.allSettled([idle.end(), busy.end()]);
    // Handles close a turn of the event loop or two after what they belonged to.
    while (resourcesBeside(handlesBefore).length > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(resourcesBeside(handlesBefore)).toEqual([]);
  });

  it('leaves nothing when its process is killed', async () => {
    const entry = path.resolve(__dirname, '../../src/local');
    const program = `require(${JSON.stringify(entry)}).startLocalDsql().then(({ caFile }) => console.log(caFile));`;
    const hook = path.resolve(__dirname, '../typescript-register.cjs');
    const child = spawn(process.execPath, ['-r', hook, '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [output] = (await once(child.stdout, 'data')) as [Buffer];
    const directory = path.dirname(output.toString().trim());
    expect(processesMentioning(directory)).not.toEqual([]);

    child.kill('SIGKILL');
    await once(child, 'exit');
    while (existsSync(directory) || processesMentioning(directory).length > 0) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(existsSync(directory)).toBe(false);
  });
});
