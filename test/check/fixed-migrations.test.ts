import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { MigrationInterface } from 'typeorm';
import { useCluster } from '../cluster';
import { reportOf } from './command-line';
import { useProject } from './project';

const project = useProject();
const { write, read } = project;
const cluster = useCluster();

/** A migration of TypeORM in JavaScript. */
const migration = (name: string, up: string, down = '') => `exports.${name} = class ${name} {
  async up(queryRunner) {
    ${up}
  }
  async down(queryRunner) {
    ${down}
  }
};
`;

const migrationIn = (name: string) =>
  Object.values(
    createRequire(__filename)(path.join(project.folder, name)) as Record<
      string,
      new () => MigrationInterface
    >,
  );

describe('a migration that check --fix has written', () => {
  it('fills a column of more rows than a transaction may change, to the last one', async () => {
    write(
      '1.js',
      migration(
        'Create1700000000001',
        [
          'await queryRunner.query(`CREATE TABLE item (id integer PRIMARY KEY)`);',
          ...[0, 2500, 5000].map(
            (from) =>
              `await queryRunner.query(\`INSERT INTO item SELECT generate_series(${String(from + 1)}, ${String(Math.min(from + 2500, 7000))})\`);`,
          ),
        ].join('\n    '),
      ),
    );
    write(
      '2.js',
      migration(
        'Add1700000000002',
        'await queryRunner.query(`ALTER TABLE "item" ADD "state" text NOT NULL DEFAULT \'new\'`);',
        'await queryRunner.query(`ALTER TABLE "item" DROP COLUMN "state"`);',
      ),
    );
    const { findings, failures } = await reportOf(
      project.folder,
      '--fix',
      '--ignore',
      'many-rows',
      '--ignore',
      'ddl-with-dml',
    );
    expect({ findings, failures }).toEqual({ findings: [], failures: [] });
    expect(read('2.js')).toContain('/* until it touches no row */`);');

    const migrations = [...migrationIn('1.js'), ...migrationIn('2.js')];
    const dataSource = await createDsqlDataSource({ ...cluster.orm, migrations }).initialize();
    await dataSource.runMigrations();
    const counted = await dataSource.query<unknown[]>(
      "SELECT count(*)::int AS rows, count(*) FILTER (WHERE state = 'new')::int AS filled FROM item",
    );
    for (const table of ['item', 'migrations']) await dataSource.query(`DROP TABLE ${table}`);
    await dataSource.destroy();
    expect(counted).toEqual([{ rows: 7000, filled: 7000 }]);
  });

  it('may hold one statement in both up and down', async () => {
    const drop = 'await queryRunner.query(`CREATE INDEX "by_name" ON "t" ("name")`);';
    write('1.js', migration('Index1700000000001', drop, drop));
    expect((await reportOf(project.folder, '--fix')).findings).toEqual([]);
    const fixed = drop.replace('INDEX', 'INDEX ASYNC');
    expect(read('1.js')).toBe(migration('Index1700000000001', fixed, fixed));
  });

  it('leaves a statement that becomes another one in down than in up', async () => {
    const add = 'await queryRunner.query(`ALTER TABLE "t" ADD "n" integer DEFAULT 5`);';
    const text = migration(
      'Add1700000000001',
      ['await queryRunner.query(`CREATE TABLE "t" ("id" uuid PRIMARY KEY)`);', add].join('\n    '),
      ['await queryRunner.query(`DROP TABLE "t"`);', add].join('\n    '),
    );
    write('1.js', text);
    const { findings } = await reportOf(project.folder, '--fix');
    expect(findings.map(({ line, notFixable }) => [line, notFixable])).toEqual([
      [4, 'Its text is sent more than once, and becomes different statements.'],
      [8, 'Its text is sent more than once, and becomes different statements.'],
    ]);
    expect(read('1.js')).toBe(text);
  });
});
