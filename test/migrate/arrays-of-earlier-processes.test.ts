import 'reflect-metadata';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { createMigrator } from 'aurora-dsql-orm/sequelize/umzug';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { useCluster } from '../cluster';
import { empty, rowsOf } from './database-state';
import type { Orm } from './sample';

const cluster = useCluster();
const dsql = () => ({
  ...cluster.orm,
  dsql: { ...cluster.orm.dsql, arrays: 'jsonb', rebuild: true } as const,
});

beforeEach(() => empty(cluster.connection));

type Statements = readonly string[];

/** Runs the last of some migrations with a data source of its own, which knows nothing of those before. */
async function runWithTypeOrm(all: readonly Statements[]): Promise<void> {
  const migrations = all.map((statements, index) => {
    return class implements MigrationInterface {
      name = `m${1770000000000 + index}`;

      async up(queryRunner: QueryRunner): Promise<void> {
        for (const statement of statements) await queryRunner.query(statement);
      }

      down(): Promise<void> {
        return Promise.resolve();
      }
    };
  });
  const dataSource = createDsqlDataSource({ ...dsql(), migrations, logger: 'debug' });
  await dataSource.initialize();
  try {
    await dataSource.runMigrations();
  } finally {
    await dataSource.destroy();
  }
}

/** The same with an instance of its own. */
async function runWithSequelize(all: readonly Statements[]): Promise<void> {
  const sequelize = createDsqlSequelize({ ...dsql(), logging: false });
  const migrations = all.map((statements, index) => ({
    name: `m${String(index)}`,
    up: async () => {
      for (const statement of statements) await sequelize.query(statement);
    },
  }));
  try {
    await createMigrator(sequelize, { migrations, logger: undefined }).up();
  } finally {
    await sequelize.close();
  }
}

/** Runs migrations one after the other, each in a process of its own as far as this package can tell. */
async function runEach(orm: Orm, ...all: readonly Statements[]): Promise<void> {
  const run = orm === 'TypeORM' ? runWithTypeOrm : runWithSequelize;
  for (let upTo = 1; upTo <= all.length; upTo++) await run(all.slice(0, upTo));
}

const query = (sql: string) => rowsOf(cluster.connection, sql);
const MAKE = [
  `CREATE TABLE post (id int PRIMARY KEY, tags text[], votes int[] NOT NULL DEFAULT '{}', meta jsonb)`,
];

describe.each<Orm>(['TypeORM', 'Sequelize'])('with %s', (orm) => {
  it('a column of arrays that a migration of an earlier process has made takes what is written for arrays', async () => {
    await runEach(
      orm,
      MAKE,
      [
        `ALTER TABLE post ALTER COLUMN tags SET DEFAULT '{}'`,
        `ALTER TABLE post ALTER COLUMN votes SET DEFAULT '{1,2}'`,
        `ALTER TABLE post ALTER COLUMN meta SET DEFAULT '{}'`,
        `INSERT INTO post (id) VALUES (1)`,
        `INSERT INTO post VALUES (2, '{a,b}', '{}', '{}')`,
      ],
      [`UPDATE post SET tags = array_append(tags, 'c') WHERE 1 = ANY(votes)`],
    );
    expect(await query('SELECT id, tags, votes, meta FROM post ORDER BY id')).toStrictEqual([
      { id: 1, tags: ['c'], votes: [1, 2], meta: {} },
      { id: 2, tags: ['a', 'b'], votes: [], meta: {} },
    ]);
  });

  it('so does one that got another name since, and one that is an array no more takes JSON', async () => {
    await runEach(
      orm,
      MAKE,
      [`ALTER TABLE post RENAME TO entry`, `ALTER TABLE entry RENAME COLUMN tags TO words`],
      [`ALTER TABLE entry DROP COLUMN votes`, `ALTER TABLE entry ADD COLUMN votes jsonb`],
      [`INSERT INTO entry (id, words, votes) VALUES (1, '{}', '{}')`],
    );
    expect(await query('SELECT words, votes FROM entry')).toStrictEqual([{ words: [], votes: {} }]);
  });

  it('arrays of an enum type take the labels that a later process has added, and no others', async () => {
    await runEach(
      orm,
      [`CREATE TYPE mood AS ENUM ('sad', 'ok')`, 'CREATE TABLE post (id int PRIMARY KEY, moods mood[])'],
      [`ALTER TYPE mood ADD VALUE 'great'`],
      [`INSERT INTO post VALUES (1, '{great,sad}')`],
    );
    expect(await query('SELECT moods FROM post')).toStrictEqual([{ moods: ['great', 'sad'] }]);
    await expect(query(`INSERT INTO post VALUES (2, '["bad"]')`)).rejects.toThrow(
      /post_moods|mood_moods_enum/,
    );
  });

  it('one of a table that was dropped says nothing of the next one of its name', async () => {
    await runEach(
      orm,
      MAKE,
      ['DROP TABLE post'],
      ['CREATE TABLE post (id int PRIMARY KEY, tags jsonb)'],
      [`INSERT INTO post VALUES (1, '{}')`],
    );
    expect(await query('SELECT tags FROM post')).toStrictEqual([{ tags: {} }]);
  });

  it('one of another schema says nothing of the table of the same name', async () => {
    await query('CREATE SCHEMA audit');
    await runEach(
      orm,
      [
        'CREATE TABLE audit.post (id int PRIMARY KEY, tags text[])',
        'CREATE TABLE post (id int PRIMARY KEY, tags text)',
        `INSERT INTO audit.post VALUES (1, '{a}')`,
        `INSERT INTO post VALUES (1, '{a}')`,
      ],
      [
        `INSERT INTO audit.post VALUES (2, '{b}')`,
        `ALTER TABLE post ALTER COLUMN tags SET DEFAULT '{}'`,
        `UPDATE post SET tags = '{b}' WHERE id = 1`,
        `INSERT INTO post (id) VALUES (2)`,
      ],
    );
    expect(
      await query(
        'SELECT p.id, p.tags, a.tags AS noted FROM post p, audit.post a WHERE p.id = a.id ORDER BY 1',
      ),
    ).toStrictEqual([
      { id: 1, tags: '{b}', noted: ['a'] },
      { id: 2, tags: '{}', noted: ['b'] },
    ]);
  });

  it('one says nothing of a column of another type that something else has made in its place', async () => {
    await runEach(orm, MAKE);
    await query('DROP TABLE post');
    await query('CREATE TABLE post (id int PRIMARY KEY, tags text)');
    await runEach(orm, MAKE, [`INSERT INTO post VALUES (1, '{a}')`]);
    expect(await query('SELECT tags FROM post')).toStrictEqual([{ tags: '{a}' }]);
  });
});

it('the other ORM knows it, too', async () => {
  await runWithTypeOrm([MAKE]);
  await runWithSequelize([[`INSERT INTO post (id, tags) VALUES (1, '{}')`]]);
  expect(await query('SELECT tags FROM post')).toStrictEqual([{ tags: [] }]);
});
