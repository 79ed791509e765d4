import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { installPackage, run as runIn } from './installed-package';

const root = resolve(__dirname, '../..');
const entryPoints = ['', '/typeorm', '/sequelize', '/migrate', '/local'];
let consumer = '';

beforeAll(() => {
  consumer = installPackage();
});

afterAll(() => {
  rmSync(consumer, { recursive: true, force: true });
});

describe('the packed package', () => {
  it.each(entryPoints)('can be required as aurora-dsql-orm%s', (entryPoint) => {
    const keys = node(`console.log(Object.keys(require('aurora-dsql-orm${entryPoint}')).length)`, 'commonjs');
    expect(Number(keys)).toBeGreaterThan(0);
  });

  it.each([
    ['', 'DsqlPool'],
    ['/typeorm', 'createDsqlDataSource'],
    ['/sequelize', 'createDsqlSequelize'],
    ['/migrate', 'isLeaseHeldError'],
    ['/local', 'startLocalDsql'],
  ])('can be imported as aurora-dsql-orm%s, by name', (entryPoint, name) => {
    const type = node(
      `import { ${name} } from 'aurora-dsql-orm${entryPoint}'; console.log(typeof ${name})`,
      'module',
    );
    expect(type.trim()).toBe('function');
  });

  it('loads only what an entry point needs', () => {
    const loaded = (entryPoint: string) =>
      node(
        `Object.values(require('aurora-dsql-orm${entryPoint}')); console.log(Object.keys(require.cache).join('\\n'))`,
        'commonjs',
      );
    expect(loaded('/typeorm')).not.toMatch(/node_modules\/sequelize\/|libpg-query|\/dist\/(local|migrate)\//);
    expect(loaded('/sequelize')).not.toMatch(/node_modules\/typeorm\/|libpg-query|\/dist\/local\//);
    expect(loaded('')).not.toMatch(/node_modules\/(sequelize|typeorm)\/|credential-provider|\/dist\/local\//);
  });

  it.each(['/typeorm', '/sequelize'])('loads few files of its own for %s, and each once', (entryPoint) => {
    const own = (code: string) =>
      node(`${code}; console.log(Object.keys(require.cache).join('\\n'))`, 'commonjs')
        .split('\n')
        .filter((file) => file.includes('aurora-dsql-orm/dist/'));
    const used = own(`Object.values(require('aurora-dsql-orm${entryPoint}'))`);
    expect(used.length).toBeLessThan(20);
    expect(used.join('\n')).not.toContain('room-of-changes');
    // What is not used is not loaded: a lone `require` finds the ORM and pg, and little more.
    expect(own(`require('aurora-dsql-orm${entryPoint}')`).length).toBeLessThan(10);
    const isSame = `
      const all = ['', '/typeorm', '/sequelize', '/sequelize/umzug', '/migrate'].map((name) => require('aurora-dsql-orm' + name));
      const classes = all.map(({ ConfigurationError }) => ConfigurationError).filter(Boolean);
      console.log(classes.length, new Set(classes).size)`;
    expect(node(isSame, 'commonjs').trim()).toMatch(/^[2-9] 1$/);
  });

  it('has a command line', () => {
    const help = run(process.execPath, [
      join(consumer, 'node_modules/aurora-dsql-orm/dist/cli/main.js'),
      '--help',
    ]);
    expect(help).toContain('start a local Aurora DSQL');
  });

  it('can be run in its own repository once it is built', () => {
    expect(run('npx', ['--no', '--', 'aurora-dsql-orm', '--help'], root)).toContain(
      'start a local Aurora DSQL',
    );
  });

  it('checks scripts, entities and models, and exits as it documents', () => {
    writeFileSync(join(consumer, 'fine.sql'), 'CREATE TABLE t (id uuid PRIMARY KEY);');
    writeFileSync(join(consumer, 'refused.sql'), 'CREATE TABLE t (id serial PRIMARY KEY);');
    writeFileSync(
      join(consumer, 'data-source.ts'),
      `import 'reflect-metadata';
       import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
       import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
       @Entity()
       class Account {
         @PrimaryGeneratedColumn() id!: number;
         @Column({ type: 'inet' }) address!: string;
       }
       const host = 'abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws';
       export default createDsqlDataSource({ host, entities: [Account] });
      `,
    );
    writeFileSync(
      join(consumer, 'models.cjs'),
      `const { DataTypes } = require('sequelize');
       const { createDsqlSequelize } = require('aurora-dsql-orm/sequelize');
       const host = 'abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws';
       const sequelize = createDsqlSequelize({ host, logging: false });
       sequelize.define('Account', { name: DataTypes.STRING });
       module.exports = sequelize;
      `,
    );
    const check = (...args: string[]) => {
      const main = join(consumer, 'node_modules/aurora-dsql-orm/dist/cli/main.js');
      const { status, stdout } = spawnSync(process.execPath, [main, 'check', ...args], {
        cwd: consumer,
        encoding: 'utf8',
      });
      return { status, stdout };
    };
    expect(check('fine.sql', 'models.cjs')).toEqual({ status: 0, stdout: '2 files, 0 errors, 0 warnings\n' });
    expect(check('refused.sql')).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/^refused\.sql:1:17 {2}error {2}42704/) as string,
    });
    expect(check('data-source.ts')).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/^data-source\.ts:7:36 {2}error {2}0A000: datatype inet/) as string,
    });
    expect(check('missing.sql')).toMatchObject({ status: 2 });
  });

  it('says how to install what checks modules, where that is not there', () => {
    const jiti = join(consumer, 'node_modules/jiti');
    rmSync(jiti);
    const main = join(consumer, 'node_modules/aurora-dsql-orm/dist/cli/main.js');
    writeFileSync(join(consumer, 'empty.cjs'), '');
    const { status, stderr } = spawnSync(process.execPath, [main, 'check', 'empty.cjs'], {
      cwd: consumer,
      encoding: 'utf8',
    });
    symlinkSync(join(root, 'node_modules/jiti'), jiti);
    expect({ status, stderr }).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('npm install --save-dev jiti@^2.7.0') as string,
    });
  });

  it.each([
    ['pg', ''],
    ['pg', '/migrate'],
    ['typeorm', '/typeorm'],
    ['sequelize', '/sequelize'],
    ['sequelize', '/sequelize/register'],
    ['umzug', '/sequelize/umzug'],
  ])('says how to install %s, where aurora-dsql-orm%s does not find it', (peer, entryPoint) => {
    const attempt = `try { require('aurora-dsql-orm${entryPoint}') } catch (error) { console.log(error.message) }`;
    expect(withoutPackage(peer, () => node(attempt, 'commonjs'))).toMatch(
      new RegExp(`^The package ${peer} is not installed, .*: npm install ${peer}`),
    );
  });

  it('needs pg for nothing that does not connect', () => {
    writeFileSync(join(consumer, 'fine.sql'), 'CREATE TABLE t (id uuid PRIMARY KEY);');
    const main = join(consumer, 'node_modules/aurora-dsql-orm/dist/cli/main.js');
    const env = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'key', PATH: process.env.PATH };
    const host = 'abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws';
    withoutPackage('pg', () => {
      for (const args of [
        ['--version'],
        ['local', '--', process.execPath, '-e', ''],
        ['check', 'fine.sql'],
        ['token', '--host', host],
      ]) {
        const { status, stderr } = spawnSync(process.execPath, [main, ...args], {
          cwd: consumer,
          encoding: 'utf8',
          env,
        });
        expect({ args, status, stderr }).toEqual({ args, status: 0, stderr: '' });
      }
    });
  });

  it.each(['5.4.5', '6.0.3', '7.0.2'])('compiles with TypeScript %s', (version) => {
    const compiler = join(installTypeScript(version), 'node_modules/typescript/lib/tsc.js');
    writeFileSync(
      join(consumer, 'app.ts'),
      `import { DsqlClient, DsqlPool, retryOnConflict } from 'aurora-dsql-orm';
       import { createDsqlDataSource, runInTransaction } from 'aurora-dsql-orm/typeorm';
       import { attachDsql, createDsqlSequelize, dsqlBeforeConnect, inBatches } from 'aurora-dsql-orm/sequelize';
       import 'aurora-dsql-orm/sequelize/register';
       import { startLocalDsql } from 'aurora-dsql-orm/local';
       import { Sequelize } from 'sequelize';
       import type { DataSource } from 'typeorm';

       const host = 'abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws';
       export const client: DsqlClient = new DsqlClient({ host, keepAlive: true });
       export const pool = new DsqlPool({ host, max: 3 });
       export const dataSource: DataSource = createDsqlDataSource({
         host, logging: true, dsql: { ormPrefix: 'shop' }, entities: [],
       });
       export const sequelize: Sequelize = createDsqlSequelize({ host, logging: false, pool: { max: 2 } });
       export const plain = new Sequelize({
         dialect: 'postgres', hooks: { beforeConnect: dsqlBeforeConnect({ host }) },
       });
       export const registered = new Sequelize({ dialect: 'postgres', host, dsql: { batch: true } });
       export const attached = attachDsql(registered, { nested: 'join' }).transaction({ label: 'x' }, () => Promise.resolve(1));
       export const counts: Promise<number[]> = inBatches(sequelize, [1, 2], { concurrency: 2 }, async (batch) => batch.length);
       export const sum: Promise<number> = runInTransaction(dataSource, (manager) => manager.sum('account', 'balance' as never).then((total) => total ?? 0));
       export const local: Promise<string> = startLocalDsql().then(({ host }) => host);
       export const answer: Promise<number> = retryOnConflict(() => Promise.resolve(42), { maxAttempts: 3 });
       // @ts-expect-error a token is signed instead
       createDsqlDataSource({ host, password: 'x' });
       // @ts-expect-error TLS is always verified
       createDsqlSequelize({ host, native: true });
      `,
    );
    for (const [module, moduleResolution] of [
      ['commonjs', 'node10'],
      ['nodenext', 'nodenext'],
      ['esnext', 'bundler'],
    ] as const) {
      // TypeScript 6 has said goodbye to it.
      if (version !== '5.4.5' && moduleResolution === 'node10') continue;
      const options = ['--skipLibCheck', '--module', module, '--moduleResolution', moduleResolution];
      const errors = compile(compiler, options);
      expect(`${moduleResolution}: ${errors}`).toBe(`${moduleResolution}: `);
    }
  });

  it('declares nothing that needs a library newer than es2020', () => {
    const compiler = join(installTypeScript('7.0.2'), 'node_modules/typescript/lib/tsc.js');
    const all = entryPoints.map((name, index) => `export * as entry${index} from 'aurora-dsql-orm${name}';`);
    writeFileSync(join(consumer, 'app.ts'), all.join('\n'));
    expect(compile(compiler, ['--lib', 'es2020', '--module', 'nodenext'])).toBe('');
  });

  it('loads entities beside TypeScript 7, which other programs cannot call', () => {
    const folder = installTypeScript('7.0.2');
    writeFileSync(
      join(folder, 'data-source.ts'),
      `import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
       import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
       @Entity()
       class Account {
         @PrimaryGeneratedColumn() id!: number;
         @Column() name!: string;
       }
       const host = 'abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws';
       export default createDsqlDataSource({ host, entities: [Account] });
      `,
    );
    const main = join(consumer, 'node_modules/aurora-dsql-orm/dist/cli/main.js');
    expect(run(process.execPath, [main, 'check', 'data-source.ts'], folder)).toBe(
      '1 file, 0 errors, 0 warnings\n',
    );
  });
});

/** Beside the consumer and not among our own dependencies, where a second compiler would take the name `tsc`. */
function installTypeScript(version: string): string {
  const folder = join(consumer, `typescript-${version}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{}');
  run('npm', ['install', '--no-save', '--prefer-offline', `typescript@${version}`], folder);
  return folder;
}

function compile(compiler: string, options: string[]): string {
  try {
    run(process.execPath, [
      compiler,
      '--noEmit',
      '--strict',
      '--esModuleInterop',
      '--target',
      'es2022',
      '--types',
      'node',
      ...options,
      'app.ts',
    ]);
    return '';
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

function node(code: string, type: 'commonjs' | 'module'): string {
  return run(process.execPath, [`--input-type=${type}`, '--eval', code]);
}

function run(command: string, args: string[], cwd = consumer): string {
  return runIn(command, args, cwd);
}

/** Runs something while a package is not installed. */
function withoutPackage<Result>(name: string, work: () => Result): Result {
  const link = join(consumer, 'node_modules', name);
  rmSync(link);
  try {
    return work();
  } finally {
    symlinkSync(join(root, 'node_modules', name), link);
  }
}
