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
import { oneOfEvery } from '../form';

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

const modes = ['none', 'each', 'all'] as const;

describe.each(oneOfEvery(2, modes))('in transaction mode %s', (migrationsTransactionMode) => {
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
    const isTransaction = migrationsTransactionMode === 'each';
    expect(run.map(({ transaction }) => transaction)).toStrictEqual(Array(3).fill(isTransaction));
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
    // Nothing holds on to a connection, and it can be corrected and run again.
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

  it('a migration that is faked is recorded only, also after conflicts', async () => {
    const dataSource = await dataSourceOf([migration('Shelf', createShelf, sql('DROP TABLE shelf'))], {
      migrationsTransactionMode,
    });
    const fault = cluster.local.faults.failCommit({ error: 'OC000', table: 'migrations', times: 2 });
    await dataSource.runMigrations({ fake: true });
    expect(await recorded(dataSource)).toStrictEqual(['Shelf']);
    const undoing = cluster.local.faults.failCommit({ error: 'OC000', table: 'migrations', times: 2 });
    await dataSource.undoLastMigration({ fake: true, transaction: migrationsTransactionMode });
    expect([fault.fired, undoing.fired]).toStrictEqual([2, 2]);
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

describe('raw SQL that is written for PostgreSQL', () => {
  /** What is told at the level of the schema. */
  function recordingLogger(told: string[]): Logger {
    const nothing = () => undefined;
    return {
      log: nothing,
      logQuery: nothing,
      logQueryError: nothing,
      logQuerySlow: nothing,
      logSchemaBuild: (message) => told.push(message),
      logMigration: nothing,
    };
  }

  const ported = sql(
    'CREATE TABLE shelf (id SERIAL PRIMARY KEY, label varchar)',
    "INSERT INTO shelf (label) SELECT 'number ' || n FROM generate_series(1, 20) AS n",
    'ALTER TABLE shelf ADD depth integer NOT NULL DEFAULT 30',
    'CREATE INDEX shelf_label ON shelf (label)',
    'ALTER TABLE shelf ADD CONSTRAINT shelf_depth CHECK (depth > 0)',
  );

  it.each(oneOfEvery(3, modes))('is carried out, and told: mode %s', async (migrationsTransactionMode) => {
    const told: string[] = [];
    const dataSource = await dataSourceOf([migration('Ported', ported)], {
      migrationsTransactionMode,
      logger: recordingLogger(told),
    });
    await dataSource.runMigrations();
    expect(await dataSource.query('SELECT count(*)::int AS rows FROM shelf WHERE depth = 30')).toStrictEqual([
      { rows: 20 },
    ]);
    expect(told.map((message) => message.replace(/\d{13}/, ''))).toContain(
      'Migration "Ported" instead of CREATE INDEX shelf_label ON shelf (label): CREATE INDEX ASYNC shelf_label ON shelf (label)',
    );
    expect(await recorded(dataSource)).toStrictEqual(['Ported']);
  });

  it('fills more rows than a transaction may change', async () => {
    const fill = "INSERT INTO shelf (label) SELECT 'x' FROM generate_series(1, 2500) AS n";
    const dataSource = await dataSourceOf([
      migration(
        'Many',
        sql(
          'CREATE TABLE shelf (id SERIAL PRIMARY KEY, label varchar)',
          fill,
          fill,
          fill,
          'ALTER TABLE shelf ADD depth integer NOT NULL DEFAULT 30',
        ),
      ),
    ]);
    await dataSource.runMigrations();
    expect(await dataSource.query('SELECT count(depth)::int AS rows FROM shelf')).toStrictEqual([
      { rows: 7500 },
    ]);
  });

  it('keeps its parameters and its result', async () => {
    const results: unknown[] = [];
    const dataSource = await dataSourceOf([
      migration('Ids', async (queryRunner) => {
        await queryRunner.query(
          'CREATE TABLE shelf (id uuid PRIMARY KEY DEFAULT uuid_generate_v4(), label text)',
        );
        results.push(
          await queryRunner.query('INSERT INTO shelf VALUES (uuid_generate_v4(), $1) RETURNING label', [
            'top',
          ]),
          await queryRunner.query('CREATE INDEX shelf_label ON shelf (label)'),
          await queryRunner.query('CREATE EXTENSION IF NOT EXISTS "uuid-ossp"', undefined, true),
        );
      }),
    ]);
    await dataSource.runMigrations();
    expect(results).toMatchObject([[{ label: 'top' }], [], { records: [] }]);
  });

  it('is refused before it is sent where nothing does the same, with the place and what stays', async () => {
    const dataSource = await dataSourceOf([
      migration('Types', async (queryRunner) => {
        await queryRunner.query('CREATE TABLE shelf (id integer PRIMARY KEY, label text)');
        await queryRunner.query('INSERT INTO shelf VALUES (1)');
        await queryRunner.query('ALTER TABLE shelf ALTER COLUMN label TYPE integer USING length(label)');
      }),
    ]);
    const error = (await dataSource.runMigrations().catch((caught: unknown) => caught)) as Error;
    expect(error).toMatchObject({ name: 'UnsupportedFeatureError' });
    expect(error.message).toMatch(/ALTER TABLE shelf ALTER COLUMN label TYPE integer/);
    expect(error.message).toMatch(/migration "Types\d+" \(.*migrations\.test\.ts:\d+:\d+\)/);
    expect(error.message).toMatch(/2 statements of migration "Types\d+" had been committed/);
    expect(await recorded(dataSource)).toStrictEqual([]);
  });

  it('changes the type of a column of an empty table, with what the column is a part of', async () => {
    const dataSource = await dataSourceOf([
      migration(
        'Types',
        sql(
          "CREATE TABLE shelf (id integer PRIMARY KEY, label varchar(5) NOT NULL DEFAULT 'a', depth integer)",
          'CREATE INDEX shelf_both ON shelf (depth, label)',
          'ALTER TABLE shelf ADD CONSTRAINT shelf_label UNIQUE (label), ADD CONSTRAINT full_label CHECK (length(label) > 0)',
          'ALTER TABLE shelf ALTER COLUMN label TYPE text, ALTER depth TYPE bigint USING depth::bigint',
        ),
      ),
    ]);
    await dataSource.runMigrations();
    const columns = await dataSource.query<unknown>(
      "SELECT column_name AS name, data_type AS type, column_default AS value FROM information_schema.columns WHERE table_name = 'shelf' ORDER BY 1",
    );
    expect(columns).toStrictEqual([
      { name: 'depth', type: 'bigint', value: null },
      { name: 'id', type: 'integer', value: null },
      { name: 'label', type: 'text', value: "'a'::text" },
    ]);
    const names = await dataSource.query<unknown>(
      `SELECT conname AS name FROM pg_constraint WHERE conrelid = 'shelf'::regclass AND convalidated AND contype <> 'n'
       UNION SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'shelf'::regclass AND indisvalid ORDER BY 1`,
    );
    expect(names).toStrictEqual(
      ['full_label', 'shelf_both', 'shelf_label', 'shelf_label_not_null', 'shelf_pkey'].map((name) => ({
        name,
      })),
    );
    await dataSource.query('INSERT INTO shelf (id) VALUES (1)');
    await expect(dataSource.query('INSERT INTO shelf (id, label) VALUES (2, NULL)')).rejects.toThrow();
  });

  it.each([
    ['a view', 'CREATE VIEW labels AS SELECT label FROM shelf'],
    [
      'a generated column',
      'CREATE TABLE shelf (id integer PRIMARY KEY, label varchar(5), n integer GENERATED ALWAYS AS (length(label)) STORED)',
    ],
  ])('leaves an empty table as it is where %s depends on the column', async (_, dependent) => {
    const dataSource = await dataSourceOf([
      migration(
        'Types',
        sql(
          ...(dependent.startsWith('CREATE VIEW')
            ? ['CREATE TABLE shelf (id integer PRIMARY KEY, label varchar(5))']
            : []),
          dependent,
          'ALTER TABLE shelf ALTER COLUMN label TYPE text',
        ),
      ),
    ]);
    await expect(dataSource.runMigrations()).rejects.toThrow(/ALTER COLUMN/);
    // What lets nobody write while a column is made anew would still be there.
    await dataSource.query('INSERT INTO shelf (id) VALUES (1)');
    await dataSource.query('DROP VIEW IF EXISTS labels');
  });

  it('is sent as it is written where that is asked for, and refused by Aurora DSQL', async () => {
    const { dsql, ...orm } = cluster.orm;
    const dataSource = await dataSourceOf([migration('Ported', ported)], {
      ...orm,
      dsql: { ...dsql, migrations: { translate: false } },
    });
    await expect(dataSource.runMigrations()).rejects.toMatchObject({ code: '42704' });
  });

  it('stays as it is written outside migrations', async () => {
    const dataSource = await dataSourceOf([]);
    await createShelf(dataSource.createQueryRunner());
    const error: unknown = await dataSource
      .query('CREATE INDEX shelf_label ON shelf (label)')
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(QueryFailedError);
    expect(error).toMatchObject({ code: '0A000' });
    expect((error as Error).message).toContain('CREATE INDEX ASYNC shelf_label ON shelf (label);');
  });
});

describe('an enum type', () => {
  const labels = async (dataSource: DataSource, column = 'state') => {
    const rows = await dataSource.query<{ definition: string }[]>(
      `SELECT pg_get_constraintdef(o.oid) AS definition FROM pg_constraint o
       JOIN pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = o.conkey[1]
       WHERE o.conrelid = 'box'::regclass AND o.contype = 'c' AND o.convalidated AND a.attname = $1`,
      [column],
    );
    return rows.map(({ definition }) => [...definition.matchAll(/'([^']*)'/g)].map(([, label]) => label));
  };

  const create = (type: string) =>
    sql(
      `CREATE TYPE ${type} AS ENUM ('new', 'open')`,
      `CREATE TABLE box (id integer PRIMARY KEY, state ${type} NOT NULL DEFAULT 'new')`,
      "INSERT INTO box VALUES (1, 'new'), (2, 'open')",
    );

  /** What the generator writes where the values of an enum have changed. */
  const replaced = (type: string, values: string, value: string) =>
    sql(
      `ALTER TYPE "public"."${type}" RENAME TO "${type}_old"`,
      `CREATE TYPE "public"."${type}" AS ENUM(${values})`,
      'ALTER TABLE "box" ALTER COLUMN "state" DROP DEFAULT',
      `ALTER TABLE "box" ALTER COLUMN "state" TYPE "public"."${type}" USING "state"::"text"::"public"."${type}"`,
      `ALTER TABLE "box" ALTER COLUMN "state" SET DEFAULT '${value}'`,
      `DROP TYPE "public"."${type}_old"`,
    );

  it.each(oneOfEvery(2, ['phase', 'box_state_enum']))('is followed through a history: %s', async (type) => {
    // Each migration is run by a data source of its own, as by processes that know nothing of each other.
    const steps: [string, Step, (string | undefined)[]][] = [
      ['Create', create(`"public"."${type}"`), ['new', 'open']],
      ['Add', sql(`ALTER TYPE "${type}" ADD VALUE 'shut'`), ['new', 'open', 'shut']],
      ['Again', sql(`ALTER TYPE "${type}" ADD VALUE IF NOT EXISTS 'shut'`), ['new', 'open', 'shut']],
      ['Before', sql(`ALTER TYPE ${type} ADD VALUE 'old' BEFORE 'new'`), ['old', 'new', 'open', 'shut']],
      ['Value', sql(`ALTER TYPE ${type} RENAME VALUE 'new' TO 'fresh'`), ['old', 'fresh', 'open', 'shut']],
      ['Fewer', replaced(type, "'fresh', 'open'", 'fresh'), ['fresh', 'open']],
      ['More', replaced(type, "'fresh', 'open', 'lost'", 'open'), ['fresh', 'open', 'lost']],
      ['Name', sql(`ALTER TYPE ${type} RENAME TO kind`), ['fresh', 'open', 'lost']],
      ['Other', sql("ALTER TYPE kind ADD VALUE 'last'"), ['fresh', 'open', 'lost', 'last']],
      [
        'Cast',
        sql("UPDATE box SET state = 'last'::kind WHERE state::kind = 'open'"),
        ['fresh', 'open', 'lost', 'last'],
      ],
    ];
    const migrations: MigrationClass[] = [];
    for (const [name, step, expected] of steps) {
      migrations.push(migration(name, step));
      await open?.destroy();
      const dataSource = await dataSourceOf(migrations);
      await dataSource.runMigrations();
      expect([name, await labels(dataSource)]).toStrictEqual([name, [expected]]);
    }
    expect(await open?.query('SELECT id, state FROM box ORDER BY id')).toStrictEqual([
      { id: 1, state: 'fresh' },
      { id: 2, state: 'last' },
    ]);
    await open?.query('INSERT INTO box (id) VALUES (3)');
    await expect(open?.query("INSERT INTO box VALUES (4, 'shut')")).rejects.toMatchObject({ code: '23514' });
  });

  it('becomes a text, and a text becomes one', async () => {
    const dataSource = await dataSourceOf([
      migration('Create', create('phase')),
      migration(
        'Text',
        sql('ALTER TABLE box ALTER COLUMN state DROP DEFAULT, ALTER state TYPE text USING state::text'),
      ),
    ]);
    await dataSource.runMigrations();
    expect(await labels(dataSource)).toStrictEqual([]);
    await dataSource.destroy();
    const later = await dataSourceOf([
      migration(
        'Enum',
        sql(
          "CREATE TYPE stage AS ENUM ('new', 'open')",
          'ALTER TABLE box ALTER COLUMN state TYPE stage USING (state::stage)',
        ),
      ),
    ]);
    await later.runMigrations();
    expect(await labels(later)).toStrictEqual([['new', 'open']]);
  });

  it.each([{}, { rebuild: true }])(
    'loses its labels where a column takes another type: %j',
    async (options) => {
      const dataSource = await dataSourceOf(
        [
          migration(
            'Length',
            sql(
              "CREATE TYPE phase AS ENUM ('new', 'open')",
              'CREATE TABLE box (id integer PRIMARY KEY, state phase)',
              'ALTER TABLE box ALTER COLUMN state TYPE varchar(20)',
              "INSERT INTO box VALUES (1, 'neither')",
            ),
          ),
        ],
        { dsql: { ...cluster.orm.dsql, ...options } },
      );
      await dataSource.runMigrations();
      expect(await labels(dataSource)).toStrictEqual([]);
      await dataSource.query('DROP TABLE IF EXISTS box__old');
    },
  );

  it('whose labels cannot be known is refused', async () => {
    const dataSource = await dataSourceOf([migration('Unknown', sql("ALTER TYPE unheard ADD VALUE 'next'"))]);
    await expect(dataSource.runMigrations()).rejects.toThrow(
      /its labels are not known\. Write the CREATE TYPE/,
    );
  });

  it('that is a new one in each migration is dropped', async () => {
    const dataSource = await dataSourceOf([
      migration('Create', create('phase'), sql('DROP TABLE box', 'DROP TYPE phase')),
    ]);
    await dataSource.runMigrations();
    await dataSource.undoLastMigration();
    expect(await tables(dataSource)).toStrictEqual([]);
  });
});
