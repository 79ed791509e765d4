import 'reflect-metadata';
import { createDsqlDataSource, type DsqlDataSourceOptions } from 'aurora-dsql-orm/typeorm';
import {
  QueryFailedError,
  Table,
  TableColumn,
  TableForeignKey,
  TableIndex,
  TableUnique,
  type DataSource,
  type Logger,
  type MigrationInterface,
  type QueryRunner,
} from 'typeorm';
import { useCluster } from '../cluster';

type Step = (queryRunner: QueryRunner) => Promise<unknown>;
type MigrationClass = new () => MigrationInterface;

const cluster = useCluster();
let timestamp = 1_760_000_000_000;
let open: DataSource | undefined;

afterEach(async () => {
  for (const table of ['migrations', 'shelf', 'box', 'note']) {
    await open?.query(`DROP TABLE IF EXISTS ${table} CASCADE`);
  }
  await open?.destroy();
  open = undefined;
});

/** A migration with a name that says when it was written. */
function migration(name: string, up: Step, down: Step = () => Promise.resolve(), transaction?: boolean) {
  timestamp++;
  const written = class implements MigrationInterface {
    readonly transaction = transaction;
    async up(queryRunner: QueryRunner): Promise<void> {
      await up(queryRunner);
    }
    async down(queryRunner: QueryRunner): Promise<void> {
      await down(queryRunner);
    }
  };
  Object.defineProperty(written, 'name', { value: `${name}${timestamp}` });
  return written as MigrationClass;
}

async function dataSourceOf(
  migrations: MigrationClass[],
  more: Partial<DsqlDataSourceOptions> = {},
): Promise<DataSource> {
  open = createDsqlDataSource({ ...cluster.orm, migrations, ...more });
  return open.initialize();
}

const recorded = async (dataSource: DataSource) => {
  const rows = await dataSource.query<{ name: string }[]>('SELECT name FROM migrations ORDER BY id');
  return rows.map(({ name }) => name.replace(/\d+$/, ''));
};

const tables = async (dataSource: DataSource) => {
  const rows = await dataSource.query<{ name: string }[]>(
    "SELECT tablename AS name FROM pg_tables WHERE tablename IN ('shelf', 'box', 'note') ORDER BY 1",
  );
  return rows.map(({ name }) => name);
};

const sql =
  (...texts: string[]): Step =>
  async (queryRunner) => {
    for (const text of texts) await queryRunner.query(text);
  };

const createShelf = sql('CREATE TABLE shelf (id integer PRIMARY KEY, label text)');
const fillShelf = sql("INSERT INTO shelf VALUES (1, 'top')", "INSERT INTO shelf VALUES (2, 'middle')");

describe.each(['none', 'each', 'all'] as const)('in transaction mode %s', (migrationsTransactionMode) => {
  it('migrations run in order, and are reverted one by one from the last', async () => {
    const dataSource = await dataSourceOf(
      [
        migration('Shelf', createShelf, sql('DROP TABLE shelf')),
        migration('Fill', fillShelf, sql('DELETE FROM shelf')),
        migration('Box', sql('CREATE TABLE box (id integer PRIMARY KEY)'), sql('DROP TABLE box')),
      ],
      { migrationsTransactionMode },
    );
    const run = await dataSource.runMigrations();
    expect(run.map(({ name }) => name.replace(/\d+$/, ''))).toStrictEqual(['Shelf', 'Fill', 'Box']);
    expect(await recorded(dataSource)).toStrictEqual(['Shelf', 'Fill', 'Box']);
    expect(await dataSource.showMigrations()).toBe(false);
    expect(await dataSource.runMigrations()).toStrictEqual([]);

    await dataSource.undoLastMigration({ transaction: migrationsTransactionMode });
    expect(await tables(dataSource)).toStrictEqual(['shelf']);
    await dataSource.undoLastMigration({ transaction: migrationsTransactionMode });
    expect(await dataSource.query('SELECT * FROM shelf')).toStrictEqual([]);
    expect(await recorded(dataSource)).toStrictEqual(['Shelf']);
    await dataSource.undoLastMigration({ transaction: migrationsTransactionMode });
    expect(await tables(dataSource)).toStrictEqual([]);
    expect(await dataSource.showMigrations()).toBe(true);
  });

  it('a migration that changes the schema and rows runs, and is recorded', async () => {
    const dataSource = await dataSourceOf(
      [
        migration('Mixed', async (queryRunner) => {
          await createShelf(queryRunner);
          await fillShelf(queryRunner);
          await queryRunner.query('ALTER TABLE shelf ADD COLUMN depth integer');
          await queryRunner.query('UPDATE shelf SET depth = $1', [30]);
        }),
      ],
      { migrationsTransactionMode },
    );
    await dataSource.runMigrations();
    expect(await dataSource.query('SELECT id, depth FROM shelf ORDER BY id')).toStrictEqual([
      { id: 1, depth: 30 },
      { id: 2, depth: 30 },
    ]);
    expect(await recorded(dataSource)).toStrictEqual(['Mixed']);
  });

  it('indexes that raw SQL builds are ready when the migration is recorded', async () => {
    const dataSource = await dataSourceOf(
      [
        migration(
          'Indexes',
          sql(
            'CREATE TABLE shelf (id integer PRIMARY KEY, label text, depth integer)',
            'CREATE TABLE box (id integer PRIMARY KEY)',
            'CREATE UNIQUE INDEX ASYNC shelf_label ON shelf (label)',
            'CREATE INDEX ASYNC shelf_depth ON shelf (depth)',
            'ALTER TABLE shelf ADD CONSTRAINT shelf_label UNIQUE USING INDEX shelf_label',
          ),
        ),
      ],
      { migrationsTransactionMode },
    );
    await dataSource.runMigrations();
    expect(
      await dataSource.query(
        `SELECT c.relname AS name, i.indisvalid AS valid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
         WHERE c.relname IN ('shelf_label', 'shelf_depth') ORDER BY 1`,
      ),
    ).toStrictEqual([
      { name: 'shelf_depth', valid: true },
      { name: 'shelf_label', valid: true },
    ]);
    expect(await recorded(dataSource)).toStrictEqual(['Indexes']);
  });

  it('a migration that was written for PostgreSQL with the methods of the query runner runs, and back', async () => {
    const up: Step = async (queryRunner) => {
      await queryRunner.createTable(
        new Table({
          name: 'shelf',
          columns: [
            { name: 'id', type: 'int', isPrimary: true, isGenerated: true, generationStrategy: 'increment' },
            { name: 'label', type: 'varchar', length: '50' },
          ],
        }),
      );
      await queryRunner.createTable(
        new Table({
          name: 'box',
          columns: [{ name: 'id', type: 'uuid', isPrimary: true, default: 'gen_random_uuid()' }],
        }),
      );
      await queryRunner.query("INSERT INTO shelf (label) VALUES ('top'), ('middle')");
      await queryRunner.addColumn('shelf', new TableColumn({ name: 'depth', type: 'int', default: 30 }));
      await queryRunner.addColumn(
        'box',
        new TableColumn({ name: 'shelfId', type: 'bigint', isNullable: true }),
      );
      await queryRunner.createIndex('shelf', new TableIndex({ name: 'shelf_depth', columnNames: ['depth'] }));
      await queryRunner.createUniqueConstraint(
        'shelf',
        new TableUnique({ name: 'shelf_label', columnNames: ['label'] }),
      );
      await queryRunner.createForeignKey(
        'box',
        new TableForeignKey({
          name: 'box_shelf',
          columnNames: ['shelfId'],
          referencedTableName: 'shelf',
          referencedColumnNames: ['id'],
        }),
      );
      await queryRunner.renameColumn('shelf', 'label', 'title');
    };
    const down: Step = async (queryRunner) => {
      await queryRunner.dropForeignKey('box', 'box_shelf');
      await queryRunner.dropUniqueConstraint('shelf', 'shelf_label');
      await queryRunner.dropIndex('shelf', 'shelf_depth');
      await queryRunner.dropColumn('shelf', 'depth');
      await queryRunner.dropTable('box');
      await queryRunner.dropTable('shelf');
    };
    const dataSource = await dataSourceOf([migration('Ported', up, down)], { migrationsTransactionMode });
    await dataSource.runMigrations();
    expect(await dataSource.query('SELECT title, depth FROM shelf ORDER BY id')).toStrictEqual([
      { title: 'top', depth: 30 },
      { title: 'middle', depth: 30 },
    ]);
    await expect(dataSource.query("INSERT INTO shelf (title) VALUES ('top')")).rejects.toThrow(
      /duplicate key/,
    );
    expect(await recorded(dataSource)).toStrictEqual(['Ported']);
    await dataSource.undoLastMigration({ transaction: migrationsTransactionMode });
    expect(await tables(dataSource)).toStrictEqual([]);
  });

  it('a migration that fails says what of it stays, and is not recorded', async () => {
    const dataSource = await dataSourceOf(
      [migration('Half', sql('CREATE TABLE shelf (id integer PRIMARY KEY)', 'SELECT 1 / 0'))],
      { migrationsTransactionMode },
    );
    const error: unknown = await dataSource.runMigrations().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(QueryFailedError);
    expect((error as Error).message).toMatch(
      /^division by zero\nOne statement of migration "Half\d+" had been/,
    );
    expect(await recorded(dataSource)).toStrictEqual([]);
    expect(await tables(dataSource)).toStrictEqual(['shelf']);
    // Nothing holds on to a connection, and it can be mended and run again.
    expect(await dataSource.query('SELECT 1 AS one')).toStrictEqual([{ one: 1 }]);
  });

  it('a migration whose record conflicts is recorded all the same', async () => {
    const dataSource = await dataSourceOf(
      [
        migration('Shelf', createShelf, sql('DROP TABLE shelf')),
        migration('Box', sql('CREATE TABLE box (id integer PRIMARY KEY)'), sql('DROP TABLE box')),
      ],
      { migrationsTransactionMode },
    );
    const fault = cluster.local.faults.failCommit({ error: 'OC001', table: 'migrations', times: 2 });
    await dataSource.runMigrations();
    expect(fault.fired).toBe(2);
    expect(await recorded(dataSource)).toStrictEqual(['Shelf', 'Box']);
    const undoing = cluster.local.faults.failCommit({ error: 'OC000', table: 'migrations', times: 2 });
    await dataSource.undoLastMigration({ transaction: migrationsTransactionMode });
    expect(undoing.fired).toBe(2);
    expect(await recorded(dataSource)).toStrictEqual(['Shelf']);
    expect(await tables(dataSource)).toStrictEqual(['shelf']);
  });

  it('a migration that is faked is recorded only', async () => {
    const dataSource = await dataSourceOf([migration('Shelf', createShelf, sql('DROP TABLE shelf'))], {
      migrationsTransactionMode,
    });
    await dataSource.runMigrations({ fake: true });
    expect(await recorded(dataSource)).toStrictEqual(['Shelf']);
    await dataSource.undoLastMigration({ fake: true });
    expect(await recorded(dataSource)).toStrictEqual([]);
    expect(await tables(dataSource)).toStrictEqual([]);
  });

  it('nothing can be done before the data source is initialized', async () => {
    const dataSource = createDsqlDataSource({ ...cluster.orm, migrationsTransactionMode });
    await expect(dataSource.runMigrations()).rejects.toThrow(/not yet established/);
    await expect(dataSource.undoLastMigration()).rejects.toThrow(/not yet established/);
  });
});

describe('in a transaction', () => {
  const failing = sql("INSERT INTO shelf VALUES (1, 'top')", 'SELECT 1 / 0');

  it.each<[string, DsqlDataSourceOptions['migrationsTransactionMode'], boolean | undefined]>([
    ['mode each', 'each', undefined],
    ['mode all', 'all', undefined],
    ['transaction = true', 'none', true],
  ])('%s: a migration of rows is undone as a whole, and its error adds nothing', async (_, mode, own) => {
    const dataSource = await dataSourceOf([migration('Fill', failing, undefined, own)], {
      migrationsTransactionMode: mode,
    });
    await dataSource.query('CREATE TABLE shelf (id integer PRIMARY KEY, label text)');
    await expect(dataSource.runMigrations()).rejects.toThrow(/^division by zero$/);
    expect(await dataSource.query('SELECT * FROM shelf')).toStrictEqual([]);
  });

  it('mode each with transaction = false runs statement by statement', async () => {
    const dataSource = await dataSourceOf([migration('Fill', failing, undefined, false)], {
      migrationsTransactionMode: 'each',
    });
    await dataSource.query('CREATE TABLE shelf (id integer PRIMARY KEY, label text)');
    await expect(dataSource.runMigrations()).rejects.toThrow(/One statement of migration/);
    expect(await dataSource.query('SELECT id FROM shelf')).toStrictEqual([{ id: 1 }]);
  });

  it('mode all refuses a migration that wants a mode of its own, as TypeORM does', async () => {
    const dataSource = await dataSourceOf([migration('Shelf', createShelf, undefined, true)], {
      migrationsTransactionMode: 'all',
    });
    await expect(dataSource.runMigrations()).rejects.toThrow(/transaction/);
    expect(await tables(dataSource)).toStrictEqual([]);
  });

  it('mode all: rows of the first migration stay with its record when the second one fails', async () => {
    const dataSource = await dataSourceOf(
      [
        migration('Fill', fillShelf),
        migration('Box', sql('CREATE TABLE box (id integer PRIMARY KEY)')),
        migration('Bad', failing),
      ],
      { migrationsTransactionMode: 'all' },
    );
    await dataSource.query('CREATE TABLE shelf (id integer PRIMARY KEY, label text)');
    await expect(dataSource.runMigrations()).rejects.toThrow(/duplicate key/);
    expect(await recorded(dataSource)).toStrictEqual(['Fill']);
    expect(await tables(dataSource)).toStrictEqual(['box', 'shelf']);
    expect(await dataSource.query('SELECT id FROM shelf ORDER BY id')).toStrictEqual([{ id: 1 }, { id: 2 }]);
  });

  it('a schema change is said to be a transaction of its own', async () => {
    const warnings: string[] = [];
    const nothing = () => undefined;
    const logger: Logger = {
      log: (level, message) => level === 'warn' && warnings.push(String(message)),
      logQuery: nothing,
      logQueryError: nothing,
      logQuerySlow: nothing,
      logSchemaBuild: nothing,
      logMigration: nothing,
    };
    const dataSource = await dataSourceOf([migration('Shelf', createShelf), migration('Fill', fillShelf)], {
      migrationsTransactionMode: 'each',
      logger,
    });
    await dataSource.runMigrations();
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^Migration "Shelf\d+" changes the schema in a transaction/);
  });

  it('one that a migration begins itself is its own', async () => {
    const own: Step = async (queryRunner) => {
      await queryRunner.startTransaction();
      await fillShelf(queryRunner);
      await queryRunner.rollbackTransaction();
    };
    const dataSource = await dataSourceOf([migration('Own', own)]);
    await dataSource.query('CREATE TABLE shelf (id integer PRIMARY KEY, label text)');
    await dataSource.runMigrations();
    expect(await dataSource.query('SELECT * FROM shelf')).toStrictEqual([]);
  });
});

it('migrations run when the data source is initialized, where that is asked for', async () => {
  const dataSource = await dataSourceOf([migration('Shelf', createShelf)], { migrationsRun: true });
  expect(await tables(dataSource)).toStrictEqual(['shelf']);
});

it('migrations are reverted in order whatever the cache of identity columns is', async () => {
  const { dsql, ...orm } = cluster.orm;
  const dataSource = await dataSourceOf(
    [migration('One', createShelf), migration('Two', fillShelf, sql('DELETE FROM shelf'))],
    { ...orm, dsql: { ...dsql, identityCache: 65_536 } },
  );
  await dataSource.runMigrations();
  await dataSource.undoLastMigration();
  expect(await recorded(dataSource)).toStrictEqual(['One']);
  expect(
    await dataSource.query(
      "SELECT cache_size::text AS cache FROM pg_sequences WHERE sequencename LIKE 'migrations%'",
    ),
  ).toStrictEqual([{ cache: '1' }]);
});

it('a raw statement that DSQL refuses says why, and what does the same', async () => {
  const dataSource = await dataSourceOf([
    migration(
      'Indexes',
      sql(
        'CREATE TABLE shelf (id integer PRIMARY KEY, label text)',
        'CREATE INDEX shelf_label ON shelf (label)',
      ),
    ),
  ]);
  const error = (await dataSource.runMigrations().catch((caught: unknown) => caught)) as Error;
  expect(error).toBeInstanceOf(QueryFailedError);
  expect(error).toMatchObject({ code: '0A000' });
  expect(error.message).toContain(
    'This does the same on DSQL:\nCREATE INDEX ASYNC shelf_label ON shelf (label);',
  );
  expect(error.message).toContain('One statement of migration');
});
