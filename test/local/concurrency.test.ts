import { startLocalDsql } from 'aurora-dsql-orm/local';
import type { LocalDsql } from 'aurora-dsql-orm/local';
import type { Client } from 'pg';
import { bind, execute, parse, sync } from '../../src/local/wire/client-messages';
import { message } from '../../src/local/wire/server-messages';
import { oneOfEvery } from '../form';
import { connect, refusal, withClient } from './local-client';
import { RawClient } from './raw-client';

const conflict = { code: '40001', message: 'change conflicts with another transaction (OC000)' };
const schemaConflict = { code: '40001', message: 'schema has been updated by another transaction (OC001)' };

const ACTIONS = ['no action', 'cascade', 'set null', 'set default'];

/** The rows and the row count of a result. */
interface Result {
  readonly rows: readonly unknown[];
  readonly rowCount: number | null;
}

describe('concurrent transactions of the local DSQL', () => {
  let local: LocalDsql;
  let one: Client;
  let two: Client;

  beforeAll(async () => {
    local = await startLocalDsql();
    await withClient(local, async (setUp) => {
      await setUp.query('CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL)');
      await setUp.query(
        'CREATE TABLE users (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email text UNIQUE)',
      );
      await setUp.query('CREATE TABLE parent (id int PRIMARY KEY, name text)');
      for (const action of ACTIONS) {
        await setUp.query(
          `CREATE TABLE ${childOf(action)} (id int PRIMARY KEY, parent_id int DEFAULT 9 REFERENCES parent ON DELETE ${action}, note text)`,
        );
      }
      await setUp.query('CREATE SCHEMA bank');
      await setUp.query(
        'CREATE TABLE bank.accounts (id int PRIMARY KEY, dropped int, owner text, balance int)',
      );
      await setUp.query('ALTER TABLE bank.accounts DROP COLUMN dropped');
      await setUp.query(
        'CREATE VIEW bank.rich AS SELECT id, owner, balance FROM bank.accounts WHERE balance > 10',
      );
    });
  });
  afterAll(() => local.stop());
  beforeEach(async () => {
    [one, two] = await Promise.all([connect(local), connect(local)]);
    await one.query('DELETE FROM accounts');
    await one.query('INSERT INTO accounts VALUES (1, 100), (2, 100), (3, 100)');
  });
  afterEach(() => Promise.all([one.end(), two.end()]));

  const balances = async (client = one) =>
    (await client.query<{ balance: number }>('SELECT balance FROM accounts ORDER BY id')).rows.map(
      ({ balance }) => balance,
    );

  // Both protocols take the same way; node-postgres sends a plain text as a simple Query.
  describe.each(oneOfEvery(2, ['extended', 'simple'] as const))('in the %s protocol', (queryMode) => {
    const run = async (client: Client, text: string): Promise<Result> => {
      const query = { text, queryMode } as unknown as string;
      const { rows, rowCount } = await client.query<object>(query);
      return { rows, rowCount };
    };
    /** Runs statements in order, and gives the last result. */
    const all = async (client: Client, ...texts: string[]): Promise<Result> => {
      let result: Result = { rows: [], rowCount: 0 };
      for (const text of texts) result = await run(client, text);
      return result;
    };

    it('let the first COMMIT win, whichever wrote first', async () => {
      await all(one, 'BEGIN', 'UPDATE accounts SET balance = 1 WHERE id = 1');
      await all(two, 'BEGIN', 'UPDATE accounts SET balance = 2 WHERE id = 1');
      await run(two, 'COMMIT');
      expect(await refusal(run(one, 'COMMIT'))).toEqual(conflict);
      expect(await balances()).toEqual([2, 100, 100]);

      await all(one, 'BEGIN', 'UPDATE accounts SET balance = 3 WHERE id = 1');
      await all(two, 'BEGIN', 'UPDATE accounts SET balance = 4 WHERE id = 1');
      await run(one, 'COMMIT');
      expect(await refusal(run(two, 'COMMIT'))).toEqual(conflict);
      expect(await balances()).toEqual([3, 100, 100]);
    });

    it('leave the session of the one that lost idle', async () => {
      await all(one, 'BEGIN', 'UPDATE accounts SET balance = 1 WHERE id = 1');
      await run(two, 'UPDATE accounts SET balance = 2 WHERE id = 1');
      expect(await refusal(run(one, 'COMMIT'))).toEqual(conflict);
      expect(
        (await run(one, 'UPDATE accounts SET balance = balance + 1 WHERE id = 1 RETURNING balance')).rows,
      ).toEqual([{ balance: 3 }]);
    });

    it('conflict with nobody once they are rolled back', async () => {
      await all(one, 'BEGIN', 'UPDATE accounts SET balance = 1 WHERE id = 1');
      await all(two, 'BEGIN', 'UPDATE accounts SET balance = 2 WHERE id = 1', 'ROLLBACK');
      await run(one, 'COMMIT');
      expect(await balances()).toEqual([1, 100, 100]);
    });

    it('answer from their snapshot and their own changes until they learn that they have lost', async () => {
      await all(one, 'BEGIN', 'UPDATE accounts SET balance = balance + 5 WHERE id = 2');
      await run(two, 'UPDATE accounts SET balance = 0');
      await run(two, 'DELETE FROM accounts WHERE id = 3');
      const updated = await run(
        one,
        'UPDATE accounts SET balance = balance + 1 WHERE id < 9 RETURNING id, balance',
      );
      expect(updated.rowCount).toBe(3);
      // In no particular order.
      expect(updated.rows).toEqual(
        expect.arrayContaining([
          { id: 1, balance: 101 },
          { id: 2, balance: 106 },
          { id: 3, balance: 101 },
        ]),
      );
      expect(
        await run(
          one,
          'INSERT INTO accounts VALUES (3, 7) ON CONFLICT (id) DO UPDATE SET balance = accounts.balance + excluded.balance RETURNING balance',
        ),
      ).toEqual({ rows: [{ balance: 108 }], rowCount: 1 });
      expect(await balances()).toEqual([101, 106, 108]);
      expect(await refusal(run(one, 'COMMIT'))).toEqual(conflict);
      expect(await balances()).toEqual([0, 0]);
    });

    it('may skew their writes', async () => {
      await all(
        one,
        'BEGIN',
        'SELECT balance FROM accounts WHERE id = 1',
        'UPDATE accounts SET balance = 0 WHERE id = 2',
      );
      await all(
        two,
        'BEGIN',
        'SELECT balance FROM accounts WHERE id = 2',
        'UPDATE accounts SET balance = 0 WHERE id = 1',
      );
      await run(one, 'COMMIT');
      await run(two, 'COMMIT');
      expect(await balances()).toEqual([0, 0, 100]);
    });

    it('count FOR UPDATE as a write', async () => {
      await all(one, 'BEGIN', 'SELECT * FROM accounts WHERE id = 1 FOR UPDATE');
      await run(two, 'UPDATE accounts SET balance = 2 WHERE id = 1');
      expect(await refusal(run(one, 'COMMIT'))).toEqual(conflict);

      await all(one, 'BEGIN', 'SELECT * FROM accounts WHERE id = 2');
      await all(two, 'BEGIN', 'SELECT * FROM accounts WHERE id = 2 FOR UPDATE', 'COMMIT');
      await run(one, 'UPDATE accounts SET balance = 1 WHERE id = 2');
      expect(await refusal(run(one, 'COMMIT'))).toEqual(conflict);

      await all(one, 'BEGIN', 'SELECT * FROM accounts WHERE id = 3');
      await run(two, 'SELECT * FROM accounts WHERE id = 3 FOR UPDATE');
      await run(one, 'SELECT * FROM accounts WHERE id = 3 FOR UPDATE');
      expect(await refusal(run(one, 'COMMIT'))).toEqual(conflict);
    });

    it('let FOR KEY SHARE pass where only other columns change', async () => {
      await all(one, 'BEGIN', 'SELECT * FROM accounts WHERE id = 1 FOR KEY SHARE');
      await run(two, 'UPDATE accounts SET balance = 2 WHERE id = 1');
      await run(one, 'COMMIT');

      await all(one, 'BEGIN', 'SELECT * FROM accounts WHERE id = 1 FOR KEY SHARE');
      await run(two, 'DELETE FROM accounts WHERE id = 1');
      expect(await refusal(run(one, 'COMMIT'))).toEqual(conflict);

      await all(one, 'BEGIN', 'SELECT * FROM accounts');
      await all(two, 'BEGIN', 'SELECT * FROM accounts WHERE id = 2 FOR KEY SHARE', 'COMMIT');
      await run(one, 'UPDATE accounts SET id = 5 WHERE id = 2');
      expect(await refusal(run(one, 'COMMIT'))).toEqual(conflict);
    });

    it('conflict at COMMIT over a key that both insert, and at once over one that is there', async () => {
      await all(one, 'BEGIN', 'INSERT INTO accounts VALUES (7, 1)');
      await all(two, 'BEGIN', 'INSERT INTO accounts VALUES (7, 2)');
      await run(one, 'COMMIT');
      expect(await refusal(run(two, 'COMMIT'))).toEqual(conflict);

      await all(one, 'BEGIN', 'SELECT * FROM accounts');
      await run(two, 'INSERT INTO accounts VALUES (8, 2)');
      expect((await run(one, 'INSERT INTO accounts VALUES (8, 1)')).rowCount).toBe(1);
      expect((await run(one, 'SELECT balance FROM accounts WHERE id = 8')).rows).toEqual([{ balance: 1 }]);
      expect(await refusal(run(one, 'COMMIT'))).toEqual(conflict);

      await all(one, 'BEGIN', 'SELECT * FROM accounts');
      await run(two, 'UPDATE accounts SET balance = 0 WHERE id = 2');
      expect((await refusal(run(one, 'INSERT INTO accounts VALUES (8, 1)'))).code).toBe('23505');
      await run(one, 'ROLLBACK');
    });

    it('conflict over a key that one of them has deleted', async () => {
      await all(one, 'BEGIN', 'SELECT * FROM accounts');
      await run(two, 'DELETE FROM accounts WHERE id = 1');
      await run(one, 'INSERT INTO accounts VALUES (1, 1)');
      expect(await refusal(run(one, 'COMMIT'))).toEqual(conflict);
    });

    it('are not waited for by anything, whatever they have done', async () => {
      await all(one, 'BEGIN', 'UPDATE accounts SET balance = 1', 'DELETE FROM accounts WHERE id = 3');
      await run(two, 'UPDATE accounts SET balance = 2 WHERE id = 1');
      await run(two, 'SELECT * FROM accounts WHERE id = 2 FOR UPDATE');
      expect(await refusal(run(two, 'INSERT INTO accounts VALUES (3, 3)'))).toMatchObject({ code: '23505' });
      await run(two, 'ALTER TABLE accounts ADD COLUMN extra int');
      await run(two, 'ALTER TABLE accounts DROP COLUMN extra');
      expect(await refusal(run(one, 'COMMIT'))).toMatchObject({ code: '40001' });
    });

    it('never show a deadlock', async () => {
      for (let round = 0; round < 5; round++) {
        await all(one, 'BEGIN', 'UPDATE accounts SET balance = 1 WHERE id = 1');
        await all(two, 'BEGIN', 'UPDATE accounts SET balance = 2 WHERE id = 2');
        const [first, second] = await Promise.all([
          run(one, 'UPDATE accounts SET balance = 1 WHERE id = 2'),
          run(two, 'UPDATE accounts SET balance = 2 WHERE id = 1'),
        ]);
        expect([first.rowCount, second.rowCount]).toEqual([1, 1]);
        await run(one, 'COMMIT');
        expect(await refusal(run(two, 'COMMIT'))).toEqual(conflict);
      }
      const codes: unknown[] = [];
      const update = async (client: Client, ids: string) => {
        for (let round = 0; round < 10; round++) {
          const updating = run(client, `UPDATE accounts SET balance = balance + 1 WHERE id IN (${ids})`);
          codes.push(
            await updating.then(() => 'ok').catch((error: unknown) => (error as { code: string }).code),
          );
        }
      };
      await Promise.all([update(one, '1, 2'), update(two, '2, 1')]);
      expect(codes.filter((code) => code !== 'ok' && code !== '40001')).toEqual([]);
    });

    it('conflict over foreign keys, whichever way they act', async () => {
      for (const action of ACTIONS) {
        const child = childOf(action);
        for (const table of [...ACTIONS.map(childOf), 'parent']) await run(one, `DELETE FROM ${table}`);
        await run(one, "INSERT INTO parent VALUES (1, 'a'), (2, 'b'), (9, 'default')");
        await run(one, `INSERT INTO ${child} VALUES (20, 2, 'old')`);

        // Delete a parent, insert a child: the later one loses, in either order.
        await all(one, 'BEGIN', 'DELETE FROM parent WHERE id = 1');
        await all(two, 'BEGIN', `INSERT INTO ${child} VALUES (10, 1)`);
        await run(two, 'COMMIT');
        expect(await refusal(run(one, 'COMMIT'))).toEqual(conflict);
        await run(one, `DELETE FROM ${child} WHERE id = 10`);
        await all(one, 'BEGIN', 'SELECT * FROM parent');
        await run(two, `INSERT INTO ${child} VALUES (11, 1)`);
        expect((await run(one, 'DELETE FROM parent WHERE id = 1')).rowCount).toBe(1);
        expect(await refusal(run(one, 'COMMIT'))).toEqual(conflict);
        await run(one, `DELETE FROM ${child} WHERE id = 11`);
        await all(one, 'BEGIN', `INSERT INTO ${child} VALUES (12, 1)`);
        await run(two, 'DELETE FROM parent WHERE id = 1');
        expect(await refusal(run(one, 'COMMIT'))).toEqual(conflict);
        await all(one, 'BEGIN', 'SELECT * FROM parent');
        await run(two, "INSERT INTO parent VALUES (1, 'a')");
        expect((await refusal(run(one, `INSERT INTO ${child} VALUES (12, 1)`))).code).toBe('23503');
        await run(one, 'ROLLBACK');

        // A parent's other columns are no concern of its children.
        await all(one, 'BEGIN', `INSERT INTO ${child} VALUES (13, 1)`);
        await all(two, 'BEGIN', "UPDATE parent SET name = 'c' WHERE id = 1", 'COMMIT');
        await run(one, 'COMMIT');

        // What a delete does to children, others may not have changed.
        if (action === 'no action') continue;
        await all(one, 'BEGIN', 'DELETE FROM parent WHERE id = 2');
        await run(two, `UPDATE ${child} SET note = 'new' WHERE id = 20`);
        expect(await refusal(run(one, 'COMMIT'))).toEqual(conflict);
        await all(one, 'BEGIN', `UPDATE ${child} SET note = 'newer' WHERE id = 20`);
        await run(two, 'DELETE FROM parent WHERE id = 2');
        expect((await run(one, `SELECT note FROM ${child} WHERE id = 20`)).rows).toEqual([{ note: 'newer' }]);
        expect(await refusal(run(one, 'COMMIT'))).toEqual(conflict);
      }
    });

    it('go on under every name of a table when they have lost', async () => {
      await run(two, 'DELETE FROM bank.accounts');
      await run(two, "INSERT INTO bank.accounts VALUES (1, 'ada', 20), (2, 'bob', 5)");
      await all(one, 'BEGIN', 'SELECT * FROM bank.rich');
      await run(two, "UPDATE bank.accounts SET owner = 'eve', balance = balance + 1");
      expect(await run(one, 'UPDATE bank.accounts AS a SET balance = balance + 10 RETURNING a.*')).toEqual({
        rows: [
          { id: 1, owner: 'ada', balance: 30 },
          { id: 2, owner: 'bob', balance: 15 },
        ],
        rowCount: 2,
      });
      expect((await run(one, 'UPDATE bank.rich SET balance = 0 WHERE id = 2')).rowCount).toBe(1);
      expect((await run(one, 'SELECT id, owner, balance FROM bank.rich')).rows).toEqual([
        { id: 1, owner: 'ada', balance: 30 },
      ]);
      expect(await refusal(run(one, "INSERT INTO bank.accounts VALUES (1, 'eve', 1)"))).toEqual({
        code: '23505',
        message: 'duplicate key value violates unique constraint "accounts_pkey"',
      });
      expect(await refusal(run(one, 'SELECT 1'))).toMatchObject({ code: '25P02' });
      await run(one, 'ROLLBACK');
      expect((await run(one, 'SELECT owner FROM bank.rich')).rows).toEqual([{ owner: 'eve' }]);
    });

    it('keep the ids that clients were told', async () => {
      await run(one, 'BEGIN');
      const told = await run(one, "INSERT INTO users (email) VALUES ('ada@example.org') RETURNING id");
      await run(one, 'UPDATE accounts SET balance = 1 WHERE id = 1');
      await all(two, 'BEGIN', 'UPDATE accounts SET balance = 2 WHERE id = 1', 'ROLLBACK');
      expect((await run(one, "SELECT id FROM users WHERE email = 'ada@example.org'")).rows).toEqual(
        told.rows,
      );
      await run(one, 'COMMIT');
      expect((await run(two, "SELECT id FROM users WHERE email = 'ada@example.org'")).rows).toEqual(
        told.rows,
      );
      await run(one, 'DELETE FROM users');
    });

    it('keep the numbers that clients were told', async () => {
      for (const [table, kind] of [
        ['by_default', 'GENERATED BY DEFAULT AS IDENTITY (CACHE 1)'],
        ['always', 'GENERATED ALWAYS AS IDENTITY (CACHE 1)'],
      ]) {
        await run(
          one,
          `CREATE TABLE ${table} (id bigint ${kind} PRIMARY KEY, name text, copy text GENERATED ALWAYS AS (name) STORED)`,
        );
        await run(
          one,
          `CREATE TABLE ${table}_item (id bigint ${kind} PRIMARY KEY, owner bigint REFERENCES ${table})`,
        );
        await run(one, 'BEGIN');
        const told = await run(
          one,
          `INSERT INTO ${table} (name) VALUES ('a'), ('b') RETURNING id, name, copy`,
        );
        await run(
          one,
          `INSERT INTO ${table}_item (owner) SELECT id FROM ${table} WHERE name = 'b' RETURNING id`,
        );
        await run(one, 'UPDATE accounts SET balance = 1 WHERE id = 1');
        await all(two, 'BEGIN', 'UPDATE accounts SET balance = 2 WHERE id = 1', 'ROLLBACK');
        const rows = `SELECT id, name, copy FROM ${table} ORDER BY id`;
        expect((await run(one, rows)).rows).toEqual(told.rows);
        await run(one, 'COMMIT');
        expect((await run(two, rows)).rows).toEqual(told.rows);
        expect(
          (await run(two, `SELECT name FROM ${table} JOIN ${table}_item i ON owner = ${table}.id`)).rows,
        ).toEqual([{ name: 'b' }]);

        // The same where it has lost.
        await all(one, 'BEGIN', 'UPDATE accounts SET balance = 1 WHERE id = 1');
        const lost = await run(one, `INSERT INTO ${table} (name) VALUES ('c') RETURNING id, name, copy`);
        await run(two, 'UPDATE accounts SET balance = 2 WHERE id = 1');
        expect((await run(one, rows)).rows).toEqual([...told.rows, ...lost.rows]);
        expect(await refusal(run(one, 'COMMIT'))).toEqual(conflict);
        await run(one, `DROP TABLE ${table}, ${table}_item`);
      }
    });

    it('keep what SET LOCAL set in them', async () => {
      await run(two, "INSERT INTO bank.accounts VALUES (5, 'ada', 1) ON CONFLICT DO NOTHING");
      await all(one, 'BEGIN', 'SET LOCAL search_path = bank, public', 'UPDATE accounts SET balance = -1');
      await all(two, 'BEGIN', 'UPDATE bank.accounts SET balance = -2', 'ROLLBACK');
      expect((await run(one, 'SHOW search_path')).rows).toEqual([{ search_path: 'bank, public' }]);
      expect((await run(one, 'SELECT DISTINCT balance FROM accounts')).rows).toEqual([{ balance: -1 }]);
      await run(one, 'COMMIT');
      expect((await run(one, 'SELECT DISTINCT balance FROM bank.accounts')).rows).toEqual([{ balance: -1 }]);
      expect(await balances()).toEqual([100, 100, 100]);

      // The same where it has lost.
      await all(one, 'BEGIN', 'SET LOCAL search_path = bank', 'UPDATE accounts SET balance = -3');
      await run(two, 'UPDATE bank.accounts SET balance = -4');
      expect((await run(one, 'SELECT DISTINCT balance FROM accounts')).rows).toEqual([{ balance: -3 }]);
      expect(await refusal(run(one, 'COMMIT'))).toEqual(conflict);
    });

    it('fail when the schema was changed meanwhile, unless they have done nothing', async () => {
      await all(one, 'BEGIN', 'UPDATE accounts SET balance = 1 WHERE id = 1');
      await run(two, 'CREATE TABLE elsewhere (id int)');
      expect(await refusal(run(one, 'COMMIT'))).toEqual(schemaConflict);
      await all(one, 'BEGIN', 'SELECT * FROM accounts');
      await run(two, 'DROP TABLE elsewhere');
      await run(one, 'COMMIT');
      await all(one, 'BEGIN', 'UPDATE accounts SET balance = 1 WHERE id = 1');
      await run(two, 'GRANT USAGE ON SCHEMA bank TO admin');
      expect(await refusal(run(one, 'COMMIT'))).toEqual(schemaConflict);
      await run(one, 'UPDATE accounts SET balance = 2 WHERE id = 1');
      expect(await balances()).toEqual([2, 100, 100]);
    });

    it('fail at once where the schema they began with is gone', async () => {
      await run(one, 'CREATE TABLE gone (id int)');
      await all(one, 'BEGIN', 'SELECT * FROM gone');
      await run(two, 'DROP TABLE gone');
      expect(await refusal(run(one, 'SELECT * FROM gone'))).toEqual(schemaConflict);
      await run(one, 'ROLLBACK');
      await run(one, 'BEGIN');
      expect(await refusal(run(one, 'SELECT * FROM gone'))).toMatchObject({ code: '42P01' });
      await run(one, 'ROLLBACK');
    });

    it('do not see the locks of others, whatever they ask', async () => {
      await all(one, 'BEGIN', 'SELECT * FROM accounts WHERE id = 1 FOR UPDATE');
      await all(two, 'BEGIN', 'SELECT * FROM accounts WHERE id = 1 FOR UPDATE NOWAIT', 'ROLLBACK');
      const query = 'SELECT a.id FROM accounts AS a ORDER BY id LIMIT 1 FOR UPDATE OF a SKIP LOCKED';
      expect((await run(two, query)).rows).toEqual([{ id: 1 }]);
      expect(await refusal(run(one, 'COMMIT'))).toEqual(conflict);
    });

    it('that define something yield to what others commit', async () => {
      await all(one, 'BEGIN', 'ALTER TABLE accounts ADD COLUMN note text');
      expect(await balances(two)).toEqual([100, 100, 100]);
      await run(two, 'UPDATE accounts SET balance = 5 WHERE id = 1');
      await run(one, 'ROLLBACK');
      await all(one, 'BEGIN', 'CREATE TABLE same (id int)');
      await all(two, 'BEGIN', 'CREATE TABLE same (id text)', 'COMMIT');
      expect(await refusal(run(one, 'COMMIT'))).toEqual(schemaConflict);
      await run(one, 'DROP TABLE same');
      await all(one, 'BEGIN', 'CREATE INDEX ASYNC ON accounts (balance)');
      await all(two, 'BEGIN', 'SELECT * FROM accounts');
      await run(two, 'ROLLBACK');
      await run(one, 'COMMIT');
    });
  });

  it('make nothing wait when BEGIN and the write come in one query', async () => {
    await one.query('BEGIN; UPDATE accounts SET balance = 1 WHERE id = 1');
    await two.query('BEGIN; UPDATE accounts SET balance = 2 WHERE id = 1; COMMIT');
    expect(await refusal(one.query('SELECT 1; COMMIT'))).toEqual(conflict);
    expect(await balances()).toEqual([2, 100, 100]);
  });

  it('say that they have lost on the statement that commits itself', async () => {
    await Promise.all([
      one.query('BEGIN; SELECT * FROM accounts WHERE id = 1 FOR UPDATE'),
      two.query('SELECT 1'),
    ]);
    // Two statements on one row: one of them waits for the other, and then finds its snapshot outdated.
    const slow = one.query(
      'UPDATE accounts SET balance = 1 WHERE id = 1 AND pg_sleep(0.3) IS NOT NULL; COMMIT',
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await refusal(two.query('UPDATE accounts SET balance = 2 WHERE id = 1'))).toEqual(conflict);
    await slow;
    expect(await balances()).toEqual([1, 100, 100]);
  });

  it('do not wait for an open transaction that copies, nor lose what it copied', async () => {
    const copier = await RawClient.open(local);
    try {
      await copier.until('Z');
      copier.query('BEGIN');
      await copier.until('Z');
      copier.query('COPY accounts FROM STDIN');
      await copier.until('G');
      copier.send(message('d', Buffer.from('10\t1\n11\t1\n')), message('c'));
      expect(await copier.answers()).toEqual(['C:COPY 2', 'Z:T']);
      await two.query('BEGIN; INSERT INTO accounts VALUES (10, 2); ROLLBACK');
      copier.query('COMMIT');
      expect(await copier.answers()).toEqual(['C:COMMIT', 'Z:I']);
      expect(await balances()).toEqual([100, 100, 100, 1, 1]);
    } finally {
      await copier.close();
    }
  });

  it('give way to one that cannot be displaced, because its client has read half of a result', async () => {
    const reader = await RawClient.open(local);
    try {
      await reader.until('Z');
      reader.query('BEGIN; UPDATE accounts SET balance = 1 WHERE id = 1');
      await reader.until('Z');
      const select = parse('', Buffer.from('SELECT id FROM accounts ORDER BY id'));
      reader.send(select, bind('half', ''), execute('half', 2), sync);
      expect(await reader.answers()).toEqual(['1', '2', 'D:1', 'D:2', 's', 'Z:T']);
      await one.query('BEGIN');
      expect(
        (await one.query('UPDATE accounts SET balance = balance + 1 WHERE id = 1 RETURNING *')).rows,
      ).toEqual([{ id: 1, balance: 101 }]);
      expect(await refusal(two.query('UPDATE accounts SET balance = 2 WHERE id = 1'))).toEqual(conflict);
      reader.send(execute('half'), sync);
      expect(await reader.answers()).toEqual(['D:3', 'C:SELECT 1', 'Z:T']);
      expect(await refusal(one.query('COMMIT'))).toEqual(conflict);
      reader.query('COMMIT');
      expect(await reader.answers()).toEqual(['C:COMMIT', 'Z:I']);
      expect(await balances()).toEqual([1, 100, 100]);
    } finally {
      await reader.close();
    }
  });

  it('stay failed, although another goes on in private after them', async () => {
    await one.query('BEGIN; SELECT * FROM accounts');
    await two.query('BEGIN; SELECT * FROM accounts');
    await withClient(local, (third) => third.query('UPDATE accounts SET balance = 0'));
    await one.query('UPDATE accounts SET balance = 1');
    expect(await refusal(one.query('INSERT INTO accounts VALUES (1, 1)'))).toMatchObject({ code: '23505' });
    await two.query('UPDATE accounts SET balance = 2');
    expect(await refusal(one.query('SELECT 1'))).toMatchObject({ code: '25P02' });
    expect((await one.query('COMMIT')).command).toBe('ROLLBACK');
    expect(await balances(two)).toEqual([2, 2, 2]);
    expect(await refusal(two.query('COMMIT'))).toEqual(conflict);
  });

  it('take turns in private, any number of them', async () => {
    const losers = await Promise.all(Array.from({ length: 8 }, () => connect(local)));
    try {
      await Promise.all(losers.map((loser) => loser.query('BEGIN; SELECT * FROM accounts')));
      await one.query('UPDATE accounts SET balance = 0');
      const lose = async (loser: Client, own: number) => {
        for (let round = 1; round <= 3; round++) {
          const { rows } = await loser.query('UPDATE accounts SET balance = balance + $1 RETURNING balance', [
            own,
          ]);
          expect(rows).toEqual([1, 2, 3].map(() => ({ balance: 100 + round * own })));
        }
        expect(await refusal(loser.query('COMMIT'))).toEqual(conflict);
      };
      await Promise.all(losers.map(lose));
      expect(await balances()).toEqual([0, 0, 0]);
    } finally {
      await Promise.all(losers.map((loser) => loser.end()));
    }
  });

  it('go on after DEALLOCATE ALL', async () => {
    await one.query('BEGIN; UPDATE accounts SET balance = 1 WHERE id = 1');
    await one.query('DEALLOCATE ALL');
    await two.query('BEGIN; UPDATE accounts SET balance = 2 WHERE id = 1; ROLLBACK');
    await one.query('UPDATE accounts SET balance = 1 WHERE id = 2');
    await one.query('COMMIT');
    await one.query('BEGIN; UPDATE accounts SET balance = 1 WHERE id = 3; COMMIT');
    expect(await balances()).toEqual([1, 1, 1]);
  });

  it('replay functions that write', async () => {
    await one.query(
      'CREATE FUNCTION deposit(integer) RETURNS integer LANGUAGE sql AS $$ UPDATE accounts SET balance = balance + $1 WHERE id = 1 RETURNING balance $$',
    );
    await one.query('BEGIN');
    expect((await one.query('SELECT deposit(5) AS balance')).rows).toEqual([{ balance: 105 }]);
    await two.query('BEGIN; UPDATE accounts SET balance = 2 WHERE id = 1; ROLLBACK');
    expect((await one.query('SELECT deposit(5) AS balance')).rows).toEqual([{ balance: 110 }]);
    await one.query('COMMIT');
    await one.query('BEGIN; SELECT * FROM accounts');
    await two.query('UPDATE accounts SET balance = 0');
    await one.query('UPDATE accounts SET balance = balance + 1 WHERE id = 2');
    expect(await balances(one)).toEqual([110, 101, 100]);
    await one.query('ROLLBACK');
  });

  it('decide deferred foreign keys from their snapshot too', async () => {
    await one.query('CREATE TABLE folder (id int PRIMARY KEY)');
    await one.query(
      'CREATE TABLE file (id int PRIMARY KEY, folder_id int REFERENCES folder DEFERRABLE INITIALLY DEFERRED)',
    );
    await one.query('INSERT INTO folder VALUES (1), (2)');
    await one.query('BEGIN');
    await one.query('SELECT * FROM folder');
    await two.query('INSERT INTO file VALUES (1, 1)');
    await one.query('DELETE FROM folder WHERE id = 1');
    expect(await refusal(one.query('COMMIT'))).toEqual(conflict);
    await one.query('BEGIN');
    await one.query('INSERT INTO file VALUES (2, 3)');
    await two.query('INSERT INTO folder VALUES (4)');
    expect((await refusal(one.query('COMMIT'))).code).toBe('23503');
    expect((await one.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });
});

function childOf(action: string): string {
  return `child_${action.replace(' ', '_')}`;
}
