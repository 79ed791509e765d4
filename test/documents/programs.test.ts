import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DsqlPool, retryOnConflict } from 'aurora-dsql-orm';
import { emptyDatabase, startLocalDsql, type LocalDsql } from 'aurora-dsql-orm/local';
import { Sequelize } from 'sequelize';
import { DataSource } from 'typeorm';
import { outcomeOf } from '../cli/run-cli';
import { blocks, codeOf, root, wayOf, type Block } from './blocks';
import { connectingPages } from './pages/connecting';
import { localDsqlPages } from './pages/local-dsql';
import { migrationPages } from './pages/migrations';
import type { Page, Setting, Surroundings } from './pages/page';
import { sequelizePages } from './pages/sequelize';
import { runAsMigration, typeormPages } from './pages/typeorm';
import { runBlock, type Names } from './run-block';

const pages: Readonly<Record<string, Page>> = {
  ...connectingPages,
  ...localDsqlPages,
  ...migrationPages,
  ...sequelizePages,
  ...typeormPages,
};
const ways = ['in this process', 'as a program', 'as SQL'];
const toRun = blocks.filter((block) => ways.includes(wayOf(block)));

const workingFolder = process.cwd();
const environment = { ...process.env };
let local: LocalDsql;
beforeAll(async () => {
  // It has the name that the pages use.
  local = await startLocalDsql({ clusterId: 'abcdefghijklmnopqrstuvwxyz', otherRegions: ['us-east-2'] });
});
afterAll(() => local.stop());

describe.each([...new Set(toRun.map(({ page }) => page))])('%s', (name) => {
  const page = pages[name] ?? {};
  let admin: DsqlPool;
  let setting: Setting;
  let names: Names;

  beforeAll(async () => {
    Object.assign(process.env, await local.env());
    const folder = mkdtempSync(path.join(tmpdir(), 'documents-'));
    symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
    process.chdir(folder);
    admin = new DsqlPool();
    // What the blocks change in the schema, each of its connections meets once.
    const query = async (statement: string) =>
      (await retryOnConflict(() => admin.query<Record<string, unknown>>(statement))).rows;
    setting = { local, folder, query };
    await emptyDatabase(admin);
    names = (await page.open?.(setting)) ?? {};
  });
  afterEach(() => {
    jest.restoreAllMocks();
    local.faults.clear();
  });
  afterAll(async () => {
    await close([admin, ...Object.values(names)]);
    process.chdir(workingFolder);
    process.env = { ...environment };
    rmSync(setting.folder, { recursive: true, force: true });
  });

  it.each(toRun.filter((block) => block.page === name))('line $line, "$heading"', async (block) => {
    // What a block prints, and what it lets others log.
    jest.spyOn(console, 'log').mockReturnValue();
    jest.spyOn(console, 'info').mockReturnValue();
    const surroundings = (await page.under?.[block.heading]?.(setting, names)) ?? {};
    await expectDone(block, { names, ...surroundings }, setting);
  });
});

async function expectDone(block: Block, surroundings: Surroundings, setting: Setting): Promise<void> {
  const { names = {}, replaced = [], after } = surroundings;
  const text = replaced.reduce((code, [from, to]) => code.replaceAll(from, to), codeOf(block));
  if (block.language === 'sql') {
    const statements = text.split(/;(?: *--.*)?\n/).filter((statement) => /\w/.test(statement));
    if (block.page === 'docs/typeorm.md') await runAsMigration(statements, names);
    else for (const statement of statements) await setting.query(statement);
    await after?.({ declared: {}, exported: {}, returned: undefined });
  } else if (wayOf(block) === 'as a program') {
    await runAsProgram(text, setting);
  } else {
    const made: unknown[] = [];
    const ran = await runBlock(text, recording(names, made));
    const left = [...made, ...Object.values(ran.declared), ...Object.values(ran.exported)];
    try {
      if (!/\.(?:close|destroy|end)\(\)/.test(text)) for (const each of left) await use(each);
      await after?.(ran);
    } finally {
      await close(left);
    }
  }
}

/** A program of its own runs to its end. */
async function runAsProgram(text: string, { folder }: Setting): Promise<void> {
  const file = path.join(folder, 'main.ts');
  const [imports = '', ...body] = text.split('\n\n');
  // The tests' hook makes it CommonJS, which has no `await` outside of a function.
  const awaits = /^(?:const .* = )?await /m.test(text) && !text.includes('void main();');
  writeFileSync(file, awaits ? `${imports}\nvoid (async () => {\n${body.join('\n\n')}\n})();\n` : text);
  const register = path.join(root, 'test/typescript-register.cjs');
  const outcome = await outcomeOf(
    spawn(process.execPath, ['-r', register, file], {
      cwd: folder,
      env: { ...process.env, DSQL_TEST_METADATA: 'none' },
    }),
  );
  expect(outcome).toEqual({
    status: 0,
    stdout: expect.stringMatching(/^(?:The balance is 10\.\n|Connected as admin\.\n)?$/) as string,
    stderr: '',
  });
}

/** Notes what a block makes and gives no name. */
function recording(names: Names, made: unknown[]): Names {
  const makers = Object.entries(names).filter(([name]) => /^(?:createDsql|startLocal|attachDsql)/.test(name));
  return {
    ...names,
    ...Object.fromEntries(
      makers.map(([name, make]) => [
        name,
        (...options: readonly unknown[]) => {
          const result = (make as (...options: readonly unknown[]) => unknown)(...options);
          made.push(result);
          return result;
        },
      ]),
    ),
  };
}

/** What a block only configures reaches the cluster. */
async function use(value: unknown): Promise<void> {
  const each = await value;
  if (each instanceof DataSource) {
    if (!each.isInitialized) await each.initialize();
    await each.query('SELECT 1');
  } else if (each instanceof Sequelize) await each.authenticate();
  else if (each instanceof DsqlPool) await each.query('SELECT 1');
}

/** Ends what is open. */
async function close(values: readonly unknown[]): Promise<void> {
  for (const each of new Set(await Promise.all(values))) {
    if (each instanceof DataSource) {
      if (each.isInitialized) await each.destroy();
    } else if (each instanceof Sequelize) await each.close();
    else if (each instanceof DsqlPool) {
      if (!each.ended) await each.end();
    } else if (each !== local && isLocalDsql(each)) await each.stop();
  }
}

const isLocalDsql = (value: unknown): value is LocalDsql =>
  typeof value === 'object' && value !== null && 'assumeRole' in value && 'stop' in value;
