import { startLocalDsql } from 'aurora-dsql-orm/local';
import type { LocalDsql } from 'aurora-dsql-orm/local';
import type { Client } from 'pg';
import { oneOfEvery } from '../form';
import { connect, refusal, withClient, withLocalDsql } from './local-client';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

describe('limits of the local DSQL', () => {
  let local: LocalDsql;
  let elapsedMs = 0;

  beforeAll(async () => {
    local = await startLocalDsql({ clock: () => new Date(Date.now() + elapsedMs) });
    await withClient(local, (client) => client.query('CREATE TABLE things (id int PRIMARY KEY, value text)'));
  });
  afterAll(() => local.stop());
  afterEach(() => {
    elapsedMs = 0;
  });

  describe('for connections', () => {
    it('end one after 60 minutes', async () => {
      const client = await connect(local);
      elapsedMs += 59 * MINUTE;
      await client.query('SELECT 1');
      elapsedMs += MINUTE;
      expect(await refusal(client.query('SELECT 1'))).toEqual({
        code: undefined,
        message: 'Connection terminated unexpectedly',
      });
    });

    it('end an idle one, too', async () => {
      const client = await connect(local);
      const ended = new Promise((resolve) => client.once('end', resolve));
      elapsedMs += 60 * MINUTE;
      await expect(ended).resolves.toBeUndefined();
    });

    it('let a transaction that was begun in time have its five minutes', async () => {
      const client = await connect(local);
      elapsedMs += 59 * MINUTE;
      await client.query('BEGIN');
      elapsedMs += 2 * MINUTE;
      await client.query('INSERT INTO things VALUES (60)');
      await client.query('COMMIT');
      expect((await refusal(client.query('SELECT 1'))).message).toBe('Connection terminated unexpectedly');
      elapsedMs = 0;
      await withClient(local, async (other) => {
        expect((await other.query('DELETE FROM things WHERE id = 60')).rowCount).toBe(1);
      });
    });

    it('take a number of them that can be chosen', async () => {
      await withLocalDsql({ maxConnections: 2 }, async (small) => {
        const [one, two] = [await connect(small), await connect(small)];
        expect(await refusal(connect(small))).toEqual({
          code: '53300',
          message: 'Unable to accept connection, too many open connections.',
        });
        await one.end();
        const three = await connect(small);
        await Promise.all([two.end(), three.end()]);
      });
      await expect(startLocalDsql({ maxConnections: 0 })).rejects.toThrow(
        'maxConnections: expected an integer from 1 to 10000, got 0',
      );
    });
  });

  describe('for what is defined', () => {
    let client: Client;
    beforeEach(async () => {
      client = await connect(local);
    });
    afterEach(() => client.end());

    const columns = (count: number, from = 0) =>
      Array.from({ length: count }, (_nothing, index) => `c${index + from} int`).join(', ');

    it.each([
      ['bytea', 'bytea'],
      ['jsonb', 'jsonb'],
      ['interval', 'interval'],
      ['timetz', 'time with time zone'],
    ])('take no %s as a key', async (type, name) => {
      const refused = { code: '0A000', message: `datatype ${name} is not supported in a key` };
      expect(await refusal(client.query(`CREATE TABLE keyed (id ${type} PRIMARY KEY)`))).toEqual(refused);
      await client.query(`CREATE TABLE keyed (id int PRIMARY KEY, value ${type})`);
      expect(await refusal(client.query('CREATE INDEX ASYNC ON keyed (value)'))).toEqual(refused);
      await client.query('CREATE INDEX ASYNC ON keyed (id) INCLUDE (value)');
      await client.query('DROP TABLE keyed');
    });

    it('say so of types without an order in the same words', async () => {
      expect(await refusal(client.query('CREATE TABLE keyed (id json PRIMARY KEY)'))).toEqual({
        code: '0A000',
        message: 'datatype json is not supported in a key',
      });
      await client.query('CREATE TABLE keyed (id int PRIMARY KEY, value text)');
      expect(
        await refusal(client.query(`CREATE INDEX ASYNC ON keyed ((string_to_array(value, ',')))`)),
      ).toEqual({ code: '0A000', message: 'datatype text[] is not supported in a key' });
      await client.query('DROP TABLE keyed');
    });

    it('take 8 columns in a key', async () => {
      await client.query(`CREATE TABLE wide (${columns(9)}, PRIMARY KEY (c0, c1, c2, c3, c4, c5, c6, c7))`);
      const tooMany = {
        code: '54011',
        message: 'more than 8 column keys in an index are not supported',
      };
      expect(
        await refusal(client.query('CREATE INDEX ASYNC ON wide (c0, c1, c2, c3, c4, c5, c6, c7, c8)')),
      ).toEqual(tooMany);
      await client.query('DROP TABLE wide');
    });

    it.each([
      ['without a primary key', '', 'tables can have at most 255 columns'],
      ['with one', ', PRIMARY KEY (c0)', 'cannot use more than 256 columns in an index'],
    ])("take 256 columns in a table %s (AWS's skill, 2026-10-01)", async (_which, key, message) => {
      const tooMany = { code: '54011', message };
      expect(await refusal(client.query(`CREATE TABLE wide (${columns(257)}${key})`))).toEqual(tooMany);
      await client.query(`CREATE TABLE wide (${columns(255)}${key})`);
      await client.query('ALTER TABLE wide ADD COLUMN last int');
      expect(await refusal(client.query('ALTER TABLE wide ADD COLUMN more int'))).toEqual(tooMany);
      await client.query('ALTER TABLE wide DROP COLUMN last');
      await client.query('ALTER TABLE wide ADD COLUMN more int');
      await client.query('DROP TABLE wide');
    });

    it('take 24 indexes on a table, its keys and those being built among them (2026-10-01)', async () => {
      await client.query('CREATE TABLE indexed (id int PRIMARY KEY, n int UNIQUE)');
      for (let n = 2; n < 24; n++) await client.query('CREATE INDEX ASYNC ON indexed (n)');
      expect(await refusal(client.query('CREATE INDEX ASYNC one_more ON indexed (n)'))).toEqual({
        code: '54000',
        message: 'more than 24 indexes per table are not allowed',
      });
      expect((await client.query(`SELECT FROM pg_class WHERE relname = 'one_more'`)).rowCount).toBe(0);
      await client.query('DROP TABLE indexed');
    });

    it('take 5 extended statistics on a table', async () => {
      await client.query('CREATE TABLE described (a int, b int)');
      for (let n = 0; n < 5; n++) await client.query(`CREATE STATISTICS s${n} ON a, b FROM described`);
      expect(await refusal(client.query('CREATE STATISTICS s5 ON a, b FROM described'))).toEqual({
        code: '54000',
        message: 'more than 5 extended statistics per table are not allowed',
      });
      await client.query('DROP TABLE described');
    });

    it("take 10 schemas besides public and sys (AWS's skill, 2026-10-01)", async () => {
      for (let n = 1; n <= 10; n++) await client.query(`CREATE SCHEMA s${n}`);
      expect(await refusal(client.query('CREATE SCHEMA s11'))).toEqual({
        code: '54000',
        message: 'more than 10 schemas not allowed',
      });
      for (let n = 1; n <= 10; n++) await client.query(`DROP SCHEMA s${n}`);
      await client.query('CREATE SCHEMA s11');
      await client.query('DROP SCHEMA s11');
    });

    it.each([
      'CREATE TABLE long (id int PRIMARY KEY, url varchar(2048) UNIQUE)',
      `CREATE TABLE long (${[0, 1, 2, 3, 4, 5, 6, 7].map((n) => `c${n} varchar(255)`).join()}, PRIMARY KEY (c0, c1, c2, c3, c4, c5, c6, c7))`,
      'CREATE TABLE long (a char(1000), b varchar(1001), UNIQUE (a, b))',
      'CREATE INDEX ASYNC ON urls (url)',
    ])("take keys that are declared with 2,000 bytes (AWS's skill, 2026-10-01): not %s", async (sql) => {
      await client.query('CREATE DOMAIN url AS varchar(2048)');
      await client.query(
        'CREATE TABLE urls (id varchar(2000) PRIMARY KEY, other varchar(2000) UNIQUE, url url)',
      );
      expect(await refusal(client.query(sql))).toEqual({
        code: '54000',
        message: 'key size greater than 2000 bytes not supported',
      });
      await client.query('DROP TABLE urls');
      await client.query('DROP DOMAIN url');
    });

    it.each([
      ['CREATE TABLE stored (v tags)', 'label[]'],
      ['CREATE TABLE stored (v things[])', 'things[]'],
      ['CREATE TABLE stored (LIKE arrays)', 'integer[]'],
      ['CREATE TABLE stored (v arrays)', 'integer[]'],
      ['CREATE TABLE stored (v information_schema.sql_identifier)', 'name'],
      ['ALTER TABLE things ADD COLUMN v label[]', 'label[]'],
    ])('store no type that comes by a detour: %s', async (sql, type) => {
      await client.query('CREATE DOMAIN label AS text');
      await client.query('CREATE DOMAIN tags AS label[]');
      await client.query('CREATE VIEW arrays AS SELECT ARRAY[1] AS a');
      expect(await refusal(client.query(sql))).toEqual({
        code: '0A000',
        message: `datatype ${type} not supported`,
      });
      await client.query('DROP VIEW arrays');
      await client.query('DROP DOMAIN tags');
      await client.query('DROP DOMAIN label');
    });

    it("take views of 120 KiB, and numbers of 1,000 digits (AWS's skill, 2026-10-01)", async () => {
      await client.query(`CREATE VIEW long AS SELECT '${'x'.repeat(120 * 1024)}' AS a`);
      await client.query('DROP VIEW long');
      expect(
        await refusal(client.query(`CREATE VIEW long AS SELECT '${'x'.repeat(525 * 1024)}' AS a`)),
      ).toEqual({
        code: '54000',
        message: 'view definition too large',
      });
      const nested = `CREATE VIEW deep AS SELECT ${'1+'.repeat(40_000)}1 AS a`;
      expect(await refusal(client.query(nested))).toEqual({
        code: '54001',
        message: 'stack depth limit exceeded',
      });
      expect(await refusal(client.query('CREATE TABLE exact (n numeric(1001, 2))'))).toEqual({
        code: '22023',
        message: 'NUMERIC precision 1001 must be between 1 and 1000',
      });
    });
  });

  describe.each(oneOfEvery(2, ['extended', 'simple'] as const))(
    'for what is written, in the %s protocol',
    (queryMode) => {
      let client: Client;
      const run = (text: string, values?: readonly unknown[]) =>
        client.query({ text, queryMode, ...(values && { values: [...values] }) } as unknown as string);
      const rowLimit = { code: '54000', message: 'transaction row limit exceeded' };
      const keyTooLarge = { code: '54000', message: 'key size too large' };

      beforeAll(async () => {
        await withClient(local, async (setUp) => {
          await setUp.query('CREATE TABLE keyed (id int PRIMARY KEY, a text UNIQUE, b text, c text)');
          await setUp.query('CREATE INDEX ASYNC ON keyed (lower(b), c) WHERE id > 0');
          await setUp.query('CREATE TABLE large (id int PRIMARY KEY, value text, more text)');
          await setUp.query(
            'ALTER TABLE large ALTER value SET STORAGE EXTERNAL, ALTER more SET STORAGE EXTERNAL',
          );
          await setUp.query('CREATE TABLE parents (id int PRIMARY KEY)');
          await setUp.query(
            'CREATE TABLE children (id int PRIMARY KEY, parent int REFERENCES parents ON DELETE CASCADE ON UPDATE CASCADE)',
          );
          await setUp.query(
            'CREATE TABLE grandchildren (id int PRIMARY KEY, child int REFERENCES children ON DELETE SET NULL)',
          );
          await setUp.query('INSERT INTO parents SELECT generate_series(1, 2)');
          await setUp.query('INSERT INTO children SELECT n, 1 + n % 2 FROM generate_series(1, 2999) n');
          await setUp.query('INSERT INTO grandchildren SELECT n, n FROM generate_series(2, 2998, 2) n');
        });
      });
      afterAll(async () => {
        await withClient(local, async (tearDown) => {
          await tearDown.query('DROP TABLE keyed, large, grandchildren, children, parents');
        });
      });
      beforeEach(async () => {
        client = await connect(local);
      });
      afterEach(() => client.end());

      // 7 bytes less for each further column; a secondary index carries the primary key, an integer.
      it.each([
        ['a', 0, 1981 - 7 - 4],
        ['c', 1, 1981 - 14 - 4],
        ['b', 1, 1981 - 14 - 4],
      ])("take 1,981 bytes as a key: %s (AWS's skill, 2026-10-01)", async (column, id, size) => {
        const insert = (length: number) =>
          queryMode === 'simple'
            ? run(`INSERT INTO keyed (id, ${column}) VALUES (${id}, '${'x'.repeat(length)}')`)
            : run(`INSERT INTO keyed (id, ${column}) VALUES ($1, $2)`, [id, 'x'.repeat(length)]);
        expect(await refusal(insert(size + 1))).toEqual(keyTooLarge);
        expect(await refusal(insert(4000))).toEqual(keyTooLarge);
        expect((await insert(size)).rowCount).toBe(1);
        expect(await refusal(run(`UPDATE keyed SET ${column} = ${column} || 'x' WHERE id = ${id}`))).toEqual(
          keyTooLarge,
        );
        await run('DELETE FROM keyed');
      });

      it('take two columns of a key together, and only rows that are in the index', async () => {
        const insert = `INSERT INTO keyed (id, b, c) SELECT $, repeat('x', 1000), repeat('y', 1000)`;
        expect(await refusal(run(insert.replace('$', '1')))).toEqual(keyTooLarge);
        expect((await run(insert.replace('$', '0'))).rowCount).toBe(1);
        await run('DELETE FROM keyed');
      });

      it("take 1 MiB as a value, as it is stored, and 2 MiB as a row (AWS's skill, 2026-10-01)", async () => {
        const insert = (value: number, more: number) =>
          run(`INSERT INTO large VALUES (1, repeat('x', ${value}), repeat('y', ${more}))`);
        const mebibyte = 2 ** 20;
        expect(await refusal(insert(mebibyte + 1, 0))).toEqual({
          code: '54000',
          message: 'datatype limit greater than 1048576 bytes not supported for text',
        });
        expect(await refusal(insert(mebibyte, mebibyte))).toEqual({
          code: '54000',
          message: 'maximum row size exceeded',
        });
        expect((await insert(mebibyte, mebibyte - 100)).rowCount).toBe(1);
        await run('DELETE FROM large');
      });

      it('let a long statement pass that writes nothing', async () => {
        const insert = `INSERT INTO large SELECT 1, repeat('x', 10) ON CONFLICT DO NOTHING -- ${'x'.repeat(2000)}`;
        expect((await run(insert)).rowCount).toBe(1);
        expect((await run(insert)).rowCount).toBe(0);
        await run('DELETE FROM large');
      });

      it("take 10 MiB in a transaction, and say so at COMMIT (AWS's skill, 2026-10-01)", async () => {
        const tooMuch = { code: '54000', message: 'transaction size limit 10mb exceeded' };
        const insert = (from: number, to: number) =>
          run(`INSERT INTO large SELECT n, repeat('x', 1000000) FROM generate_series(${from}, ${to}) n`);
        await run('BEGIN');
        await insert(1, 10);
        await insert(11, 11);
        const error: unknown = await run('COMMIT').catch((reason: unknown) => reason);
        expect(error).toMatchObject({ ...tooMuch, detail: 'Current transaction size 10.49mb > 10mb' });
        expect(await refusal(insert(1, 11))).toEqual(tooMuch);
        await insert(1, 10);
        await insert(11, 11);
        // An UPDATE writes the whole row again.
        expect(await refusal(run('UPDATE large SET id = id + 100'))).toEqual(tooMuch);
        await run('BEGIN');
        await run('UPDATE large SET id = id + 100');
        expect(await refusal(run('COMMIT'))).toEqual(tooMuch);
        expect((await run('SELECT min(id) FROM large')).rows).toEqual([{ min: 1 }]);
        await run('DELETE FROM large');
      });

      it('count what many statements write once, by whichever name of the table', async () => {
        await run('BEGIN');
        for (let id = 1; id <= 10; id++) {
          const table = id % 2 === 0 ? 'large' : 'public.large';
          await run(`INSERT INTO ${table} VALUES (${id}, repeat('x', 1000000))`);
        }
        expect((await run('COMMIT')).command).toBe('COMMIT');
        await run('DELETE FROM large');
      });

      it('count rows and entries of indexes toward the 10 MiB', async () => {
        // 500 rows of 9.11 MiB with four indexes on texts of 100 bytes were the most that a cluster took.
        const name = `costly_${queryMode}`;
        await run(
          `CREATE TABLE ${name} (id int PRIMARY KEY, v text STORAGE EXTERNAL, a text, b text, c text, d text)`,
        );
        for (const column of 'abcd') await run(`CREATE INDEX ASYNC ON ${name} (${column})`);
        const insert = (mebibytes: number) =>
          run(
            `INSERT INTO ${name} SELECT n, repeat('x', ${Math.floor((mebibytes * 2 ** 20) / 500) - 400}),
             repeat('a', 100), repeat('b', 100), repeat('c', 100), repeat('d', 100) FROM generate_series(1, 500) n`,
          );
        expect((await refusal(insert(9.2))).message).toBe('transaction size limit 10mb exceeded');
        expect((await insert(9.05)).rowCount).toBe(500);
        await run(`DROP TABLE ${name}`);
      });

      it("take 128 MiB of temporary space in a query (AWS's skill, 2026-10-01)", async () => {
        const sorted = `SELECT count(*) FROM (SELECT repeat('x', 1000) || n FROM generate_series(1, 250000) n ORDER BY 1 OFFSET 1) s`;
        expect(await refusal(run(sorted))).toEqual({
          code: '54000',
          message: 'query requires more than allowed temp space of 131072 KB to execute',
        });
      });

      it('count the rows that a foreign key changes', async () => {
        // 1 parent, its 1,499 children, and the 1,499 grandchildren of those.
        await run('BEGIN');
        expect((await run('DELETE FROM parents WHERE id = 1')).rowCount).toBe(1);
        await run('INSERT INTO things VALUES (1)');
        expect(await refusal(run('INSERT INTO things VALUES (2)'))).toEqual(rowLimit);
        await run('ROLLBACK');
        expect(await refusal(run('DELETE FROM parents'))).toEqual(rowLimit);
        expect(await refusal(run('UPDATE parents SET id = id + 10'))).toEqual(rowLimit);
        expect((await run('SELECT count(*)::int FROM children')).rows).toEqual([{ count: 2999 }]);
      });

      it('count the rows that a WITH changes', async () => {
        const moving = (rows: number) =>
          run(
            `WITH gone AS (DELETE FROM parents WHERE id < 0),
                made AS (INSERT INTO things SELECT n FROM generate_series(10, ${9 + rows}) n RETURNING id)
           SELECT count(*)::int FROM made`,
          );
        await run('BEGIN');
        expect((await moving(3000)).rows).toEqual([{ count: 3000 }]);
        await run('ROLLBACK');
        expect(await refusal(moving(3001))).toEqual(rowLimit);
      });
    },
  );
});
