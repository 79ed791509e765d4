import 'reflect-metadata';
import { isConfigurationError, isUnsupportedFeatureError } from 'aurora-dsql-orm';
import { inBatches } from 'aurora-dsql-orm/migrate';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { createMigrator } from 'aurora-dsql-orm/sequelize/umzug';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import type { QueryInterface } from 'sequelize';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { useCluster } from '../cluster';
import { empty, rowsOf } from './database-state';

const cluster = useCluster();

beforeEach(async () => {
  await empty(cluster.connection);
  await rowsOf(cluster.connection, 'CREATE TABLE account (id int PRIMARY KEY, n int)');
  await rowsOf(cluster.connection, 'INSERT INTO account VALUES (1, 0), (2, 0)');
});

const accounts = () => rowsOf(cluster.connection, 'SELECT id, n FROM account ORDER BY id');
const UNTOUCHED = [
  { id: 1, n: 0 },
  { id: 2, n: 0 },
];

/** What an error was made of; umzug wraps those of a migration. */
function causeOf(error: unknown): unknown {
  const { cause } = error as { readonly cause?: unknown };
  return cause instanceof Error ? cause : error;
}

describe('a migration of Sequelize', () => {
  type Work = (queryInterface: QueryInterface) => Promise<unknown>;

  async function migrate(max: number, up: Work, down?: Work): Promise<unknown> {
    const sequelize = createDsqlSequelize({ ...cluster.orm, logging: false, pool: { max } });
    const migrations = [
      { name: 'm', up: ({ context }: { readonly context: QueryInterface }) => up(context) },
    ];
    try {
      await createMigrator(sequelize, { migrations, logger: undefined }).up();
      return undefined;
    } catch (error) {
      return causeOf(error);
    } finally {
      await down?.(sequelize.getQueryInterface());
      await sequelize.close();
    }
  }

  const insert = (
    { sequelize }: QueryInterface,
    transaction: Awaited<ReturnType<typeof sequelize.transaction>>,
  ) => sequelize.query('INSERT INTO account VALUES (3, 0)', { transaction });

  const WAITING: readonly (readonly [string, Work])[] = [
    [
      'two transactions at once that both change the schema',
      async ({ sequelize }) => {
        const one = await sequelize.transaction();
        try {
          const two = await sequelize.transaction();
          await sequelize.query('CREATE TABLE one (id int)', { transaction: one });
          await sequelize.query('CREATE TABLE two (id int)', { transaction: two });
          await one.commit();
          await two.commit();
        } catch (error) {
          await one.rollback();
          throw error;
        }
      },
    ],
    [
      'a statement beside its transaction',
      (context) =>
        context.sequelize.transaction(async (transaction) => {
          await insert(context, transaction);
          await context.sequelize.query('UPDATE account SET n = 1');
        }),
    ],
    [
      'a change of the schema beside its transaction',
      (context) =>
        context.sequelize.transaction(async (transaction) => {
          await insert(context, transaction);
          await context.createTable('one', { id: 'int' });
        }),
    ],
  ];

  it.each(WAITING)('that asks for %s is refused where the pool has one connection', async (_, up) => {
    const error = await migrate(1, up, async ({ sequelize }) => {
      // The connection is back in the pool.
      await sequelize.query('SELECT 1');
    });
    expect(isConfigurationError(error)).toBe(true);
    expect((error as Error).message).toMatch(
      /^pool\.max: .* hold all of the pool \(1\), so the wait would never end\. Send/,
    );
    expect(await accounts()).toStrictEqual(UNTOUCHED);
    expect(await rowsOf(cluster.connection, 'SELECT * FROM "SequelizeMeta"')).toStrictEqual([]);
  });

  it('may run two transactions at the same time: the second one waits for the only connection', async () => {
    const add = ({ sequelize }: QueryInterface, id: number) =>
      sequelize.transaction(async (transaction) => {
        await sequelize.query(`INSERT INTO account VALUES (${id}, 0)`, { transaction });
        await sequelize.query(`CREATE TABLE t${id} (id int)`, { transaction });
        await sequelize.query(`UPDATE account SET n = 1 WHERE id = ${id}`, { transaction });
      });
    expect(await migrate(1, (context) => Promise.all([add(context, 3), add(context, 4)]))).toBeUndefined();
    expect(await accounts()).toStrictEqual([...UNTOUCHED, { id: 3, n: 1 }, { id: 4, n: 1 }]);
  });

  it.each([1, 5])('that calls inBatches in a transaction is refused, with %s connections', async (max) => {
    const error = await migrate(max, (context) =>
      context.sequelize.transaction(async (transaction) => {
        await insert(context, transaction);
        await inBatches(context, { table: 'account' }, ({ condition }) =>
          context.sequelize.query(`UPDATE account SET n = n + 1 WHERE ${condition}`),
        );
      }),
    );
    expect(isUnsupportedFeatureError(error)).toBe(true);
    expect((error as Error).message).toContain('inBatches while a transaction of the migration is open');
    expect(await accounts()).toStrictEqual(UNTOUCHED);
  });

  it('does what it sends beside a transaction once, whatever becomes of that', async () => {
    const fault = cluster.local.faults.failCommit({ error: 'OC000', table: 'account', times: 2 });
    const error = await migrate(5, (context) =>
      context.sequelize.transaction(async (transaction) => {
        await context.sequelize.query('UPDATE account SET n = n + 1', { transaction });
        await context.sequelize.query('CREATE TABLE one (id int)');
        await context.sequelize.query('INSERT INTO one VALUES (1)');
      }),
    );
    expect([error, fault.fired]).toStrictEqual([undefined, 2]);
    expect(await accounts()).toStrictEqual([
      { id: 1, n: 1 },
      { id: 2, n: 1 },
    ]);
    expect(await rowsOf(cluster.connection, 'SELECT * FROM one')).toStrictEqual([{ id: 1 }]);
  });

  it('that leaves a transaction open is not recorded, and keeps no connection', async () => {
    const error = await migrate(
      1,
      async (context) => {
        await insert(context, await context.sequelize.transaction());
      },
      async ({ sequelize }) => {
        await sequelize.query('UPDATE account SET n = 0');
      },
    );
    expect((error as Error).message).toContain('has left a transaction open, which was rolled back');
    expect(await accounts()).toStrictEqual(UNTOUCHED);
    expect(await rowsOf(cluster.connection, 'SELECT * FROM "SequelizeMeta"')).toStrictEqual([]);
  });

  it('need not wait for the end of its transaction', async () => {
    const error = await migrate(1, async (context) => {
      const transaction = await context.sequelize.transaction();
      await insert(context, transaction);
      void transaction.commit();
    });
    expect(error).toBeUndefined();
    expect(await accounts()).toStrictEqual([...UNTOUCHED, { id: 3, n: 0 }]);
  });
});

describe('a migration of TypeORM', () => {
  type Work = (queryRunner: QueryRunner) => Promise<unknown>;
  type Mode = 'none' | 'each' | 'all';

  async function migrate(mode: Mode, up: Work): Promise<unknown> {
    class Asks1770000000001 implements MigrationInterface {
      async up(queryRunner: QueryRunner): Promise<void> {
        await up(queryRunner);
      }

      down(): Promise<void> {
        return Promise.resolve();
      }
    }
    const dataSource = createDsqlDataSource({
      ...cluster.orm,
      migrations: [Asks1770000000001],
      migrationsTransactionMode: mode,
      poolSize: 1,
      logging: false,
    });
    await dataSource.initialize();
    try {
      await dataSource.runMigrations();
      return undefined;
    } catch (error) {
      return error;
    } finally {
      await dataSource.query('SELECT 1');
      await dataSource.destroy();
    }
  }

  const ASKING: readonly (readonly [string, Mode, Work])[] = [
    [
      'a query runner of its own',
      'none',
      async ({ dataSource }) => {
        const own = dataSource.createQueryRunner();
        await own.query('CREATE TABLE one (id int)').finally(() => own.release());
      },
    ],
    [
      'a transaction of the data source',
      'each',
      ({ dataSource }) => dataSource.transaction((manager) => manager.query('UPDATE account SET n = 1')),
    ],
    ['the data source', 'all', ({ dataSource }) => dataSource.query('UPDATE account SET n = 1')],
    [
      'a manager of the data source',
      'none',
      ({ dataSource }) => dataSource.manager.query('UPDATE account SET n = 1'),
    ],
  ];

  it.each(ASKING)('that uses %s is refused where the pool has one connection', async (_, mode, up) => {
    const error = await migrate(mode, async (queryRunner) => {
      await queryRunner.query('SELECT 1');
      await up(queryRunner);
    });
    expect(isConfigurationError(error)).toBe(true);
    expect((error as Error).message).toMatch(
      /^poolSize: migration "Asks1770000000001" asks for a second connection, .* Use that query runner and its manager/,
    );
    expect(await accounts()).toStrictEqual(UNTOUCHED);
  });

  it('may use another data source whose pool has one connection, too', async () => {
    const error = await migrate('none', async (queryRunner) => {
      await queryRunner.query('SELECT 1');
      const other = createDsqlDataSource({ ...cluster.orm, poolSize: 1 });
      await other.initialize();
      await other.query('UPDATE account SET n = 1').finally(() => other.destroy());
    });
    expect(error).toBeUndefined();
    expect(await accounts()).toStrictEqual([
      { id: 1, n: 1 },
      { id: 2, n: 1 },
    ]);
  });

  it.each(['each', 'all'] as const)('changes rows in batches in its transaction, mode %s', async (mode) => {
    const error = await migrate(mode, async (queryRunner) => {
      await queryRunner.query('INSERT INTO account VALUES (3, 5)');
      await inBatches(queryRunner, { table: 'account', batchRows: 2 }, ({ condition }) =>
        queryRunner.query(`UPDATE account SET n = n + 1 WHERE ${condition}`),
      );
    });
    expect(error).toBeUndefined();
    expect(await accounts()).toStrictEqual([
      { id: 1, n: 1 },
      { id: 2, n: 1 },
      { id: 3, n: 6 },
    ]);
  });

  it('that calls inBatches in a transaction that it has begun itself is refused', async () => {
    const error = await migrate('none', async (queryRunner) => {
      await queryRunner.startTransaction();
      await inBatches(queryRunner, { table: 'account' }, ({ condition }) =>
        queryRunner.query(`UPDATE account SET n = n + 1 WHERE ${condition}`),
      );
    });
    expect(isUnsupportedFeatureError(error)).toBe(true);
    expect(await accounts()).toStrictEqual(UNTOUCHED);
  });
});
