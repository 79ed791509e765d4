import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { useCluster } from '../cluster';
import { empty, rowsOf } from './database-state';
import { EarlierProcesses, migrate, type Statements } from './earlier-processes';
import type { Orm } from './sample';

const cluster = useCluster();
const processes = new EarlierProcesses(() => cluster.orm);

beforeEach(() => empty(cluster.connection));

const BOTH: readonly Orm[] = ['TypeORM', 'Sequelize'];

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
    await processes.runEach(orm, [CREATE], [USE]);
    expect(await allowed()).toStrictEqual(['sad', 'ok']);
  });

  it('two values that one text adds are both taken', async () => {
    await processes.runEach(
      orm,
      [CREATE, USE],
      ["ALTER TYPE mood ADD VALUE 'glad'; ALTER TYPE mood ADD VALUE 'happy'"],
    );
    expect(await allowed()).toStrictEqual(['sad', 'ok', 'glad', 'happy']);
  });

  it('so is what migrations of earlier processes have made of it', async () => {
    await processes.runEach(
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
    await expect(processes.runEach(orm, ...history, [USE])).rejects.toThrow(/mood/);
    await empty(cluster.connection);
    await processes.runEach(orm, ...history, [`CREATE TYPE mood AS ENUM ('new')`], [USE]);
    expect(await allowed()).toStrictEqual(['new']);
  });

  it('one of a migration that has failed is known when that continues, and then to others', async () => {
    const half = [CREATE, `INSERT INTO missing VALUES (1)`];
    await expect(processes.runEach(orm, half)).rejects.toThrow(/missing/);
    await rowsOf(cluster.connection, 'CREATE TABLE missing (id int PRIMARY KEY)');
    await processes.runEach(orm, half, [USE]);
    expect(await allowed()).toStrictEqual(['sad', 'ok']);
  });
});

it('the other ORM knows it, too', async () => {
  await processes.runWithTypeOrm([[CREATE]]);
  await processes.runWithSequelize([[USE]]);
  expect(await allowed()).toStrictEqual(['sad', 'ok']);
});

it('what another process has made of a type is known to one that runs migrations before and after that', async () => {
  const sequelize = createDsqlSequelize({ ...cluster.orm, logging: false });
  const history = [[CREATE], [`ALTER TYPE mood ADD VALUE 'great'`], [USE]];
  await migrate(sequelize, history.slice(0, 1));
  await processes.runWithSequelize(history.slice(0, 2));
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
