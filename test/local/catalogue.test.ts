import { startLocalDsql } from 'aurora-dsql-orm/local';
import type { LocalDsql } from 'aurora-dsql-orm/local';
import type { Client, QueryResult } from 'pg';
import { oneOfEvery } from '../form';
import { connect, refusal, withClient } from './local-client';

describe('what only the catalogue tells', () => {
  let local: LocalDsql;
  let client: Client;

  beforeAll(async () => {
    local = await startLocalDsql();
    await withClient(local, async (setUp) => {
      await setUp.query('CREATE TABLE parent (id text PRIMARY KEY, "Odd name" int)');
      await setUp.query('CREATE TABLE child (id bigint PRIMARY KEY, parent_id text, kept int)');
      await setUp.query(`INSERT INTO parent VALUES ('a', 1)`);
      await setUp.query(`INSERT INTO child VALUES (1, 'a', 1)`);
      await setUp.query('CREATE TABLE composite (a int, b int, c int, PRIMARY KEY (a, b))');
      await setUp.query('CREATE SCHEMA other');
      await setUp.query('CREATE TABLE other.empty (id int PRIMARY KEY, n int)');
    });
  });
  afterAll(() => local.stop());
  beforeEach(async () => {
    client = await connect(local);
  });
  afterEach(() => client.end());

  describe.each(oneOfEvery(2, ['extended', 'simple'] as const))('in the %s protocol', (queryMode) => {
    const run = (text: string): Promise<QueryResult<Record<string, unknown>>> =>
      client.query({ text, queryMode } as unknown as string);

    it.each([
      ['ALTER TABLE composite DROP COLUMN b', 'cannot drop primary key column b'],
      ['ALTER TABLE public.composite DROP COLUMN IF EXISTS c, DROP b', 'cannot drop primary key column b'],
      ['ALTER TABLE other.empty DROP COLUMN id CASCADE', 'cannot drop primary key column id'],
      [
        'ALTER TABLE composite DROP CONSTRAINT composite_pkey',
        'unsupported ALTER TABLE DROP CONSTRAINT statement',
      ],
    ])('refuses %s', async (sql, message) => {
      expect(await refusal(run(sql))).toEqual({ code: '0A000', message });
      expect((await run('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    });

    it('lets columns and constraints go that are not of the primary key', async () => {
      await run('CREATE TABLE passing (id int PRIMARY KEY, n int CONSTRAINT positive CHECK (n > 0), m int)');
      await run('ALTER TABLE passing DROP CONSTRAINT positive, DROP COLUMN m');
      await run('ALTER TABLE passing DROP COLUMN n');
      expect((await refusal(run('ALTER TABLE nothing DROP COLUMN n'))).code).toBe('42P01');
      expect((await refusal(run('ALTER TABLE passing DROP COLUMN x'))).code).toBe('42703');
      await run('DROP TABLE passing');
    });

    it('trips over a LEFT JOIN LATERAL that selects a column of the left side', async () => {
      const join = (column: string, table = 'child') =>
        run(`SELECT x.* FROM parent p LEFT JOIN LATERAL (SELECT ${column} FROM ${table} c) x ON true`);
      const wrongType = { code: '42804', message: 'attribute 1 of type child has wrong type' };
      expect(await refusal(join('p.id'))).toEqual(wrongType);
      expect(await refusal(join('p.id', 'public.child'))).toEqual(wrongType);
      expect((await join('c.parent_id')).rows).toEqual([{ parent_id: 'a' }]);
      // The second column of the left side is of another type than that of the right side.
      expect(await refusal(join('p."Odd name"'))).toEqual({
        code: '42804',
        message: 'attribute 2 of type child has wrong type',
      });
    });

    it('shows parameters that only DSQL has', async () => {
      expect((await run('SHOW disable_sync_create_index')).rows).toEqual([
        { disable_sync_create_index: 'on' },
      ]);
      expect((await run('SHOW dsql.enable_batched_nestloop')).rows).toEqual([
        { 'dsql.enable_batched_nestloop': 'on' },
      ]);
      await run('SET disable_sync_create_index TO off');
      expect((await run(`SELECT current_setting('disable_sync_create_index') AS it`)).rows).toEqual([
        { it: 'off' },
      ]);
      await run('RESET disable_sync_create_index');
      expect((await run('SHOW disable_sync_create_index')).rows).toEqual([
        { disable_sync_create_index: 'on' },
      ]);
    });

    it('builds an index at once on an empty table, where the session asks for it', async () => {
      const sync = 'CREATE INDEX empty_n ON other.empty (n)';
      const refused = { code: '0A000', message: 'unsupported mode. please use CREATE INDEX ASYNC.' };
      expect(await refusal(run(sync))).toEqual(refused);
      await run('SET disable_sync_create_index = off');
      expect((await run(sync)).command).toBe('CREATE');
      const valid = await run(`SELECT indisvalid FROM pg_index WHERE indexrelid = 'other.empty_n'::regclass`);
      expect(valid.rows).toEqual([{ indisvalid: true }]);
      expect(await refusal(run('CREATE INDEX child_parent ON child (parent_id)'))).toEqual(refused);
      expect((await refusal(run('CREATE INDEX no_table ON nothing (n)'))).code).toBe('42P01');
      await run('SET disable_sync_create_index = on');
      expect(await refusal(run('CREATE INDEX empty_m ON other.empty (n)'))).toEqual(refused);
      await run('DROP INDEX other.empty_n');
    });
  });
});
