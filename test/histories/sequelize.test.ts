import * as library from 'sequelize';
import { createDsqlSequelize, MigrationStorage } from 'aurora-dsql-orm/sequelize';
import { Umzug, type UmzugStorage, SequelizeStorage } from 'umzug';
import { shop, type SequelizeMigration } from './sequelize-shop';
import { useDatabases } from './use-databases';

type History = Readonly<Record<string, SequelizeMigration>>;

const databases = useDatabases();

async function withInstances(
  work: (dsql: library.Sequelize, plain: library.Sequelize) => Promise<void>,
): Promise<void> {
  const { host, port, user: username, database } = databases.plain;
  const dsql = createDsqlSequelize({ ...databases.cluster.orm, logging: false });
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

describe.each<[string, History]>([['shop', shop]])('the history of a %s', (_, history) => {
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
