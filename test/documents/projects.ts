import { textUnder } from './blocks';

/** What is done with the files that a page shows, in a project that has them. */
export interface PageProject {
  readonly page: string;
  readonly heading: string;
  /** What the page leaves to its reader. */
  readonly files: Readonly<Record<string, string>>;
  readonly commands: readonly string[];
  readonly printed: RegExp;
}

const makesTable = (runner: string) => `
  ${runner}
  const { DsqlPool } = require('aurora-dsql-orm');
  it('begins with nothing', async () => {
    const pool = new DsqlPool();
    await pool.query('CREATE TABLE made_by_each (id int)');
    await pool.end();
  });`;

const ofSequelizeCli = {
  files: {},
  commands: [
    'npx sequelize-cli db:migrate',
    'npx sequelize-cli db:seed:all',
    'npx sequelize-cli db:migrate:undo',
  ],
  printed: /create-shelf: migrated[^]*shelves: migrated[^]*create-shelf: reverted/,
};

export const projects: readonly PageProject[] = [
  {
    page: 'README.md',
    heading: 'Install',
    // esbuild takes of it what tsx takes.
    files: { 'main.ts': textUnder('README.md', 'TypeORM', 'ts') },
    commands: ['npx esbuild main.ts --format=cjs --outfile=main.js', 'node main.js'],
    printed: /^The balance is 10\.$/m,
  },
  {
    page: 'docs/local-dsql.md',
    heading: 'jest',
    files: { 'test/first.test.js': makesTable(''), 'test/second.test.js': makesTable('') },
    commands: ['npx jest --maxWorkers=2'],
    printed: /Tests: +2 passed/,
  },
  {
    page: 'docs/local-dsql.md',
    heading: 'vitest',
    files: {
      'test/first.test.js': makesTable(
        "import { it } from 'vitest'; import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
      ),
      'test/second.test.js': makesTable(
        "import { it } from 'vitest'; import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
      ),
    },
    commands: ['npx vitest run'],
    printed: /Tests +2 passed/,
  },
  { page: 'docs/moving-from-postgresql.md', heading: '2. Change the entry point', ...ofSequelizeCli },
  { page: 'docs/sequelize.md', heading: 'sequelize-cli', ...ofSequelizeCli },
];
