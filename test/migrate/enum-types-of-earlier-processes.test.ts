import 'reflect-metadata';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { createMigrator } from 'aurora-dsql-orm/sequelize/umzug';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import type { QueryInterface, Sequelize } from 'sequelize';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import type { RunnableMigration } from 'umzug';
import { useCluster } from '../cluster';
import { empty, rowsOf } from './database-state';
import type { Orm } from './sample';

const cluster = useCluster();

beforeEach(() => empty(cluster.connection));

type Statements = readonly string[];

/** Runs the last of some migrations with a data source of its own, which knows nothing of those before. */
async function runWithTypeOrm(all: readonly Statements[]): Promise<void> {
  const migrations = all.map((statements, index) => {
    const migration = class implements MigrationInterface {
      name = `m${1770000000000 + index}`;

      async up(queryRunner: QueryRunner): Promise<void> {
        for (const statement of statements) await queryRunner.query(statement);
      }

      down(): Promise<void> {
        return Promise.resolve();
      }
    };
    return migration;
  });
  const dataSource = createDsqlDataSource({ ...cluster.orm, migrations, logger: 'debug' });
  await dataSource.initialize();
  try {
    await dataSource.runMigrations();
  } finally {
    await dataSource.destroy();
  }
}

/** The same with an instance of its own. */
async function runWithSequelize(all: readonly Statements[]): Promise<void> {
  const sequelize = createDsqlSequelize({ ...cluster.orm, logging: false });
  try {
    await migrate(sequelize, all);
  } finally {
    await sequelize.close();
  }
}

async function migrate(sequelize: Sequelize, all: readonly Statements[], schema?: string): Promise<void> {
  const migrations = all.map((statements, index): RunnableMigration<QueryInterface> => ({
    name: `m${index}`,
    up: async ({ context }) => {
      for (const statement of statements) await context.sequelize.query(statement);
    },
  }));
  const options = { migrations, logger: undefined, ...(schema !== undefined && { schema }) };
  await createMigrator(sequelize, options).up();
}

const BOTH: readonly Orm[] = ['TypeORM', 'Sequelize'];

/** Runs migrations one after the other, each in a process of its own as far as this package can tell. */
async function runEach(orm: Orm, ...all: readonly Statements[]): Promise<void> {
  const run = orm === 'TypeORM' ? runWithTypeOrm : runWithSequelize;
  for (let upTo = 1; upTo <= all.length; upTo++) await run(all.slice(0, upTo));
}

const CREATE = `CREATE TYPE mood AS ENUM ('sad', 'ok')`;
const USE = `CREATE TABLE person (id int PRIMARY KEY, mood mood NOT NULL)`;

/** The labels that the column takes. */
const allowed = async () => {
  const [check] = await rowsOf(
    cluster.connection,
    `SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE conrelid = 'person'::regclass AND contype = 'c'`,
  );
  return [...String(check?.definition).matchAll(/'(\w+)'/g)].map(([, label]) => label);
};

describe.each(BOTH)('with %s', (orm) => {
  it('a type that a migration of an earlier process has made is known where it is first used', async () => {
    await runEach(orm, [CREATE], [USE]);
    expect(await allowed()).toStrictEqual(['sad', 'ok']);
  });

  it('two values that one text adds are both taken', async () => {
    await runEach(
      orm,
      [CREATE, USE],
      ["ALTER TYPE mood ADD VALUE 'glad'; ALTER TYPE mood ADD VALUE 'happy'"],
    );
    expect(await allowed()).toStrictEqual(['sad', 'ok', 'glad', 'happy']);
  });

  it('so is what migrations of earlier processes have made of it', async () => {
    await runEach(
      orm,
      [CREATE],
      [`ALTER TYPE mood ADD VALUE 'great'`],
      [`ALTER TYPE mood RENAME VALUE 'sad' TO 'low'`],
      [`ALTER TYPE mood RENAME TO temper`],
      [`CREATE TABLE person (id int PRIMARY KEY, mood temper NOT NULL)`],
    );
    expect(await allowed()).toStrictEqual(['low', 'ok', 'great']);
  });

  it('one that was dropped is not known any more, and can be made anew', async () => {
    const history = [[CREATE], [`DROP TYPE mood`]];
    await expect(runEach(orm, ...history, [USE])).rejects.toThrow(/mood/);
    await empty(cluster.connection);
    await runEach(orm, ...history, [`CREATE TYPE mood AS ENUM ('new')`], [USE]);
    expect(await allowed()).toStrictEqual(['new']);
  });

  it('one of a migration that has failed is known when that continues, and then to others', async () => {
    const half = [CREATE, `INSERT INTO missing VALUES (1)`];
    await expect(runEach(orm, half)).rejects.toThrow(/missing/);
    await rowsOf(cluster.connection, 'CREATE TABLE missing (id int PRIMARY KEY)');
    await runEach(orm, half, [USE]);
    expect(await allowed()).toStrictEqual(['sad', 'ok']);
  });
});

it('the other ORM knows it, too', async () => {
  await runWithTypeOrm([[CREATE]]);
  await runWithSequelize([[USE]]);
  expect(await allowed()).toStrictEqual(['sad', 'ok']);
});

it('what another process has made of a type is known to one that runs migrations before and after that', async () => {
  const sequelize = createDsqlSequelize({ ...cluster.orm, logging: false });
  const history = [[CREATE], [`ALTER TYPE mood ADD VALUE 'great'`], [USE]];
  await migrate(sequelize, history.slice(0, 1));
  await runWithSequelize(history.slice(0, 2));
  await migrate(sequelize, history);
  await sequelize.close();
  expect(await allowed()).toStrictEqual(['sad', 'ok', 'great']);
});

it('a role that may not create tables runs migrations where the table of enum types is missing', async () => {
  const history: Statements[] = [['CREATE TABLE attic.shelf (id int PRIMARY KEY)']];
  await rowsOf(cluster.connection, 'CREATE SCHEMA attic');
  const owner = createDsqlSequelize({ ...cluster.orm, logging: false });
  await migrate(owner, history, 'attic');
  await owner.query('DROP TABLE attic.aurora_dsql_orm_migration_enum');
  await owner.query('CREATE ROLE keeper WITH LOGIN');
  await owner.query(`AWS IAM GRANT keeper TO '${cluster.local.roleArn}'`);
  await owner.query('GRANT USAGE ON SCHEMA attic TO keeper');
  await owner.query('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA attic TO keeper');
  await owner.close();

  const lines: string[] = [];
  const logging = (line: string) => lines.push(line);
  const sequelize = createDsqlSequelize({ ...cluster.orm, username: 'keeper', logging });
  const isTold = () => lines.some((line) => line.includes('enum type mood is not kept for later processes'));
  history.push(['INSERT INTO attic.shelf VALUES (1)']);
  await migrate(sequelize, history, 'attic');
  expect(isTold()).toBe(false);
  await migrate(sequelize, [...history, [CREATE]], 'attic');
  expect(isTold()).toBe(true);
  await sequelize.close();
  expect(await rowsOf(cluster.connection, 'SELECT * FROM attic.shelf')).toStrictEqual([{ id: 1 }]);
});
