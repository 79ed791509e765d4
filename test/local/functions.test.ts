import { startLocalDsql } from 'aurora-dsql-orm/local';
import type { LocalDsql } from 'aurora-dsql-orm/local';
import type { Client, QueryResult } from 'pg';
import { oneOfEvery } from '../form';
import { connect, refusal } from './local-client';

describe('inside of SQL functions', () => {
  let local: LocalDsql;
  let client: Client;

  beforeAll(async () => {
    local = await startLocalDsql();
    const setUp = await connect(local);
    for (const sql of [
      'CREATE TABLE items (id int, note text STORAGE EXTERNAL)',
      `CREATE FUNCTION fill(n int) RETURNS int LANGUAGE sql AS 'INSERT INTO items SELECT generate_series(1, n); SELECT 1'`,
      'CREATE FUNCTION atomic(n int) RETURNS void LANGUAGE sql BEGIN ATOMIC INSERT INTO items SELECT generate_series(1, n); END',
      `CREATE FUNCTION outer_fill(n int) RETURNS int LANGUAGE sql AS 'SELECT fill(n)'`,
      'CREATE VIEW filling AS SELECT fill(3001) AS n',
      'CREATE DOMAIN filled AS int CHECK (fill(3001) = VALUE)',
      'CREATE TABLE defaulted (id int, n int DEFAULT fill(3001))',
      `CREATE FUNCTION define() RETURNS void LANGUAGE sql AS 'CREATE TABLE made (n numeric)'`,
      `CREATE FUNCTION define_two() RETURNS void LANGUAGE sql AS 'CREATE TABLE one (n int); CREATE TABLE two (n int)'`,
      `CREATE FUNCTION define_and_fill() RETURNS void LANGUAGE sql AS 'CREATE TABLE one (n int); INSERT INTO items VALUES (1)'`,
      `CREATE FUNCTION enlarge(n int) RETURNS void LANGUAGE sql AS $$ INSERT INTO items SELECT 1, repeat('x', n) $$`,
    ]) {
      await setUp.query(sql);
    }
    await setUp.end();
  });
  afterAll(() => local.stop());
  beforeEach(async () => {
    client = await connect(local);
  });
  afterEach(() => client.end());

  describe.each(oneOfEvery(2, ['extended', 'simple'] as const))('in the %s protocol', (queryMode) => {
    const run = (text: string): Promise<QueryResult<Record<string, unknown>>> =>
      client.query({ text, queryMode } as unknown as string);
    const rowLimit = { code: '54000', message: 'transaction row limit exceeded' };
    const mixed = { code: '0A000', message: 'ddl and dml are not supported in the same transaction' };
    const multiple = { code: '0A000', message: 'multiple ddl statements not supported in a transaction' };

    it.each([
      'SELECT fill(3001)',
      'SELECT atomic(3001)',
      'SELECT outer_fill(3001)',
      'SELECT * FROM filling',
      'SELECT 1::filled',
      'INSERT INTO defaulted (id) VALUES (1)',
      'WITH n AS (SELECT outer_fill(3001) AS it) SELECT * FROM n',
      'EXPLAIN ANALYZE SELECT fill(3001)',
    ])('rows count: %s', async (sql) => {
      expect(await refusal(run(sql))).toEqual(rowLimit);
      expect((await run('SELECT FROM items')).rowCount).toBe(0);
    });

    it('rows count together with those outside', async () => {
      await run('BEGIN');
      expect((await run('SELECT fill(3000)')).rows).toEqual([{ fill: 1 }]);
      expect(await refusal(run('INSERT INTO items VALUES (1)'))).toEqual(rowLimit);
      await run('ROLLBACK');
      expect((await run('EXPLAIN SELECT fill(3001)')).command).toBe('EXPLAIN');
    });

    it('values are measured', async () => {
      expect(await refusal(run('SELECT enlarge(1048577)'))).toEqual({
        code: '54000',
        message: 'datatype limit greater than 1048576 bytes not supported for text',
      });
      await run('BEGIN');
      for (let n = 0; n < 11; n++) await run('SELECT enlarge(1000000)');
      expect((await refusal(run('COMMIT'))).message).toBe('transaction size limit 10mb exceeded');
    });

    it('DDL is DDL', async () => {
      await run('BEGIN');
      await run('INSERT INTO items VALUES (1)');
      expect(await refusal(run('SELECT define()'))).toEqual(mixed);
      await run('ROLLBACK');
      await run('BEGIN');
      await run('SELECT define()');
      expect(await refusal(run('CREATE TABLE more (n int)'))).toEqual(multiple);
      await run('ROLLBACK');
      expect(await refusal(run('SELECT define_two()'))).toEqual(multiple);
      expect(await refusal(run('SELECT define_and_fill()'))).toEqual(mixed);
      await run('SELECT define()');
      const { rows } = await run(
        `SELECT format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attrelid = 'made'::regclass AND attnum = 1`,
      );
      expect(rows).toEqual([{ type: 'numeric(18,6)' }]);
      await run('DROP TABLE made');
    });

    it('what the own transaction has made is known', async () => {
      await run('BEGIN');
      await run(`CREATE FUNCTION own() RETURNS void LANGUAGE sql AS 'INSERT INTO items VALUES (1)'`);
      expect(await refusal(run('SELECT own()'))).toEqual(mixed);
      await run('ROLLBACK');
    });

    it('a conflict is found at COMMIT', async () => {
      await run('CREATE TABLE accounts (id int PRIMARY KEY, n int)');
      await run('INSERT INTO accounts VALUES (1, 0)');
      await run(`CREATE FUNCTION raise() RETURNS void LANGUAGE sql AS 'UPDATE accounts SET n = n + 1'`);
      const other = await connect(local);
      await run('BEGIN');
      await run('SELECT raise()');
      await other.query('SELECT raise()');
      expect((await refusal(run('COMMIT'))).code).toBe('40001');
      await other.end();
      await run('DROP FUNCTION raise');
      await run('DROP TABLE accounts');
    });

    it.each([
      [`'SELECT pg_advisory_lock(1)'`, 'function pg_advisory_lock not supported'],
      [`'TRUNCATE items'`, 'unsupported statement: Truncate'],
      [
        `'SET default_transaction_isolation = serializable'`,
        'setting configuration parameter "default_transaction_isolation" not supported',
      ],
    ])('what DSQL refuses is refused: %s', async (body, message) => {
      const create = `CREATE FUNCTION refused() RETURNS void LANGUAGE sql AS ${body}`;
      expect(await refusal(run(create))).toEqual({ code: '0A000', message });
    });
  });

  it('no advisory lock is found by a detour', async () => {
    const xml = `SELECT query_to_xml('SELECT pg_try_advisory_xact_lock(1)', true, true, '')`;
    expect(await refusal(client.query(xml))).toEqual({
      code: '0A000',
      message: 'function pg_try_advisory_xact_lock not supported',
    });
  });
});
