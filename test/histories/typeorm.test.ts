import 'reflect-metadata';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { DataSource, type MigrationInterface } from 'typeorm';
import * as library from './typeorm-library';
import { useDatabases } from './use-databases';

type History = Readonly<Record<string, new () => MigrationInterface>>;

const databases = useDatabases();

async function withDataSources(
  history: History,
  mode: 'none' | 'each',
  work: (dsql: DataSource, plain: DataSource) => Promise<void>,
): Promise<void> {
  const migrations = Object.values(history);
  const { host, port, user: username, database } = databases.plain;
  const dsql = createDsqlDataSource({
    ...databases.cluster.orm,
    migrations,
    migrationsTransactionMode: mode,
  });
  const plain = new DataSource({ type: 'postgres', host, port, username, database, migrations });
  try {
    await Promise.all([dsql.initialize(), plain.initialize()]);
    await work(dsql, plain);
  } finally {
    for (const each of [dsql, plain]) if (each.isInitialized) await each.destroy();
  }
}

describe.each<[string, History]>([['library', library]])('the history of a %s', (_, history) => {
  it.each(['none', 'each'] as const)('runs as it is, up and down: mode %s', async (mode) => {
    const { length } = Object.keys(history);
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
});
