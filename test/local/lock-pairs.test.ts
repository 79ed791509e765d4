import { startLocalDsql } from 'aurora-dsql-orm/local';
import type { LocalDsql } from 'aurora-dsql-orm/local';
import type { Client } from 'pg';
import { byForm } from '../form';
import { connect, refusal, withClient } from './local-client';
import { RawClient } from './raw-client';

/**
 * How long a statement may take that meets a lock of an idle transaction: the step of the lock monitor, half a second,
 * for those that cannot be displaced, and room for a machine that has other things to do.
 */
const MAX_MS = 2000;

/** What one session does in an open transaction that it then leaves alone, and what another does meanwhile. */
interface Locks {
  readonly holders: readonly string[];
  readonly waiters: readonly string[];
}

/** Every kind of lock that PostgreSQL takes and DSQL has statements for: each holder meets each waiter, in both roles. */
const LOCKS: Readonly<Record<string, Locks>> = {
  'tables and their rows': {
    holders: [
      'SELECT * FROM s.item',
      "INSERT INTO s.item (id, note) VALUES (9, 'new')",
      "INSERT INTO s.item (id, note) VALUES (1, 'mine') ON CONFLICT (id) DO UPDATE SET note = 'mine'",
      'INSERT INTO s.item (id) VALUES (9) ON CONFLICT DO NOTHING',
      "UPDATE s.item SET note = 'x' WHERE id = 1",
      'UPDATE s.item SET id = 9 WHERE id = 1',
      'DELETE FROM s.item WHERE id = 1',
      'SELECT * FROM s.item WHERE id = 1 FOR UPDATE',
      'SELECT * FROM s.item WHERE id = 1 FOR KEY SHARE',
      'INSERT INTO s.part VALUES (9, 1)',
      'SELECT * FROM s.listed',
      'EXPLAIN SELECT * FROM s.item',
    ],
    waiters: [
      'ALTER TABLE s.item ADD COLUMN extra int',
      'ALTER TABLE s.item RENAME COLUMN note TO remark',
      'ALTER TABLE s.item RENAME TO thing',
      'ALTER TABLE s.item SET SCHEMA public',
      'ALTER TABLE s.part ADD CONSTRAINT other FOREIGN KEY (item_id) REFERENCES s.item NOT VALID',
      'ALTER TABLE ASYNC s.part VALIDATE CONSTRAINT part_item',
      'CREATE INDEX ASYNC ON s.item (note)',
      'DROP INDEX s.item_note',
      'DROP TABLE s.item CASCADE',
      'DROP TABLE s.part',
      'DROP VIEW s.listed',
      'CREATE OR REPLACE VIEW s.listed AS SELECT id, note FROM s.item WHERE id > 1',
      "COMMENT ON TABLE s.item IS 'things'",
      'GRANT SELECT ON s.item TO reader',
      'DROP SCHEMA s CASCADE',
      "INSERT INTO s.item (id, note) VALUES (9, 'other')",
      "INSERT INTO s.item (id) VALUES (9) ON CONFLICT (id) DO UPDATE SET note = 'other'",
      "UPDATE s.item SET note = 'y'",
      'DELETE FROM s.item WHERE id = 1',
      'SELECT * FROM s.item WHERE id = 1 FOR UPDATE',
      'SELECT * FROM s.item WHERE id = 1 FOR KEY SHARE',
      'INSERT INTO s.part VALUES (8, 1)',
      'SELECT * FROM s.listed',
    ],
  },
  sequences: {
    holders: [
      'INSERT INTO s.numbered (note) VALUES (1)',
      'INSERT INTO s.counted (note) VALUES (1)',
      "SELECT nextval('s.counter')",
      "SELECT setval('s.counter', 50)",
      "SELECT nextval('s.counter'), currval('s.counter')",
      'SELECT last_value FROM s.counter',
    ],
    waiters: [
      'DROP TABLE s.numbered',
      'DROP SEQUENCE s.counter CASCADE',
      'ALTER SEQUENCE s.counter RESTART',
      'ALTER SEQUENCE s.counter INCREMENT BY 2',
      'ALTER SEQUENCE s.counter RENAME TO meter',
      'ALTER SEQUENCE s.counter OWNED BY s.counted.note',
      'ALTER TABLE s.numbered ALTER COLUMN id RESTART',
      'ALTER TABLE s.numbered ALTER COLUMN id SET GENERATED ALWAYS',
      'ALTER TABLE s.counted ALTER COLUMN id DROP DEFAULT',
      'GRANT USAGE ON SEQUENCE s.counter TO reader',
      'DROP SCHEMA s CASCADE',
      "SELECT nextval('s.counter')",
      "SELECT setval('s.counter', 60)",
      'INSERT INTO s.numbered (note) VALUES (2)',
    ],
  },
  'types, functions and schemas': {
    holders: [
      'CREATE TABLE s.priced (id int PRIMARY KEY, price s.amount)',
      "SELECT '1'::s.amount",
      'SELECT s.twice(2)',
      'CREATE VIEW s.doubled AS SELECT s.twice(id) AS id FROM s.item',
      'CREATE DOMAIN s.weight AS int',
      'CREATE FUNCTION s.thrice(int) RETURNS int LANGUAGE sql AS $$ SELECT 3 * $1 $$',
    ],
    waiters: [
      'DROP DOMAIN s.amount',
      'ALTER DOMAIN s.amount RENAME TO sum',
      'ALTER DOMAIN s.amount SET DEFAULT 1',
      'CREATE OR REPLACE FUNCTION s.twice(int) RETURNS int LANGUAGE sql AS $$ SELECT $1 + $1 $$',
      'DROP FUNCTION s.twice(int) CASCADE',
      'DROP SCHEMA s CASCADE',
      'CREATE DOMAIN s.weight AS bigint',
      'CREATE FUNCTION s.thrice(int) RETURNS int LANGUAGE sql AS $$ SELECT $1 * 3 $$',
      'GRANT USAGE ON SCHEMA s TO reader',
    ],
  },
  roles: {
    holders: [
      'CREATE ROLE writer WITH LOGIN',
      'GRANT SELECT ON s.item TO reader',
      'GRANT reader TO admin',
      "AWS IAM GRANT reader TO 'arn:aws:iam::123456789012:role/local'",
    ],
    waiters: [
      'CREATE ROLE writer WITH LOGIN',
      'DROP ROLE reader',
      'ALTER ROLE reader RENAME TO lector',
      'GRANT INSERT ON s.item TO reader',
      'REVOKE SELECT ON s.item FROM reader',
      'GRANT reader TO admin',
      "AWS IAM GRANT reader TO 'arn:aws:iam::123456789012:role/local'",
      "AWS IAM REVOKE reader FROM 'arn:aws:iam::123456789012:role/local'",
    ],
  },
  'names that both create': {
    holders: [
      'CREATE TABLE s.same (id int PRIMARY KEY)',
      'CREATE SEQUENCE s.same CACHE 1',
      'CREATE VIEW s.same AS SELECT 1 AS one',
      'CREATE INDEX ASYNC same ON s.item (note)',
      'CREATE SCHEMA same',
    ],
    waiters: [
      'CREATE TABLE s.same (id int PRIMARY KEY)',
      'CREATE TABLE IF NOT EXISTS s.same (id bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY)',
      'CREATE SEQUENCE s.same CACHE 1',
      'CREATE VIEW s.same AS SELECT 1 AS one',
      'CREATE INDEX ASYNC same ON s.item (note)',
      'CREATE SCHEMA same',
    ],
  },
};

const SET_UP = [
  'CREATE SCHEMA s',
  'CREATE TABLE s.item (id int PRIMARY KEY, note text)',
  'CREATE INDEX ASYNC item_note ON s.item (note)',
  'CREATE TABLE s.part (id int PRIMARY KEY, item_id int CONSTRAINT part_item REFERENCES s.item)',
  'CREATE VIEW s.listed AS SELECT id, note FROM s.item',
  'CREATE TABLE s.numbered (id bigint GENERATED BY DEFAULT AS IDENTITY (CACHE 1) PRIMARY KEY, note bigint)',
  'CREATE SEQUENCE s.counter CACHE 1',
  "CREATE TABLE s.counted (id bigint DEFAULT nextval('s.counter') PRIMARY KEY, note bigint)",
  'CREATE DOMAIN s.amount AS int',
  'CREATE FUNCTION s.twice(int) RETURNS int LANGUAGE sql AS $$ SELECT 2 * $1 $$',
  "INSERT INTO s.item VALUES (1, 'a'), (2, 'b')",
  'CREATE ROLE reader WITH LOGIN',
];

/** In the short form one in twelve of the first statements meets all others. */
const chosen = (statements: readonly string[]) =>
  statements.filter((_, at) => byForm({ short: at % 12 === 0, long: true, soak: true }));

/** What says something of the pair, and not of the local DSQL. */
const ANSWERS = /^(?:ok|40001|42P0[167]|42710|42704|42883|42723|3F000|23505|23503|2BP01)$/;

describe('an idle transaction of the local DSQL', () => {
  let local: LocalDsql;
  let one: Client;
  let two: Client;

  beforeAll(async () => {
    local = await startLocalDsql({ staleCatalogues: false });
    [one, two] = await Promise.all([connect(local), connect(local)]);
    for (const statement of SET_UP) await one.query(statement);
  });
  afterAll(() => local.stop());

  /** The SQLSTATE that a statement is answered with, `ok`, or `no answer` when it takes too long. */
  async function answer(client: Client, sql: string): Promise<string> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(() => {
        resolve('no answer');
      }, MAX_MS);
    });
    const answered = client.query(sql).then(
      () => 'ok',
      (error: unknown) => (error as { code?: string }).code ?? String(error),
    );
    return Promise.race([answered, late]).finally(() => {
      clearTimeout(timer);
    });
  }

  /** So that a statement without an answer fails one test only. */
  async function reconnect(): Promise<void> {
    for (const client of [one, two]) {
      client.on('error', () => undefined);
      client.connection.stream.destroy();
    }
    [one, two] = await Promise.all([connect(local), connect(local)]);
  }

  /** What two are told while one has done something, each in a transaction that is rolled back in the end. */
  async function meet(holder: string, waiters: readonly string[], fails = false): Promise<string[]> {
    const wrong: string[] = [];
    for (const waiter of waiters) {
      await one.query('BEGIN');
      await one.query(holder);
      if (fails) await answer(one, 'SELECT 1 / 0');
      await two.query('BEGIN');
      const answered = await answer(two, waiter);
      if (!ANSWERS.test(answered)) wrong.push(`${waiter}: ${answered}`);
      if (answered !== 'no answer') await two.query('ROLLBACK');
      const after = await answer(one, 'SELECT 1');
      if (after !== (fails ? '25P02' : 'ok')) wrong.push(`${waiter}: then SELECT: ${after}`);
      if (answered === 'no answer' || after === 'no answer') {
        await reconnect();
        break;
      }
      await one.query('ROLLBACK');
    }
    return wrong;
  }

  describe.each(Object.entries(LOCKS))('makes nobody wait for %s', (_, { holders, waiters }) => {
    it.each(chosen(holders))('after %s', async (holder) => {
      expect(await meet(holder, [...waiters, ...holders])).toEqual([]);
    });
    it.each(chosen(waiters))('after %s', async (holder) => {
      expect(await meet(holder, holders)).toEqual([]);
    });
    it.each(chosen(holders))('when it failed after %s', async (holder) => {
      expect(await meet(holder, waiters, true)).toEqual([]);
    });
  });

  describe('that has taken numbers from a sequence', () => {
    const SCHEMA_CONFLICT = {
      code: '40001',
      message: 'schema has been updated by another transaction (OC001)',
    };

    it.each([
      ['INSERT INTO s.numbered (note) VALUES (7) RETURNING id', 'SELECT id FROM s.numbered WHERE note = 7'],
      ["SELECT nextval('s.counter')", 'SELECT 1'],
    ])('keeps its snapshot when another session changes that and rolls back: %s', async (take, look) => {
      await one.query('BEGIN');
      await one.query('SELECT * FROM s.item');
      await two.query("UPDATE s.item SET note = note || '.'");
      const { rows: notes } = await one.query('SELECT note FROM s.item ORDER BY id');
      await one.query(take);
      const { rows: seen } = await one.query(look);
      for (const change of ['ALTER SEQUENCE s.counter RESTART', 'DROP TABLE s.numbered']) {
        await two.query('BEGIN');
        expect(await answer(two, change)).toBe('ok');
        await two.query('ROLLBACK');
        expect((await one.query('SELECT note FROM s.item ORDER BY id')).rows).toEqual(notes);
      }
      expect((await one.query(look)).rows).toEqual(seen);
      await one.query('COMMIT');
      await two.query('DELETE FROM s.numbered');
    });

    it('loses when another session changes that for good', async () => {
      for (const change of [
        'ALTER SEQUENCE s.counter RESTART',
        'ALTER TABLE s.numbered ALTER COLUMN id RESTART',
      ]) {
        await one.query('BEGIN');
        await one.query("INSERT INTO s.numbered (note) VALUES (nextval('s.counter'))");
        expect(await answer(two, change)).toBe('ok');
        expect((await one.query('SELECT count(*) FROM s.numbered')).rows).toEqual([{ count: '1' }]);
        expect(await refusal(one.query('COMMIT'))).toEqual(SCHEMA_CONFLICT);
      }
    });

    it('stays read only', async () => {
      await two.query("SELECT nextval('s.counter')");
      await one.query("SELECT nextval('s.counter')");
      await one.query('BEGIN READ ONLY');
      await one.query("SELECT currval('s.counter')");
      await two.query('BEGIN; ALTER SEQUENCE s.counter RESTART; ROLLBACK');
      expect(await answer(one, 'DELETE FROM s.item')).toBe('25006');
      await one.query('ROLLBACK');
    });
  });

  it('makes others wait for half a second at most while its client does not read what it asked for', async () => {
    const raw = await RawClient.open(local);
    try {
      await raw.until('Z');
      raw.query('BEGIN');
      await raw.until('Z');
      raw.pause();
      raw.query("SELECT repeat('x', 10000) FROM s.item, generate_series(1, 10000)");
      await withClient(local, async (witness) => {
        const stuck = "SELECT FROM pg_stat_activity WHERE wait_event = 'ClientWrite'";
        while ((await witness.query(stuck)).rowCount === 0);
      });
      expect(await answer(two, 'ALTER TABLE s.item ADD COLUMN extra int')).toBe('40001');
      expect(await answer(two, "UPDATE s.item SET note = 'z'")).toBe('ok');
    } finally {
      await raw.close();
    }
  });

  it('makes no job wait, so that jobs make nobody wait', async () => {
    await two.query(
      'ALTER TABLE s.part ADD CONSTRAINT slow FOREIGN KEY (item_id) REFERENCES s.item NOT VALID',
    );
    await one.query('BEGIN');
    await one.query('ALTER TABLE s.item ADD COLUMN extra int');
    const { rows } = await two.query<{ job_id: string }>('ALTER TABLE ASYNC s.part VALIDATE CONSTRAINT slow');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await answer(two, 'SELECT * FROM s.item')).toBe('ok');
    expect(await answer(two, 'ALTER TABLE s.part DROP COLUMN IF EXISTS extra')).toBe('ok');
    await one.query('ROLLBACK');
    await two.query('CALL sys.wait_for_job($1)', [rows[0]?.job_id]);
  });

  it.each(['DROP VIEW s.listed', 'DROP SCHEMA s CASCADE'])(
    'makes nobody wait who must know what functions do: %s',
    async (change) => {
      const create =
        'CREATE OR REPLACE FUNCTION public.once(int) RETURNS int LANGUAGE sql AS $$ SELECT $1 $$';
      for (const asks of [two, one]) {
        await one.query('BEGIN');
        await one.query(change);
        await two.query(create);
        expect(await answer(asks, 'SELECT public.once(1)')).toBe('ok');
        await one.query('ROLLBACK');
      }
    },
  );

  it('holds no advisory lock, from inside a function either', async () => {
    await two.query(
      "CREATE FUNCTION s.lock(name text) RETURNS text LANGUAGE sql AS $$ SELECT query_to_xml('SELECT ' || name, true, true, '')::text $$",
    );
    for (const call of [
      'pg_advisory_lock(1)',
      'pg_try_advisory_xact_lock(1, 2)',
      'pg_advisory_unlock_all()',
    ]) {
      const name = call.slice(0, call.indexOf('('));
      const unsupported = { code: '0A000', message: `function ${name} not supported` };
      expect(await refusal(one.query(`SELECT ${call}`))).toEqual(unsupported);
      expect(await refusal(one.query('SELECT s.lock($1)', [call]))).toEqual(unsupported);
    }
  });
});
