import { startLocalDsql } from 'aurora-dsql-orm/local';
import type { LocalDsql } from 'aurora-dsql-orm/local';
import type { Client, QueryArrayResult, QueryResult } from 'pg';
import { oneOfEvery } from '../form';
import { connect, refusal, withClient } from './local-client';

const aborted = {
  code: '25P02',
  message: 'current transaction is aborted, commands ignored until end of transaction block',
};
const conflict = { code: '40001', message: 'change conflicts with another transaction (OC000)' };
const rowLimit = { code: '54000', message: 'transaction row limit exceeded' };

describe('transactions of the local DSQL', () => {
  let local: LocalDsql;
  let elapsedMs = 0;
  let client: Client;

  beforeAll(async () => {
    local = await startLocalDsql({ clock: () => new Date(Date.now() + elapsedMs) });
    await withClient(local, async (setUp) => {
      await setUp.query('CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL)');
      await setUp.query('CREATE TABLE bulk (id int)');
    });
  });
  afterAll(() => local.stop());
  beforeEach(async () => {
    client = await connect(local);
    await client.query('DELETE FROM accounts');
    await client.query('INSERT INTO accounts VALUES (1, 100), (2, 100)');
  });
  afterEach(async () => {
    elapsedMs = 0;
    await client.end();
  });

  const balances = async () =>
    (await client.query<object>('SELECT id, balance FROM accounts ORDER BY id')).rows;

  // Every rule holds in both protocols: node-postgres sends a plain text as a simple Query.
  describe.each(oneOfEvery(2, ['extended', 'simple'] as const))('in the %s protocol', (queryMode) => {
    const run = (text: string, on = client): Promise<QueryResult> =>
      on.query({ text, queryMode } as unknown as string);

    it('are refused a savepoint, and are aborted by the refusal', async () => {
      await run('BEGIN');
      await run('UPDATE accounts SET balance = 0');
      expect(await refusal(run('SAVEPOINT one'))).toEqual({
        code: '0A000',
        message: 'unsupported transaction statement: SAVEPOINT',
      });
      expect(await refusal(run('SELECT 1'))).toEqual(aborted);
      expect(await refusal(run('ROLLBACK TO SAVEPOINT one'))).toEqual(aborted);
      expect((await run('COMMIT')).command).toBe('ROLLBACK');
      expect(await balances()).toEqual([
        { id: 1, balance: 100 },
        { id: 2, balance: 100 },
      ]);
    });

    it('keep a refusal outside of them to the one statement', async () => {
      expect((await refusal(run('TRUNCATE accounts'))).message).toBe('unsupported statement: Truncate');
      expect((await run('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    });

    it('say how to do otherwise in a hint', async () => {
      const error = await run('SAVEPOINT one').catch((reason: unknown) => reason);
      expect(error).toMatchObject({
        severity: 'ERROR',
        hint: expect.stringContaining('nested transaction') as string,
      });
    });

    it('are repeatable reads', async () => {
      await run('BEGIN');
      const before = await run('SELECT balance FROM accounts WHERE id = 1');
      await withClient(local, (other) => run('UPDATE accounts SET balance = 7 WHERE id = 1', other));
      expect(await run('SELECT balance FROM accounts WHERE id = 1')).toMatchObject({ rows: before.rows });
      await run('COMMIT');
      expect((await run('SELECT balance FROM accounts WHERE id = 1')).rows).toEqual([{ balance: 7 }]);
    });

    it('that come too late to change a row conflict, and the session goes on', async () => {
      await run('BEGIN');
      await run('SELECT * FROM accounts');
      await withClient(local, (other) => run('UPDATE accounts SET balance = 7 WHERE id = 1', other));
      const losing = async () => {
        await run('UPDATE accounts SET balance = balance + 1 WHERE id = 1');
        await run('COMMIT');
      };
      expect(await refusal(losing())).toEqual(conflict);
      await run('ROLLBACK');
      expect((await run('SELECT balance FROM accounts WHERE id = 1')).rows).toEqual([{ balance: 7 }]);
    });

    it('hold 3,000 changed rows', async () => {
      await run('BEGIN');
      await run('INSERT INTO bulk SELECT generate_series(1, 2999)');
      await run('UPDATE accounts SET balance = 1 WHERE id = 1');
      expect((await run('SELECT count(*)::int AS rows FROM bulk')).rows).toEqual([{ rows: 2999 }]);
      await run('ROLLBACK');
      expect((await run('INSERT INTO bulk SELECT generate_series(1, 3000)')).rowCount).toBe(3000);
      expect((await run('DELETE FROM bulk')).rowCount).toBe(3000);
    });

    it('are refused the next row, and are aborted', async () => {
      await run('BEGIN');
      await run('INSERT INTO bulk SELECT generate_series(1, 3000)');
      expect(await refusal(run('INSERT INTO bulk VALUES (3001)'))).toEqual(rowLimit);
      expect(await refusal(run('SELECT 1'))).toEqual(aborted);
      expect((await run('COMMIT')).command).toBe('ROLLBACK');
      expect((await run('SELECT count(*)::int AS rows FROM bulk')).rows).toEqual([{ rows: 0 }]);
    });

    it('of one statement keep nothing of what was too much', async () => {
      expect(await refusal(run('INSERT INTO bulk SELECT generate_series(1, 3001)'))).toEqual(rowLimit);
      expect(await refusal(run('INSERT INTO bulk SELECT generate_series(1, 3001) RETURNING id'))).toEqual(
        rowLimit,
      );
      expect((await run('SELECT count(*)::int AS rows FROM bulk')).rows).toEqual([{ rows: 0 }]);
    });

    it('do not count what is only read', async () => {
      expect((await run('SELECT generate_series(1, 5000)')).rowCount).toBe(5000);
    });

    it('hold one DDL statement', async () => {
      await run('BEGIN');
      await run('CREATE TABLE one (id int)');
      expect(await refusal(run('CREATE TABLE two (id int)'))).toEqual({
        code: '0A000',
        message: 'multiple ddl statements not supported in a transaction',
      });
      expect((await run('COMMIT')).command).toBe('ROLLBACK');
      expect((await refusal(run('SELECT FROM one'))).code).toBe('42P01');
    });

    // AWS's skill "Troubleshooting in DSQL", observed 2026-10-01: GRANT and REVOKE count as DDL.
    it('hold one GRANT or REVOKE, and no DML with it', async () => {
      const multiple = {
        code: '0A000',
        message: 'multiple ddl statements not supported in a transaction',
      };
      const mixed = { code: '0A000', message: 'ddl and dml are not supported in the same transaction' };
      const [grant, revoke] = ['GRANT SELECT ON accounts TO admin', 'REVOKE SELECT ON bulk FROM admin'];
      const iam = "AWS IAM GRANT nobody TO 'arn:aws:iam::123456789012:role/local'";
      for (const [first, second, told] of [
        [grant, revoke, multiple],
        [revoke, 'CREATE TABLE one (id int)', multiple],
        ['CREATE TABLE one (id int)', grant, multiple],
        [grant, iam, multiple],
        [grant, 'DELETE FROM accounts', mixed],
        ['DELETE FROM accounts', revoke, mixed],
      ] as const) {
        await run('BEGIN');
        await run(first);
        expect(await refusal(run(second))).toEqual(told);
        expect((await run('COMMIT')).command).toBe('ROLLBACK');
      }
    });

    it('do not mix DDL and DML, whichever is first', async () => {
      const mixed = { code: '0A000', message: 'ddl and dml are not supported in the same transaction' };
      await run('BEGIN');
      await run('CREATE TABLE one (id int)');
      expect(await refusal(run('INSERT INTO accounts VALUES (3, 3)'))).toEqual(mixed);
      await run('ROLLBACK');
      await run('BEGIN');
      await run('INSERT INTO accounts VALUES (3, 3)');
      expect(await refusal(run('CREATE TABLE one (id int)'))).toEqual(mixed);
      await run('ROLLBACK');
      expect(await balances()).toHaveLength(2);
    });

    it('last 300 seconds', async () => {
      await run('BEGIN');
      await run('UPDATE accounts SET balance = 0');
      elapsedMs = 299_000;
      await run('SELECT 1');
      elapsedMs = 301_000;
      const tooOld = { code: '54000', message: 'transaction age limit of 300s exceeded' };
      expect(await refusal(run('SELECT 1'))).toEqual(tooOld);
      await run('ROLLBACK');
      await run('BEGIN');
      await run('UPDATE accounts SET balance = 0');
      elapsedMs = 602_000;
      expect(await refusal(run('COMMIT'))).toEqual(tooOld);
      // A COMMIT that failed has ended its transaction.
      expect(await balances()).toMatchObject([{ balance: 100 }, { balance: 100 }]);
    });

    it('build an index asynchronously and say which job does', async () => {
      await run('CREATE TABLE indexed (id int PRIMARY KEY, value int)');
      try {
        const { rows, command } = await run('CREATE INDEX ASYNC indexed_value ON indexed (value)');
        expect(command).toBe('CREATE');
        expect(rows).toEqual([{ job_id: expect.stringMatching(/^[a-z2-7]{26}$/) as string }]);
        const [{ job_id: id }] = rows as [{ job_id: string }];
        expect((await run(`CALL sys.wait_for_job('${id}')`)).rows).toEqual([{ succeeded: true }]);
        const job = await client.query(
          'SELECT status, job_type, object_name FROM sys.jobs WHERE job_id = $1',
          [id],
        );
        expect(job.rows).toEqual([
          { status: 'completed', job_type: 'INDEX_BUILD', object_name: 'public.indexed_value' },
        ]);
        const index = await client.query(
          `SELECT indisvalid, indisunique FROM pg_index WHERE indexrelid = 'indexed_value'::regclass`,
        );
        expect(index.rows).toEqual([{ indisvalid: true, indisunique: false }]);

        expect((await run('CREATE INDEX ASYNC IF NOT EXISTS indexed_value ON indexed (value)')).rows).toEqual(
          [],
        );
        expect((await refusal(run('CREATE INDEX indexed_other ON indexed (value)'))).message).toBe(
          'unsupported mode. please use CREATE INDEX ASYNC.',
        );
      } finally {
        await run('DROP TABLE indexed');
      }
    });

    it('fail the job and not the statement when a unique index cannot be', async () => {
      await run('CREATE TABLE indexed (id int PRIMARY KEY, value int)');
      try {
        await run('INSERT INTO indexed VALUES (1, 1), (2, 1)');
        const { rows } = await run('/* UNIQUE */ CREATE UNIQUE INDEX ASYNC indexed_value ON indexed (value)');
        const [{ job_id: id }] = rows as [{ job_id: string }];
        expect((await run(`CALL sys.wait_for_job('${id}')`)).rows).toEqual([{ succeeded: false }]);
        const index = await client.query(
          `SELECT indisvalid, indisunique FROM pg_index WHERE indexrelid = 'indexed_value'::regclass`,
        );
        expect(index.rows).toEqual([{ indisvalid: false, indisunique: true }]);
        // It keeps enforcing what it could not prove.
        expect((await refusal(run('INSERT INTO indexed VALUES (3, 1)'))).code).toBe('23505');
      } finally {
        await run('DROP TABLE indexed');
      }
    });

    it('validate a constraint asynchronously', async () => {
      await run('CREATE TABLE "Checked" (id int PRIMARY KEY, value int)');
      try {
        await run('ALTER TABLE "Checked" ADD CONSTRAINT positive CHECK (value > 0) NOT VALID');
        const { rows, command } = await run('ALTER TABLE ASYNC "Checked" VALIDATE CONSTRAINT positive');
        expect(command).toBe('ALTER');
        const [{ job_id: id }] = rows as [{ job_id: string }];
        expect((await run(`CALL sys.wait_for_job('${id}')`)).rows).toEqual([{ succeeded: true }]);
        const { rows: constraints } = await client.query(
          `SELECT convalidated FROM pg_constraint WHERE conname = 'positive'`,
        );
        expect(constraints).toEqual([{ convalidated: true }]);
        expect(await refusal(run('ALTER TABLE ASYNC "Checked" VALIDATE CONSTRAINT negative'))).toEqual({
          code: '42704',
          message: 'constraint "negative" of relation "Checked" does not exist',
        });
      } finally {
        await run('DROP TABLE "Checked"');
      }
    });

    it('map an IAM role to a role that can then use its own schema', async () => {
      const role = `app_${queryMode}`;
      const arn = local.roleArn;
      await run(`CREATE ROLE ${role} WITH LOGIN`);
      await run(`CREATE SCHEMA ${role}`);
      await run(`GRANT USAGE, CREATE ON SCHEMA ${role} TO ${role}`);
      await run(`AWS IAM GRANT ${role} TO '${arn}'`);
      const mapped = `SELECT arn FROM sys.iam_pg_role_mappings WHERE pg_role_name = '${role}'`;
      expect((await client.query(mapped)).rows).toEqual([{ arn }]);
      await withClient(
        local,
        async (app) => {
          await run(`CREATE TABLE ${role}.things (id int)`, app);
          expect((await refusal(run('SELECT * FROM public.accounts', app))).code).toBe('42501');
        },
        { user: role },
      );
      await run(`AWS IAM REVOKE ${role} FROM '${arn}'`);
      expect((await client.query(mapped)).rows).toEqual([]);
    });
  });

  describe('of several statements in one query', () => {
    const results = async (text: string) =>
      ((await client.query(text)) as unknown as QueryArrayResult[]).map(({ command, rows }) => ({
        command,
        rows,
      }));

    it('answer each statement', async () => {
      expect(await results(`SELECT 1 AS a; SELECT 'b;c' AS b`)).toEqual([
        { command: 'SELECT', rows: [{ a: 1 }] },
        { command: 'SELECT', rows: [{ b: 'b;c' }] },
      ]);
    });

    it('are one transaction', async () => {
      expect((await refusal(client.query('UPDATE accounts SET balance = 0; SELECT nonsense'))).code).toBe(
        '42703',
      );
      expect((await refusal(client.query('UPDATE accounts SET balance = 0; SAVEPOINT one'))).code).toBe(
        '0A000',
      );
      expect(
        await refusal(
          client.query('UPDATE accounts SET balance = 0; INSERT INTO bulk SELECT generate_series(1, 2999)'),
        ),
      ).toEqual(rowLimit);
      expect(await balances()).toMatchObject([{ balance: 100 }, { balance: 100 }]);
    });

    it('obey the rules for DDL', async () => {
      const second = 'multiple ddl statements not supported in a transaction';
      const mixed = 'ddl and dml are not supported in the same transaction';
      const message = async (text: string) => (await refusal(client.query(text))).message;
      expect(await message('CREATE TABLE one (id int); CREATE TABLE two (id int)')).toBe(second);
      expect(await message('CREATE TABLE one (id int); CREATE INDEX ASYNC ON one (id)')).toBe(second);
      expect(await message('CREATE TABLE one (id int); INSERT INTO accounts VALUES (3, 3)')).toBe(mixed);
      expect((await refusal(client.query('SELECT FROM one'))).code).toBe('42P01');
    });

    it('may begin and end transactions of their own', async () => {
      await client.query('CREATE TABLE many (id int)');
      expect(await results('BEGIN; CREATE INDEX ASYNC ON many (id); COMMIT')).toEqual([
        { command: 'BEGIN', rows: [] },
        { command: 'CREATE', rows: [{ job_id: expect.stringMatching(/^[a-z2-7]{26}$/) as string }] },
        { command: 'COMMIT', rows: [] },
      ]);
      await client.query(
        'BEGIN; CREATE TABLE more (id int); COMMIT; BEGIN; DROP TABLE many; COMMIT; DROP TABLE more',
      );
      await client.query('BEGIN; UPDATE accounts SET balance = 1');
      await withClient(local, async (other) => {
        expect((await other.query('SELECT balance FROM accounts')).rows).toMatchObject([
          { balance: 100 },
          { balance: 100 },
        ]);
      });
      await client.query('COMMIT');
      expect(await balances()).toMatchObject([{ balance: 1 }, { balance: 1 }]);
    });

    it('leave the transaction that they began aborted when they fail', async () => {
      expect(
        (await refusal(client.query('BEGIN; UPDATE accounts SET balance = 0; SAVEPOINT one'))).code,
      ).toBe('0A000');
      expect(await refusal(client.query('SELECT 1'))).toEqual(aborted);
      await client.query('ROLLBACK');
    });

    it('run nothing when one cannot be read', async () => {
      expect(await refusal(client.query('UPDATE accounts SET balance = 0; SELEC 1'))).toEqual({
        code: '42601',
        message: 'syntax error at or near "SELEC"',
      });
      expect(await balances()).toMatchObject([{ balance: 100 }, { balance: 100 }]);
    });
  });

  it('answers version() as a cluster does', async () => {
    expect((await client.query('SELECT version()')).rows).toEqual([{ version: 'PostgreSQL 16' }]);
  });

  it('reports a syntax error in words of DSQL as its own', async () => {
    const error = await client
      .query('CREATE INDEX ASYNC public.qualified ON accounts (balance)')
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: '42601', message: 'syntax error at or near "."' });
  });
});
