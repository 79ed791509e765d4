import { DataTypes, QueryTypes, type QueryInterface, type Transaction } from 'sequelize';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { createMigrator } from 'aurora-dsql-orm/sequelize/umzug';
import type { RunnableMigration } from 'umzug';
import { useCluster } from '../cluster';
import { byForm } from '../form';
import { empty, rowsOf } from './database-state';

const cluster = useCluster();

beforeEach(() => empty(cluster.connection));

/** Of the commits, one of so many fails in the short form. */
const STRIDE = byForm({ short: 9, long: 1, soak: 1 });

type Work = (queryInterface: QueryInterface, transaction: Transaction) => Promise<unknown>;

/** Runs a migration whose code is a managed transaction, with a pool of one connection. */
async function migrate(...works: readonly Work[]): Promise<void> {
  const dsql = { ...cluster.orm.dsql, rebuild: true };
  const sequelize = createDsqlSequelize({ ...cluster.orm, dsql, logging: false, pool: { max: 1 } });
  const migrations = works.map((work, index): RunnableMigration<QueryInterface> => ({
    name: `m${index}`,
    up: ({ context }) => context.sequelize.transaction((transaction) => work(context, transaction)),
  }));
  try {
    await createMigrator(sequelize, { migrations, logger: undefined }).up();
  } finally {
    await sequelize.close();
  }
}

const createShelf: Work = ({ sequelize }, transaction) =>
  sequelize.query('CREATE TABLE shelf (id int PRIMARY KEY, label text)', { transaction });

const CHANGES: readonly (readonly [string, Work])[] = [
  [
    'a statement that is sent as it is',
    ({ sequelize }, transaction) => sequelize.query('DROP TABLE shelf', { transaction }),
  ],
  [
    'one that is translated',
    ({ sequelize }, transaction) =>
      sequelize.query('CREATE TABLE box (id serial PRIMARY KEY)', { transaction }),
  ],
  [
    'a method of the query interface',
    (queryInterface, transaction) =>
      queryInterface.createTable(
        'box',
        { id: { type: DataTypes.INTEGER, primaryKey: true } },
        { transaction },
      ),
  ],
  [
    'an index, whose job is waited for',
    (queryInterface, transaction) => queryInterface.addIndex('shelf', ['label'], { transaction }),
  ],
  [
    'a column with a default, of which several statements are made',
    (queryInterface, transaction) =>
      queryInterface.addColumn(
        'shelf',
        'depth',
        { type: DataTypes.INTEGER, defaultValue: 1, allowNull: false },
        { transaction },
      ),
  ],
];

it.each(['OC000', 'XX000'] as const)(
  'a transaction of a migration copies a table between changes of rows, whichever commit fails with %s',
  async (error) => {
    const fill: Work = async ({ sequelize }, transaction) => {
      await sequelize.query("INSERT INTO shelf VALUES (1, '10')", { transaction });
      await sequelize.query('ALTER TABLE shelf ALTER COLUMN label TYPE bigint USING label::bigint', {
        transaction,
      });
      await sequelize.query('UPDATE shelf SET label = label + 1', { transaction });
    };
    for (let nth = 1, hasFired = true; hasFired; nth += STRIDE) {
      await empty(cluster.connection);
      const fault = cluster.local.faults.failCommit({ error, nth });
      await migrate(createShelf, fill);
      hasFired = fault.fired > 0;
      fault.remove();
      expect(await rowsOf(cluster.connection, 'SELECT * FROM shelf')).toStrictEqual([{ id: 1, label: '11' }]);
    }
  },
);

it.each(CHANGES)('a transaction of a migration changes the schema by %s', async (_, change) => {
  await migrate(createShelf, change);
  const recorded = 'SELECT count(*)::int AS migrations FROM "SequelizeMeta"';
  expect(await rowsOf(cluster.connection, recorded)).toStrictEqual([{ migrations: 2 }]);
});

it('a transaction of a migration changes rows before and after it changes the schema', async () => {
  await migrate(createShelf, async ({ sequelize }, transaction) => {
    await sequelize.query("INSERT INTO shelf VALUES (1, 'top')", { transaction });
    await sequelize.query("CREATE TYPE size AS ENUM ('s', 'l')", { transaction });
    await sequelize.query("ALTER TABLE shelf ADD COLUMN size size NOT NULL DEFAULT 's'", { transaction });
    const [shelf] = await sequelize.query<{ size: string }>('SELECT size FROM shelf', {
      transaction,
      type: QueryTypes.SELECT,
    });
    await sequelize.query("INSERT INTO shelf VALUES (2, $1, 'l'::size)", {
      transaction,
      bind: [shelf?.size],
    });
  });
  expect(await rowsOf(cluster.connection, 'SELECT * FROM shelf ORDER BY id')).toStrictEqual([
    { id: 1, label: 'top', size: 's' },
    { id: 2, label: 's', size: 'l' },
  ]);
});
