import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as library from 'sequelize';
import { createDsqlSequelize, MigrationStorage } from 'aurora-dsql-orm/sequelize';
import { Umzug, type UmzugStorage, SequelizeStorage } from 'umzug';
import { byForm } from '../form';
import { sequelizeCli } from '../sequelize/sequelize-cli';
import { history as club } from './sequelize-club';
import { history as depot } from './sequelize-depot';
import { history as notes } from './sequelize-notes';
import { history as shop, type SequelizeMigration } from './sequelize-shop';
import { history as transport } from './sequelize-transport';
import { useDatabases } from './use-databases';

type History = Readonly<Record<string, SequelizeMigration>>;

const databases = useDatabases();
const inLong = <T>(...more: readonly T[]): readonly T[] => byForm({ short: [], long: more, soak: more });

async function withInstances(
  work: (dsql: library.Sequelize, plain: library.Sequelize) => Promise<void>,
): Promise<void> {
  const { host, port, user: username, database } = databases.plain;
  const { orm } = databases.cluster;
  const dsql = createDsqlSequelize({
    ...orm,
    dsql: { ...orm.dsql, arrays: 'jsonb', rebuild: { dropOld: true } },
    logging: false,
  });
  const plain = new library.Sequelize({
    dialect: 'postgres',
    host,
    port,
    username,
    database,
    logging: false,
  });
  try {
    await work(dsql, plain);
  } finally {
    await Promise.all([dsql.close(), plain.close()]);
  }
}

function umzugOf(
  sequelize: library.Sequelize,
  history: History,
  storage: UmzugStorage,
): Umzug<library.QueryInterface> {
  return new Umzug({
    context: sequelize.getQueryInterface(),
    storage,
    logger: undefined,
    migrations: Object.entries(history).map(([name, { up, down }]) => ({
      name,
      up: ({ context }) => up(context, library),
      down: ({ context }) => down(context, library),
    })),
  });
}

/** In the short form each runner has some of them; the long one has all, those of the command line with both. */
const throughUmzug: readonly [string, History][] = [['collection of notes', notes]];

describe.each<[string, History]>([
  ...throughUmzug,
  ...inLong<[string, History]>(['club', club], ['shop', shop], ['transport', transport]),
])('the history of a %s', (_, history) => {
  it('runs as it is with umzug, up and down', async () => {
    await withInstances(async (dsql, plain) => {
      const ours = umzugOf(dsql, history, new MigrationStorage({ sequelize: dsql }));
      const theirs = umzugOf(plain, history, new SequelizeStorage({ sequelize: plain }));
      await ours.up();
      await theirs.up();
      const up = await databases.schemas();
      expect(up.dsql).toStrictEqual(up.plain);
      await ours.down({ to: 0 });
      await theirs.down({ to: 0 });
      const down = await databases.schemas();
      expect(down.dsql).toStrictEqual(down.plain);
    });
  });
});

describe.each<[string, History, string]>([
  ['shop', shop, require.resolve('./sequelize-shop')],
  ...inLong<[string, History, string]>(
    ['club', club, require.resolve('./sequelize-club')],
    // Plain umzug sends SQL that only changes rows as it is written.
    ['depot', depot, require.resolve('./sequelize-depot')],
  ),
])('the history of a %s', (_, history, module) => {
  it('runs as it is with sequelize-cli, up and down', async () => {
    const { cluster } = databases;
    const folder = mkdtempSync(path.join(tmpdir(), 'aurora-dsql-orm-history-'));
    symlinkSync(path.resolve(__dirname, '../../node_modules'), path.join(folder, 'node_modules'));
    mkdirSync(path.join(folder, 'config'));
    mkdirSync(path.join(folder, 'migrations'));
    writeFileSync(path.join(folder, '.sequelizerc'), "require('aurora-dsql-orm/sequelize/register');");
    const dsql = { arrays: 'jsonb', rebuild: { dropOld: true } };
    const development = { username: 'admin', password: null, dialect: 'postgres', dsql };
    writeFileSync(path.join(folder, 'config/config.json'), JSON.stringify({ development }));
    const files = Object.fromEntries(Object.entries(history).map(([name, each]) => [`${name}.js`, each]));
    for (const file of Object.keys(files)) {
      const text = `module.exports = require(${JSON.stringify(module)}).history[${JSON.stringify(file.slice(0, -3))}];`;
      writeFileSync(path.join(folder, 'migrations', file), text);
    }
    try {
      await withInstances(async (_, plain) => {
        const theirs = umzugOf(plain, files, new SequelizeStorage({ sequelize: plain }));
        expect(await sequelizeCli(cluster, folder, 'db:migrate')).toMatchObject({ status: 0 });
        await theirs.up();
        const up = await databases.schemas();
        expect(up.dsql).toStrictEqual(up.plain);
        expect(await sequelizeCli(cluster, folder, 'db:migrate:undo:all')).toMatchObject({ status: 0 });
        await theirs.down({ to: 0 });
        const down = await databases.schemas();
        expect(down.dsql).toStrictEqual(down.plain);
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
