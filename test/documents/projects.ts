import { textOf, textUnder } from './blocks';
import { expectTelemetry, telemetryProgram } from './pages/opentelemetry';

/** What is done with the files that a page shows, in a project that has them. */
export interface PageProject {
  readonly page: string;
  readonly heading: string;
  /** What the page leaves to its reader. */
  readonly files: Readonly<Record<string, string>>;
  readonly commands: readonly string[];
  readonly printed: RegExp;
  /** Looks closer at what is printed. */
  readonly then?: (printed: string) => void;
}

/** More files of tests than workers: those of one worker find nothing of what the ones before them have made. */
const testFiles = (count: number, imports: string) => {
  const text = `${imports}
    it('begins with nothing', async () => {
      const pool = new DsqlPool();
      await pool.query('CREATE TABLE made_by_each (id int)');
      await pool.end();
    });`;
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`test/file-${String(index)}.test.js`, text]),
  );
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
    page: 'examples/README.md',
    heading: 'Examples',
    files: { 'main.ts': textOf('examples/typeorm/transactional/main.ts') },
    commands: ['npx esbuild main.ts --format=cjs --outfile=main.js', 'node main.js'],
    printed: /^The balances are 50 and 150\.$/m,
  },
  {
    page: 'docs/local-dsql.md',
    heading: 'jest',
    files: testFiles(3, `const { DsqlPool } = require('aurora-dsql-orm');`),
    commands: ['npx jest --maxWorkers=2'],
    printed: /Tests: +3 passed/,
  },
  {
    page: 'docs/local-dsql.md',
    heading: 'vitest',
    files: testFiles(5, `import { it } from 'vitest';\nimport { DsqlPool } from 'aurora-dsql-orm';`),
    commands: ['npx vitest run'],
    printed: /Tests +5 passed/,
  },
  {
    page: 'docs/moving-from-postgresql.md',
    heading: '2. Change the entry point',
    files: {},
    commands: ['npx sequelize-cli db:migrate:status'],
    printed: /down 20260101000000-create-shelf/,
  },
  {
    page: 'docs/opentelemetry.md',
    heading: 'Setting it up',
    files: {
      'main.ts': telemetryProgram,
      'telemetry.ts': textOf('examples/opentelemetry/telemetry.ts'),
    },
    commands: [
      'npx esbuild main.ts tracing.ts telemetry.ts --format=cjs --outdir=. --log-level=error',
      'node main.js',
    ],
    printed: /aurora_dsql/,
    then: expectTelemetry,
  },
  {
    page: 'docs/sequelize.md',
    heading: 'sequelize-cli',
    files: {},
    commands: [
      'npx sequelize-cli db:migrate',
      'npx sequelize-cli db:seed:all',
      'npx sequelize-cli db:migrate:undo',
    ],
    printed: /create-shelf: migrated[^]*shelves: migrated[^]*create-shelf: reverted/,
  },
];
