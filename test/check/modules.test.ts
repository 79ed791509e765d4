import { reportOf, runCheck, type JsonReport } from './command-line';
import { migration, useProject } from './project';

const project = useProject();

const fine = migration('await queryRunner.query(`CREATE TABLE t (id serial)`);');

/** What is wrong with each module, and what is said of it. */
const modules: readonly (readonly [what: string, file: string, text: string, message: string])[] = [
  ['calls process.exit(0)', 'a.ts', `process.exit(0);\n${fine}`, 'it calls process.exit(0)'],
  ['calls process.exit in up', 'a.ts', migration('process.exit(3);'), 'it calls process.exit(3)'],
  [
    'calls process.exit later',
    'a.ts',
    `setTimeout(() => process.exit(2), 1);\nawait new Promise((resolve) => setTimeout(resolve, 200));\n${fine}`,
    'it calls process.exit(2)',
  ],
  [
    'ends the process without asking',
    'a.ts',
    `process.abort();\n${fine}`,
    'it ends the process that runs it',
  ],
  [
    'awaits for ever at its top level',
    'a.ts',
    `await new Promise(() => undefined);\n${fine}`,
    'it did not finish within 2 s',
  ],
  ['loops at its top level', 'a.ts', `for (;;);\n${fine}`, 'it did not finish within 2 s'],
  ['loops in up', 'a.ts', migration('for (;;);'), 'it did not finish within 2 s'],
  [
    'awaits for ever in up',
    'a.ts',
    migration('await new Promise(() => undefined);'),
    'it did not finish within 2 s',
  ],
  ['exports a then', 'a.ts', `export function then() {}\n${fine}`, 'it exports a function named then'],
  [
    'exports a then, in CommonJS',
    'a.cjs',
    'exports.then = () => {};\nexports.up = (queryInterface) => {};',
    'it exports a function named then',
  ],
  ['throws at import', 'a.ts', `throw new Error('no such host');\n${fine}`, 'no such host'],
  ['throws what is no error', 'a.ts', `throw undefined;\n${fine}`, 'it throws undefined'],
  [
    'leaves a promise rejected',
    'a.ts',
    `void Promise.reject(new Error('left'));\n${fine}`,
    'an error that nothing handles: left',
  ],
  [
    'leaves a promise rejected in down',
    'a.ts',
    migration('', "void Promise.reject(new Error('left'));"),
    'an error that nothing handles: left',
  ],
  [
    'throws in a timer',
    'a.ts',
    `setTimeout(() => { throw new Error('late'); }, 1);\nawait new Promise((resolve) => setTimeout(resolve, 200));\n${fine}`,
    'an error that nothing handles: late',
  ],
];

/** Checks a project with all of them, each beside one that is fine. */
async function checkAll(each: typeof modules): Promise<JsonReport & { readonly status: number | null }> {
  each.forEach(([, file, text], index) => {
    project.write(`${index}/${file}`, text);
    project.write(`${index}/z.ts`, fine);
  });
  const { status, stdout } = await runCheck(project.folder, '--format', 'json', '--timeout', '2');
  return { ...(JSON.parse(stdout) as JsonReport), status };
}

describe('of a module that cannot be run to its end, check', () => {
  it.each([
    ['ends the process, or never ends', modules.slice(0, 8)],
    ['fails', modules.slice(8)],
  ])('says what it does wrong, and checks the others: one that %s', async (_, each) => {
    const { status, findings, failures } = await checkAll(each);
    expect(failures).toEqual(
      each.map(([, file, , message], index) => ({
        file: `${index}/${file}`,
        message: expect.stringContaining(message) as string,
      })),
    );
    expect(findings.filter(({ file }) => file.endsWith('z.ts'))).toMatchObject(
      each.map((__, index) => ({ file: `${index}/z.ts`, rule: 'serial' })),
    );
    expect(status).toBe(2);
  });

  it('keeps what was found before it in other folders, and runs those not again', async () => {
    project.write('1/a.ts', `console.log('first runs');\n${fine}`);
    project.write('2/a.ts', 'for (;;);\nexport function up(queryInterface) {}');
    project.write('2/b.ts', fine);
    const { stdout, stderr } = await runCheck(project.folder, '--format', 'json', '--timeout', '2');
    const { findings, failures } = JSON.parse(stdout) as JsonReport;
    expect(findings.map(({ file }) => file)).toEqual(['1/a.ts', '2/b.ts']);
    expect(failures.map(({ file }) => file)).toEqual(['2/a.ts']);
    expect(stderr.match(/first runs/g)).toHaveLength(1);
  });

  it('has migrations use the entities of a data source that was checked before the process was ended', async () => {
    project.write(
      'data-source.js',
      `const { DataSource, EntitySchema } = require('typeorm');
const User = new EntitySchema({ name: 'User', tableName: 'user', columns: { id: { type: 'uuid', primary: true } } });
exports.dataSource = new DataSource({ type: 'postgres', entities: [User] });`,
    );
    project.write('m/1.ts', 'for (;;);\nexport function up(queryInterface) {}');
    project.write('m/2.ts', migration("await queryRunner.manager.getRepository('User').find();"));
    const { failures } = await reportOf(project.folder, '--timeout', '2');
    expect(failures.map(({ file }) => file)).toEqual(['m/1.ts']);
  });

  it('says whether a finding is in up or in down', async () => {
    project.write(
      'a.ts',
      migration('await queryRunner.query(`LISTEN t`);', 'await queryRunner.query(`DROP DATABASE d`);'),
    );
    project.write('b.sql', 'TRUNCATE t;');
    const { findings } = await reportOf(project.folder, '--severity', 'error');
    expect(findings.map(({ file, direction }) => [file, direction])).toEqual([
      ['a.ts', 'up'],
      ['a.ts', 'down'],
      ['b.sql', undefined],
    ]);
    expect((await runCheck(project.folder)).stdout).toMatch(
      /^a\.ts:5:\d+ {2}error in up {2}0A000[^]*^a\.ts:8:\d+ {2}error in down {2}/m,
    );
  });

  it('takes a down that throws for the habit that it is', async () => {
    project.write(
      'a.ts',
      migration('await queryRunner.query(`SELECT 1`);', "throw new Error('There is no way back.');"),
    );
    project.write('b.js', "exports.up = (queryInterface) => {};\nexports.down = () => { throw 'never'; };");
    expect(await runCheck(project.folder)).toMatchObject({
      status: 0,
      stdout: '2 files, 0 errors, 0 warnings\n',
    });
  });

  it('gives the report alone on stdout, whatever modules print', async () => {
    project.write('a.ts', `console.log('printed');\n${fine}`);
    expect((await reportOf(project.folder)).findings).toHaveLength(1);
  });
});

it('loads entities where TypeScript is version 7, which exports nothing but its version', async () => {
  project.write('app/node_modules/typescript/package.json', '{ "name": "typescript", "version": "7.0.2" }');
  project.write('app/node_modules/typescript/index.js', `exports.version = '7.0.2';`);
  project.write(
    'app/data-source.ts',
    `import 'reflect-metadata';
     import { Column, DataSource, Entity, PrimaryGeneratedColumn } from 'typeorm';
     @Entity()
     class Account {
       @PrimaryGeneratedColumn('uuid') id!: string;
       @Column() name!: string;
       @Column() readonly since: Date = new Date(0);
       @Column({ type: 'inet' }) address!: string;
     }
     if (new Account().since.getTime() !== 0) throw new Error('It lost the value of a property.');
     export default new DataSource({ type: 'postgres', entities: [Account] });`,
  );
  const { findings, failures } = await reportOf(project.folder, 'app/data-source.ts');
  expect(failures).toEqual([]);
  expect(findings.map(({ message }) => message)).toContainEqual(expect.stringContaining('inet'));
});
