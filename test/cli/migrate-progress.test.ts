import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { startLocalDsql, type LocalDsql } from 'aurora-dsql-orm/local';
import { empty } from '../migrate/database-state';
import { outcomeOf } from './run-cli';
import { describeWithTerminal, startOnTerminal } from './terminal';

const root = path.resolve(__dirname, '../..');
let local: LocalDsql;
let folder: string;

/** The time by which jobs end; it passes by itself unless a test stops it. */
let timeMs = Date.now();
let isPassing = true;
const passing = setInterval(() => {
  if (isPassing) timeMs++;
}, 10);

beforeAll(async () => {
  local = await startLocalDsql({ jobDurationMs: 1, clock: () => new Date(timeMs) });
  mkdirSync(path.join(root, 'build'), { recursive: true });
  folder = mkdtempSync(path.join(root, 'build/progress-'));
  writeFileSync(path.join(folder, 'migrator.ts'), MIGRATOR);
});
afterAll(async () => {
  clearInterval(passing);
  rmSync(folder, { recursive: true, force: true });
  await local.stop();
});
beforeEach(() => {
  const { host, port, hostaddr, ca, credentials, region } = local;
  return empty({ host, port, hostaddr, ca, credentials, region });
});

/** Its code waits where the line is to be drawn with what was told last. */
const MIGRATOR = `
  import { inBatches, rebuildTable } from 'aurora-dsql-orm/migrate';
  import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
  import { createMigrator } from 'aurora-dsql-orm/sequelize/umzug';
  const pause = () => new Promise((resolve) => setTimeout(resolve, 300));
  const sequelize = createDsqlSequelize({ logging: process.env.LOGS ? console.log : false });
  const migrations = [
    {
      name: 'create',
      up: async ({ context }) => {
        await context.sequelize.query('CREATE TABLE shelf (id int PRIMARY KEY, label text)');
        await context.sequelize.query("INSERT INTO shelf SELECT n, 'top' FROM generate_series(1, 2500) AS n");
      },
      down: ({ context }) => context.dropTable('shelf'),
    },
    {
      name: 'change',
      up: async ({ context }) => {
        await sequelize.query('ANALYZE shelf');
        await inBatches(context, { table: 'shelf' }, (batch) =>
          context.sequelize.query("UPDATE shelf SET label = 'low' WHERE " + batch.condition));
        await pause();
        await context.sequelize.query('CREATE INDEX shelf_label ON shelf (label)');
        await pause();
        await rebuildTable(context, { table: 'shelf', change: 'ALTER COLUMN id TYPE bigint' });
      },
    },
  ];
  export const migrator = createMigrator(sequelize, { migrations, logger: undefined });`;

const UP = ['migrate', 'up', '--migrator', 'migrator.ts'];

/**
 * What `aurora-dsql-orm` prints on a terminal.
 *
 * @param jobsEndAfter - no job ends before this was printed
 */
async function onTerminal(
  env: NodeJS.ProcessEnv,
  jobsEndAfter = '',
): Promise<{ status: number | null; printed: string }> {
  const terminal = startOnTerminal(UP, {
    cwd: folder,
    columns: 200,
    env: {
      ...process.env,
      CI: undefined,
      NO_COLOR: undefined,
      TERM: 'xterm-256color',
      ...(await local.env()),
      ...env,
    },
  });
  let seen = '';
  isPassing = jobsEndAfter === '';
  terminal.stdout.on('data', (chunk: Buffer) => {
    seen += String(chunk);
    isPassing ||= seen.includes(jobsEndAfter);
  });
  const { status, stdout } = await outcomeOf(terminal);
  return { status, printed: stdout };
}

const ERASE = '\r\u001b[K';
const END = 'create was run.\r\nchange was run.\r\n';

describeWithTerminal('aurora-dsql-orm migrate up on a terminal', () => {
  it('says in one line how far it has come, and takes it away before it prints another', async () => {
    const { status, printed } = await onTerminal({}, 'a job for ');
    const frames = printed.split(ERASE).map(stripVTControlCharacters);
    expect(status).toBe(0);
    expect(frames).toContain('create (1 of 2): begins');
    expect(frames).toContainEqual(
      expect.stringMatching(/^change \(2 of 2\): statement 2, 2,500 of about 2,500 rows \| rows of "shelf"/),
    );
    expect(frames).toContainEqual(
      expect.stringMatching(/^change \(2 of 2\): statement 3, a job for \d+ s \| CREATE INDEX/),
    );
    expect(frames).toContainEqual(expect.stringMatching(/^change \(2 of 2\): statement 4, step \d+ of \d+/));
    expect(frames.at(-1)).toBe(END);
    expect(frames.slice(0, -1).join('')).not.toContain('\n');
    expect(printed).toContain('\u001b[90m');
  });

  it('has no colour with NO_COLOR, and leaves whole lines to the statements that the project prints', async () => {
    const { printed } = await onTerminal({ NO_COLOR: '1', LOGS: 'yes' });
    expect(printed).not.toContain('\u001b[90m');
    expect(printed).toContain(ERASE);
    const lines = printed.split('\r\n').filter((line) => line.includes('Executing (default): CREATE TABLE'));
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines)
      expect(line.split(ERASE).at(-1)).toMatch(/^Executing \(default\): CREATE TABLE/);
  });

  it.each([{ TERM: 'dumb' }, { CI: 'true' }])('prints plain lines with %j', async (env) => {
    expect(await onTerminal(env)).toStrictEqual({ status: 0, printed: END });
  });
});
