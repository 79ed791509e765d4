import { reportOf, runCheck } from './command-line';
import { migration, useProject } from './project';

const project = useProject();

/** What is said of a history of which each text is a migration of TypeORM. */
async function notesOf(...history: readonly (readonly string[])[]): Promise<string[][]> {
  history.forEach((texts, index) => {
    const queries = texts.map((text) => `await queryRunner.query(\`${text}\`);`);
    project.write(`${String(index + 1)}.ts`, migration(queries.join('\n    ')));
  });
  const { findings, failures } = await reportOf(project.folder);
  expect(failures).toEqual([]);
  return findings.map(({ file, severity, rule }) => [file, severity, rule]);
}

describe('what a runner of migrations does in the place of PostgreSQL, check', () => {
  it('calls a note, with what is sent', async () => {
    project.write(
      '1.ts',
      migration('await queryRunner.query(`CREATE INDEX by_name ON people (name DESC)`);'),
    );
    const { status, stdout } = await runCheck(project.folder);
    expect(stdout).toMatch(
      /note in up {2}0A000: .*\(index-sort-order\)\n.*\n {2}Sent instead:\n {4}CREATE INDEX ASYNC/,
    );
    expect(stdout).toMatch(/\n1 file, 0 errors, 0 warnings, 1 note, --fix can write 1\n$/);
    expect(status).toBe(0);
  });

  it('omits where no notes are wanted, and fails for what is worse', async () => {
    project.write('1.ts', migration('await queryRunner.query(`CREATE INDEX ON people (name)`);'));
    expect((await reportOf(project.folder, '--severity', 'warning')).findings).toEqual([]);
    project.write('2.ts', migration('await queryRunner.query(`LISTEN people`);'));
    expect((await runCheck(project.folder)).status).toBe(1);
  });

  it('calls an error in a script, which is sent as it is', async () => {
    project.write('a.sql', 'CREATE INDEX ON people (name);');
    expect((await reportOf(project.folder)).findings).toMatchObject([
      { severity: 'error', rule: 'index-without-async' },
    ]);
  });

  it('knows of enum types that change', async () => {
    expect(
      await notesOf(
        [`CREATE TYPE mood AS ENUM ('sad', 'ok')`, 'CREATE TABLE people (id uuid PRIMARY KEY, mood mood)'],
        [`ALTER TYPE mood ADD VALUE 'happy'`, `ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'`],
        ['ALTER TYPE mood RENAME TO old_mood', 'DROP TYPE old_mood'],
      ),
    ).toEqual([
      ['1.ts', 'note', 'create-enum'],
      ['1.ts', 'note', 'enum-type'],
      ['2.ts', 'note', 'alter-type'],
      ['2.ts', 'note', 'alter-type'],
      ['3.ts', 'note', 'rename-object'],
      ['3.ts', 'note', 'drop-object'],
    ]);
  });

  it('knows of blocks that only guard DDL, and of what they make', async () => {
    const unlessType = (type: string, then: string) =>
      `DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_type WHERE typname = '${type}') THEN ${then} END IF; END $$`;
    expect(
      await notesOf(
        [unlessType('mood', "CREATE TYPE mood AS ENUM ('sad', 'ok');")],
        [`ALTER TYPE mood ADD VALUE 'happy'`],
        ['DO $$ BEGIN ALTER TABLE a DROP COLUMN b; EXCEPTION WHEN undefined_column THEN NULL; END $$'],
        [unlessType('mood', 'CREATE MATERIALIZED VIEW v AS SELECT 1;')],
        ['DO $$ BEGIN FOR i IN 1..3 LOOP DELETE FROM a; END LOOP; END $$'],
      ),
    ).toEqual([
      ['1.ts', 'note', 'statement-do'],
      ['2.ts', 'note', 'alter-type'],
      ['3.ts', 'note', 'statement-do'],
      ['4.ts', 'error', 'statement-do'],
      ['5.ts', 'error', 'statement-do'],
    ]);
  });

  it('knows of blocks that ask for what they have done, and says which are decided when they are run', async () => {
    const counts =
      'DO $$ DECLARE n int; BEGIN DELETE FROM a WHERE id = 1; SELECT count(*) INTO n FROM a; IF n = 0 THEN DROP TABLE b; END IF; END $$';
    const drops =
      "DO $$ DECLARE r record; BEGIN FOR r IN SELECT tablename FROM pg_tables WHERE schemaname = 'old' LOOP EXECUTE 'DROP TABLE ' || quote_ident(r.tablename); END LOOP; END $$";
    expect(await notesOf([counts], [drops])).toEqual([
      ['1.ts', 'error', 'statement-do'],
      ['2.ts', 'note', 'statement-do'],
    ]);
    const { findings } = await reportOf(project.folder);
    expect(findings.at(-1)?.instead).toMatch(/^It is decided when it is run/);
  });

  it('says the same of raw SQL with Sequelize', async () => {
    project.write(
      '1.js',
      `exports.up = (queryInterface) => queryInterface.sequelize.query('CREATE INDEX by_name ON people USING hash (name)');
exports.down = (queryInterface) => queryInterface.sequelize.query('DROP INDEX by_name');`,
    );
    expect((await reportOf(project.folder)).findings).toMatchObject([
      {
        severity: 'note',
        rule: 'index-access-method',
        replacement: [expect.stringContaining('CREATE INDEX ASYNC')],
      },
    ]);
  });

  it('knows that a transaction of Sequelize which changes the schema is split, and one of TypeORM is not', async () => {
    project.write(
      '1.js',
      `exports.up = ({ sequelize }) => sequelize.transaction(async (transaction) => {
  await sequelize.query('CREATE TABLE people (id uuid PRIMARY KEY)', { transaction });
  await sequelize.query('CREATE TABLE pets (id uuid PRIMARY KEY)', { transaction });
  await sequelize.query("INSERT INTO pets VALUES (gen_random_uuid())", { transaction });
});
exports.down = () => Promise.resolve();`,
    );
    project.write(
      '2.ts',
      migration(`await queryRunner.startTransaction();
    await queryRunner.query('CREATE TABLE houses (id uuid PRIMARY KEY)');
    await queryRunner.query('CREATE TABLE trees (id uuid PRIMARY KEY)');
    await queryRunner.commitTransaction();`),
    );
    const { findings } = await reportOf(project.folder);
    expect(findings.map(({ file, severity, rule }) => [file, severity, rule])).toEqual([
      ['1.js', 'note', 'multiple-ddl'],
      ['1.js', 'note', 'ddl-and-dml'],
      ['1.js', 'warning', 'ddl-with-dml'],
      ['2.ts', 'error', 'multiple-ddl'],
    ]);
  });

  it('names the index of a method or a model that only makes queries faster', async () => {
    project.write(
      '1.js',
      `exports.up = (queryInterface) => queryInterface.addIndex('people', { name: 'tags', fields: ['tags'], using: 'gin' });
exports.down = () => undefined;`,
    );
    expect((await reportOf(project.folder)).findings).toMatchObject([
      { severity: 'note', rule: 'index-access-method', instead: expect.stringMatching(/./) as string },
    ]);
  });
});
