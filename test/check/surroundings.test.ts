import { execFile, spawn } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { useCluster } from '../cluster';
import { nodeArgs, outcomeOf } from '../cli/run-cli';
import { reportOf, runCheck } from './command-line';
import { migration, useProject } from './project';

const project = useProject();
const { write } = project;

it('needs neither pg nor an ORM for SQL', async () => {
  write(
    'without.cjs',
    `const Module = require('node:module');
     const resolve = Module._resolveFilename;
     Module._resolveFilename = (request, ...others) => {
       if (/^(?:pg|typeorm|sequelize|umzug)(?:\\/|$)/.test(request)) {
         throw Object.assign(new Error('Cannot find module ' + request), { code: 'MODULE_NOT_FOUND' });
       }
       return resolve(request, ...others);
     };`,
  );
  write('a.sql', 'CREATE TABLE t (id uuid PRIMARY KEY);\n');
  const without = path.join(project.folder, 'without.cjs');
  const child = spawn(process.execPath, [...nodeArgs, 'check', 'a.sql'], {
    cwd: project.folder,
    env: { ...process.env, NODE_OPTIONS: `--require ${without}` },
  });
  expect(await outcomeOf(child)).toEqual({
    status: 0,
    stdout: '1 file, 0 errors, 0 warnings\n',
    stderr: '',
  });
});

it('omits what was built of the sources, unless it is named', async () => {
  const main = `exports.up = (queryInterface) => queryInterface; process.exit(7);`;
  for (const folder of ['dist', 'build', 'packages/api/dist']) write(`${folder}/main.js`, main);
  write('a.sql', 'SELECT 1;\n');
  expect(await runCheck(project.folder)).toMatchObject({
    status: 0,
    stdout: '1 file, 0 errors, 0 warnings\n',
  });
  expect(await runCheck(project.folder, 'dist')).toMatchObject({
    status: 2,
    stdout: expect.stringContaining('dist/main.js: could not be checked') as string,
  });
});

it('exits with 2 where there is nothing to check', async () => {
  write('src/server.ts', 'export const port = 80;');
  expect(await runCheck(project.folder)).toEqual({
    status: 2,
    stdout: '',
    stderr: expect.stringContaining(
      'there is nothing to check in .: no script (.sql), no migration, and no module that exports',
    ) as string,
  });
});

it.each([
  ['bytes', Buffer.from([0xff, 0xd8, 0x00, 0x10, 0x4a, 0x46])],
  ['UTF-16', Buffer.from('\uFEFFSELECT 1;\n', 'utf16le')],
  ['zero bytes', Buffer.from('SELECT 1;\0\n')],
])('does not read %s as SQL', async (_, bytes) => {
  writeFileSync(path.join(project.folder, 'a.sql'), bytes);
  const { status, stdout } = await runCheck(project.folder, 'a.sql');
  expect(status).toBe(2);
  expect(stdout).toContain('a.sql: could not be checked: it is not text in UTF-8');
});

it('reads a script that begins with a byte order mark, and leaves the mark', async () => {
  write('a.sql', '\uFEFFCREATE INDEX ON t (a);\n');
  expect((await reportOf(project.folder)).findings).toMatchObject([{ line: 1, rule: 'index-without-async' }]);
  await reportOf(project.folder, '--fix');
  expect(project.read('a.sql')).toBe('\uFEFFCREATE INDEX ASYNC ON t (a);\n');
});

describe('a foreign key without an index', () => {
  beforeEach(() => {
    write(
      'a.sql',
      `CREATE TABLE "Category" (id uuid PRIMARY KEY, "parentId" uuid REFERENCES "Category" (id));\n`,
    );
  });

  it('is a note, whose advice can be pasted', async () => {
    const { status, stdout } = await runCheck(project.folder);
    expect(status).toBe(0);
    expect(stdout).toContain('  note  the foreign key Category (parentId) begins no index  (foreign-key-');
    expect(stdout).toContain('  Instead: CREATE INDEX ASYNC ON "Category" ("parentId");\n');
    expect(stdout).toMatch(/^1 file, 0 errors, 0 warnings, 1 note$/m);
    const { notes, findings } = await reportOf(project.folder);
    const advice = findings[0]?.instead ?? '';
    expect({ notes, severity: findings[0]?.severity }).toEqual({ notes: 1, severity: 'note' });
    write('b.sql', advice);
    expect((await reportOf(project.folder)).findings).toEqual([]);
  });

  it('is omitted with --severity warning', async () => {
    const { status, stdout } = await runCheck(project.folder, '--severity', 'warning');
    expect({ status, stdout }).toEqual({ status: 0, stdout: '1 file, 0 errors, 0 warnings\n' });
  });

  it('does not hide that another file has an error', async () => {
    write('m.ts', migration('await queryRunner.query(`LISTEN a`);'));
    expect((await runCheck(project.folder)).status).toBe(1);
  });
});

it('reads entities in files of their own, which import each other in a circle', async () => {
  const entity = (name: string, other: string, relation: string) => `
    import { Entity, JoinColumn, OneToOne, PrimaryColumn } from 'typeorm';
    import { ${other} } from './${other}';
    @Entity() export class ${name} {
      @PrimaryColumn('uuid') id!: string;
      ${relation} ${other.toLowerCase()}!: ${other};
    }`;
  write('Author.ts', entity('Author', 'Book', '@OneToOne(() => Book, (book) => book.author)'));
  write(
    'Book.ts',
    entity('Book', 'Author', '@JoinColumn() @OneToOne(() => Author, (author) => author.book)'),
  );
  write(
    'data-source.ts',
    `import { DataSource } from 'typeorm';
     import { Author } from './Author';
     import { Book } from './Book';
     export default new DataSource({ type: 'postgres', entities: [Author, Book] });`,
  );
  const { failures, findings } = await reportOf(project.folder, 'data-source.ts');
  expect(failures).toEqual([]);
  expect(findings).toMatchObject([{ file: 'Book.ts', rule: 'add-constraint' }]);
});

describe('of a data source with its entity in one file', () => {
  const dataSource = (imports: string, name: string) => `
    import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
    import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
    ${imports}
    @Entity(${name}) class Account {
      @PrimaryGeneratedColumn('uuid') id!: string;
      @Column({ type: 'text', array: true }) words!: string[];
    }
    export default createDsqlDataSource({ entities: [Account] });`;

  it('reads the entity without the endpoint of a cluster', async () => {
    write('data-source.ts', dataSource('', "'account'"));
    expect(process.env).not.toHaveProperty('CLUSTER_ENDPOINT');
    const { failures, findings } = await reportOf(project.folder);
    expect(failures).toEqual([]);
    expect(findings).toMatchObject([{ rule: 'column-type' }]);
  });

  it.each([
    ['a migration', ''],
    ['a migration that imports the same', "import { name } from '../name';"],
  ])('reads default imports of what it imports, beside %s', async (_, imports) => {
    write('legacy.js', "module.exports = { name: 'acc' };");
    write('es.mjs', "export default 'ount';");
    write(
      'name.ts',
      `import path, * as paths from 'node:path';
       import ms from 'ms';
       import * as all from 'ms';
       import pg, { Pool } from 'pg';
       import es from './es.mjs';
       import legacy from './legacy.js';
       for (const each of [path.join, paths.join, paths.default.join, ms, all.default, pg.Pool, Pool])
         if (typeof each !== 'function') throw new Error('an import is ' + each);
       export const name: string = legacy.name + es;`,
    );
    write('data-source.ts', dataSource("import { name } from './name';", 'name'));
    write('migrations/1-first.ts', `import pg from 'pg';\n${imports}\n${migration('void pg.Pool.name;')}`);
    const { failures, findings, files } = await reportOf(project.folder);
    expect({ failures, files }).toEqual({ failures: [], files: 2 });
    expect(findings).toMatchObject([{ rule: 'column-type' }]);
  });
});

it('takes from a data source whether it keeps arrays as jsonb', async () => {
  write(
    'data-source.ts',
    `import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
     import { EntitySchema } from 'typeorm';
     const host = 'abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws';
     const id = { type: 'uuid', primary: true } as const;
     const Kept = new EntitySchema({ name: 'Kept', columns: { id, tags: { type: 'text', array: true } } });
     const Refused = new EntitySchema({ name: 'Refused', columns: { id, words: { type: 'text', array: true } } });
     export const kept = createDsqlDataSource({ host, entities: [Kept], dsql: { arrays: 'jsonb' } });
     export const refused = createDsqlDataSource({ host, entities: [Refused] });`,
  );
  const { findings, failures } = await reportOf(project.folder, '--timeout', '100');
  expect(failures).toEqual([]);
  expect(findings).toMatchObject([{ rule: 'column-type', line: 6 }]);
});

describe('what migration:generate has just written', () => {
  const cluster = useCluster();
  const root = path.join(__dirname, '../..');

  it('does not fail the check', async () => {
    const entities = path.join(root, 'examples/typeorm/rest-api/entities');
    write(
      'data-source.ts',
      `import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
       import { Account, Branch, Card, Country, Currency, Customer, Language, Region, Transfer } from '${entities}';
       export default createDsqlDataSource({
         entities: [Region, Country, Currency, Language, Branch, Customer, Card, Account, Transfer],
       });`,
    );
    const cli = path.join(root, 'node_modules/typeorm/cli.js');
    const register = path.join(root, 'test/entry-points-register.cjs');
    const generate = ['migration:generate', 'migrations/Bank', '-d', 'data-source.ts'];
    write('migrations/.keep', '');
    await promisify(execFile)(process.execPath, ['-r', register, cli, ...generate], {
      cwd: project.folder,
      env: { ...process.env, ...(await cluster.local.env()) },
    });
    expect(readdirSync(path.join(project.folder, 'migrations'))).toHaveLength(2);
    const { status, stdout } = await runCheck(project.folder, 'migrations');
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^1 file, 0 errors, 0 warnings, \d+ notes$/m) as string,
    });
  });
});
