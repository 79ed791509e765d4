import { useCluster } from '../cluster';
import { empty, rowsOf } from './database-state';
import { EarlierProcesses } from './earlier-processes';
import type { Orm } from './sample';

const cluster = useCluster();
const processes = new EarlierProcesses(() => ({
  ...cluster.orm,
  dsql: { ...cluster.orm.dsql, arrays: 'jsonb', rebuild: true } as const,
}));

beforeEach(() => empty(cluster.connection));

const query = (sql: string) => rowsOf(cluster.connection, sql);
const MAKE = [
  `CREATE TABLE post (id int PRIMARY KEY, tags text[], votes int[] NOT NULL DEFAULT '{}', meta jsonb)`,
];

describe.each<Orm>(['TypeORM', 'Sequelize'])('with %s', (orm) => {
  it('a column of arrays that a migration of an earlier process has made takes what is written for arrays', async () => {
    await processes.runEach(
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
    await processes.runEach(
      orm,
      MAKE,
      [`ALTER TABLE post RENAME TO entry`, `ALTER TABLE entry RENAME COLUMN tags TO words`],
      [`ALTER TABLE entry DROP COLUMN votes`, `ALTER TABLE entry ADD COLUMN votes jsonb`],
      [`INSERT INTO entry (id, words, votes) VALUES (1, '{}', '{}')`],
    );
    expect(await query('SELECT words, votes FROM entry')).toStrictEqual([{ words: [], votes: {} }]);
  });

  it('arrays of an enum type take the labels that a later process has added, and no others', async () => {
    await processes.runEach(
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
    await processes.runEach(
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
    await processes.runEach(
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
    await processes.runEach(orm, MAKE);
    await query('DROP TABLE post');
    await query('CREATE TABLE post (id int PRIMARY KEY, tags text)');
    await processes.runEach(orm, MAKE, [`INSERT INTO post VALUES (1, '{a}')`]);
    expect(await query('SELECT tags FROM post')).toStrictEqual([{ tags: '{a}' }]);
  });
});

it('the other ORM knows it, too', async () => {
  await processes.runWithTypeOrm([MAKE]);
  await processes.runWithSequelize([[`INSERT INTO post (id, tags) VALUES (1, '{}')`]]);
  expect(await query('SELECT tags FROM post')).toStrictEqual([{ tags: [] }]);
});
