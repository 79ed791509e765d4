import 'reflect-metadata';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { DataSource, type MigrationInterface } from 'typeorm';
import { byForm } from '../form';
import { clinic } from './typeorm-clinic';
import { forum } from './typeorm-forum';
import { office } from './typeorm-office';
import * as library from './typeorm-library';
import { warehouse } from './typeorm-warehouse';
import { useDatabases } from './use-databases';

type History = readonly (new () => MigrationInterface)[];

const databases = useDatabases();

async function withDataSources(
  history: History,
  mode: 'none' | 'each',
  work: (dsql: DataSource, plain: DataSource) => Promise<void>,
): Promise<void> {
  const migrations = [...history];
  const { host, port, user: username, database } = databases.plain;
  const dsql = createDsqlDataSource({
    ...databases.cluster.orm,
    dsql: { ...databases.cluster.orm.dsql, arrays: 'jsonb', rebuild: { dropOld: true } },
    migrations,
    migrationsTransactionMode: mode,
  });
  const plain = new DataSource({ type: 'postgres', host, port, username, database, migrations });
  try {
    await Promise.all([dsql.initialize(), plain.initialize()]);
    // As TypeORM does itself for entities whose keys are such.
    await plain.query('CREATE EXTENSION IF NOT EXISTS "uuid-ossp"');
    await work(dsql, plain);
  } finally {
    for (const each of [dsql, plain]) if (each.isInitialized) await each.destroy();
  }
}

const inLong = <T>(short: T, long: T) => byForm({ short, long, soak: long });

const histories: readonly [string, History, ('none' | 'each')[]][] = [
  // In the short form TypeORM's command line runs it.
  ['library', Object.values(library), inLong([], ['none', 'each'])],
  ['clinic', clinic, inLong([], ['none', 'each'])],
  ['forum', forum, inLong([], ['each'])],
  ['warehouse', warehouse, ['none']],
  ['office', office, inLong([], ['none'])],
];

describe.each(histories.filter(([, , modes]) => modes.length > 0))(
  'the history of a %s',
  (_, history, modes) => {
    it.each(modes)('runs as it is, up and down: mode %s', async (mode) => {
      const { length } = history;
      await withDataSources(history, mode, async (dsql, plain) => {
        const run = await dsql.runMigrations();
        expect(run).toHaveLength(length);
        await plain.runMigrations({ transaction: 'each' });
        const up = await databases.schemas();
        expect(up.dsql).toStrictEqual(up.plain);
        for (let undone = 0; undone < length; undone++) {
          await dsql.undoLastMigration({ transaction: mode });
          await plain.undoLastMigration({ transaction: 'none' });
        }
        const down = await databases.schemas();
        expect(down.dsql).toStrictEqual(down.plain);
      });
    });
  },
);

it("the history of a library runs as it is through TypeORM's command line, up and down", async () => {
  const root = path.join(__dirname, '../..');
  mkdirSync(path.join(root, 'build'), { recursive: true });
  const folder = mkdtempSync(path.join(root, 'build/history-'));
  writeFileSync(
    path.join(folder, 'data-source.ts'),
    `import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
     export default createDsqlDataSource({ migrations: [${JSON.stringify(require.resolve('./typeorm-library'))}] });`,
  );
  const typeorm = async (...command: string[]) => {
    const register = path.join(root, 'test/entry-points-register.cjs');
    const cli = path.join(root, 'node_modules/typeorm/cli.js');
    const env = { ...process.env, ...(await databases.cluster.local.env()) };
    const args = ['-r', register, cli, ...command, '-d', 'data-source.ts'];
    await promisify(execFile)(process.execPath, args, { cwd: folder, env });
  };
  try {
    await withDataSources(Object.values(library), 'none', async (_, plain) => {
      await typeorm('migration:run', '--transaction', 'each');
      await plain.runMigrations({ transaction: 'each' });
      const up = await databases.schemas();
      expect(up.dsql).toStrictEqual(up.plain);
      // Each of them is a process that knows only what the database tells.
      for (let undone = 0; undone < inLong(1, 3); undone++) {
        await typeorm('migration:revert');
        await plain.undoLastMigration({ transaction: 'none' });
      }
      const down = await databases.schemas();
      expect(down.dsql).toStrictEqual(down.plain);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
