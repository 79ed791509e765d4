import 'reflect-metadata';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { isUnsupportedFeatureError } from 'aurora-dsql-orm';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { useCluster } from '../cluster';
import { empty, withClient } from './database-state';

const cluster = useCluster();

afterEach(() => empty(cluster.connection));

const TABLE = [
  "CREATE TABLE t (id int PRIMARY KEY, tags text[] NOT NULL DEFAULT '{}', nums int[], other jsonb)",
  "INSERT INTO t VALUES (1, '{a,b}', '{1,2}', '{}'), (2, '{}', NULL, NULL), (3, ARRAY['c d','a'], ARRAY[3], NULL)",
];

/** Runs texts as one migration on columns of arrays that are kept as jsonb. */
async function run(...texts: readonly string[]): Promise<void> {
  class Arrays1770000000000 implements MigrationInterface {
    async up(queryRunner: QueryRunner): Promise<void> {
      for (const text of texts) await queryRunner.query(text);
    }
    down(): Promise<void> {
      return Promise.resolve();
    }
  }
  const dsql = { ...cluster.orm.dsql, arrays: 'jsonb' } as const;
  const dataSource = createDsqlDataSource({ ...cluster.orm, dsql, migrations: [Arrays1770000000000] });
  await dataSource.initialize();
  try {
    await dataSource.runMigrations();
  } finally {
    await dataSource.destroy();
  }
}

/** What PostgreSQL 16 answers, with its arrays as JSON. */
it.each<[string, string, unknown[]]>([
  [
    "UPDATE t SET tags = array_append(tags, 'x') WHERE 'a' = ANY(tags)",
    'tags',
    [['a', 'b', 'x'], [], ['c d', 'a', 'x']],
  ],
  [
    "UPDATE t SET tags = array_remove(tags, 'b') || ARRAY['z'] WHERE tags[1] = 'a'",
    'tags',
    [['a', 'z'], [], ['c d', 'a']],
  ],
  [
    "UPDATE t SET nums = nums || 7 WHERE nums @> '{3}' OR cardinality(nums) = 2",
    'nums',
    [[1, 2, 7], null, [3, 7]],
  ],
  ['UPDATE t SET id = id + 10 WHERE NOT (3 = ANY (nums))', 'id', [2, 3, 11]],
  ["DELETE FROM t WHERE tags && ARRAY['b','q'] OR nums = '{3}'", 'id', [2]],
  [
    "UPDATE t SET other = to_jsonb((SELECT count(*) FROM unnest(t.tags) AS tag WHERE tag <> 'a'))",
    'other',
    [1, 0, 1],
  ],
  [
    "UPDATE t SET tags = coalesce(array_replace(tags, 'a', 'A'), '{}') FROM (SELECT 1) AS one",
    'tags',
    [['A', 'b'], [], ['c d', 'A']],
  ],
])('%s', async (sql, column, expected) => {
  await run(...TABLE, sql);
  const { rows } = await withClient(cluster.connection, (client) =>
    client.query<Record<string, unknown>>(`SELECT ${column} FROM t ORDER BY id`),
  );
  expect(rows.map((row) => row[column])).toStrictEqual(expected);
});

it('what JSON cannot do is refused with what it can', async () => {
  const failed: unknown = await run(...TABLE, "UPDATE t SET tags[1] = 'x'").catch((error: unknown) => error);
  expect(isUnsupportedFeatureError(failed)).toBe(true);
  expect((failed as Error).message).toMatch(/jsonb_array_length\(tags\)/);
});
