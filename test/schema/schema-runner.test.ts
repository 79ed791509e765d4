import { setTimeout as sleep } from 'node:timers/promises';
import { DsqlClient } from 'aurora-dsql-orm';
import { startLocalDsql, type LocalDsql } from 'aurora-dsql-orm/local';
import { SchemaJobError } from 'aurora-dsql-orm/typeorm';
import { SchemaRunner, type SchemaProgress, type SchemaSession } from '../../src/schema';
import { loadParser, translate, type TranslateOptions } from '../../src/sql';
import { useCluster } from '../cluster';

let client: DsqlClient;
// Before the cluster's own, which would cut the connection.
afterAll(() => client.end());
const cluster = useCluster();

let session: SchemaSession;
const sent: string[] = [];

beforeAll(async () => {
  await loadParser();
  client = new DsqlClient(cluster.connection);
  await client.connect();
  session = {
    query: async (sql) => {
      sent.push(sql);
      const { rows, rowCount } = await client.query<Record<string, unknown>>(sql);
      return { rows, rowCount: rowCount ?? 0 };
    },
  };
});

beforeEach(async () => {
  for (const table of ['account', 'owner']) await client.query(`DROP TABLE IF EXISTS ${table}`);
  sent.length = 0;
});

function statementsOf(sql: string, options?: TranslateOptions) {
  const { statements, refusals } = translate(sql, options);
  expect(refusals).toStrictEqual([]);
  return statements;
}

async function change(sql: string, options?: TranslateOptions): Promise<SchemaProgress[]> {
  const progress: SchemaProgress[] = [];
  const runner = new SchemaRunner(session, { onProgress: (step) => progress.push(step) });
  await runner.run(statementsOf(sql, options));
  await runner.settle();
  return progress;
}

const ACCOUNT = 'CREATE TABLE account (id int PRIMARY KEY, owner int, email text)';

const validIndexes = async () => {
  const { rows } = await client.query<{ name: string; valid: boolean }>(
    `SELECT c.relname AS name, i.indisvalid AS valid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
     JOIN pg_class t ON t.oid = i.indrelid WHERE t.relname = 'account' AND NOT i.indisprimary ORDER BY 1`,
  );
  return rows.map(({ name, valid }) => `${name} ${valid ? 'valid' : 'invalid'}`);
};

describe('SchemaRunner', () => {
  it('builds the indexes of a table at the same time, and waits for all of them', async () => {
    const progress = await change(
      `${ACCOUNT}; CREATE INDEX by_owner ON account (owner); CREATE INDEX by_email ON account (email)`,
    );
    expect(progress.map(({ step }) => step)).toStrictEqual([
      ...['statement', 'statement', 'job started', 'statement', 'job started'],
      ...['job ended', 'job ended'],
    ]);
    expect(await validIndexes()).toStrictEqual(['by_email valid', 'by_owner valid']);
  });

  it('waits for the index that a constraint is made of', async () => {
    await change(`${ACCOUNT}; ALTER TABLE account ADD CONSTRAINT one_email UNIQUE (email)`);
    const { rows } = await client.query(`SELECT contype FROM pg_constraint WHERE conname = 'one_email'`);
    expect(rows).toStrictEqual([{ contype: 'u' }]);
  });

  it('goes on with another table while an index is built', async () => {
    const progress = await change(
      `${ACCOUNT}; CREATE INDEX by_owner ON account (owner); CREATE TABLE owner (id int PRIMARY KEY)`,
    );
    expect(progress.at(-2)).toMatchObject({
      step: 'statement',
      sql: 'CREATE TABLE owner (id int PRIMARY KEY)',
    });
    expect(progress.at(-1)).toMatchObject({ step: 'job ended', running: 0 });
  });

  it('says why a unique index cannot be built, and leaves none that is invalid', async () => {
    await client.query(ACCOUNT);
    await client.query(`INSERT INTO account VALUES (1, 1, 'a'), (2, 2, 'a')`);
    const failed = await change('CREATE UNIQUE INDEX one_email ON account (email)').catch(
      (error: unknown) => error,
    );
    expect(failed).toBeInstanceOf(SchemaJobError);
    expect((failed as SchemaJobError).message).toMatch(
      /^The job \w{26} of "CREATE UNIQUE INDEX ASYNC one_email ON account \(email\)" ended as failed: .* The index public\.one_email, which stayed invalid, was dropped\. Correct the rows and run it again\.$/,
    );
    expect(await validIndexes()).toStrictEqual([]);
  });

  it('ends the other jobs before it reports the one that failed', async () => {
    await client.query(ACCOUNT);
    await client.query(`INSERT INTO account VALUES (1, 1, 'a'), (2, 2, 'a')`);
    await expect(
      change('CREATE UNIQUE INDEX one_email ON account (email); CREATE INDEX by_owner ON account (owner)'),
    ).rejects.toThrow(SchemaJobError);
    expect(await validIndexes()).toStrictEqual(['by_owner valid']);
  });

  it('says that rows violate a check that is added, and leaves none', async () => {
    await client.query(ACCOUNT);
    await client.query(`INSERT INTO account VALUES (1, NULL, 'a')`);
    await expect(change('ALTER TABLE account ALTER COLUMN owner SET NOT NULL')).rejects.toThrow(
      /violated by some row\. The constraint was dropped\. Correct the rows and run it again\./,
    );
    expect(await checks()).toStrictEqual([]);
  });

  it('leaves a check that it has not added itself', async () => {
    await client.query(ACCOUNT);
    await client.query(`INSERT INTO account VALUES (1, NULL, 'a')`);
    await client.query('ALTER TABLE account ADD CONSTRAINT owned CHECK (owner IS NOT NULL) NOT VALID');
    await expect(change('ALTER TABLE account VALIDATE CONSTRAINT owned')).rejects.toThrow(
      /violated by some row\. Correct the rows and run it again\./,
    );
    expect(await checks()).toStrictEqual(['owned']);
  });

  it('waits for a job that was started in a transaction', async () => {
    await client.query(ACCOUNT);
    const sql = 'CREATE INDEX ASYNC by_owner ON account (owner)';
    await client.query('BEGIN');
    const { rows } = await client.query<Record<string, unknown>>(sql);
    await client.query('COMMIT');
    const runner = new SchemaRunner(session);
    runner.adoptJob(sql, rows);
    await runner.settle();
    expect(await validIndexes()).toStrictEqual(['by_owner valid']);
  });

  it('builds anew what a failed build has left', async () => {
    await client.query(ACCOUNT);
    await client.query(`INSERT INTO account VALUES (1, 1, 'a'), (2, 2, 'a')`);
    await new SchemaRunner(session).run(statementsOf('CREATE UNIQUE INDEX one_email ON account (email)'));
    await client.query(`CALL sys.wait_for_job('${await lastJob()}')`);
    expect(await validIndexes()).toStrictEqual(['one_email invalid']);
    await client.query('DELETE FROM account WHERE id = 2');
    await change('CREATE UNIQUE INDEX IF NOT EXISTS one_email ON account (email)');
    expect(await validIndexes()).toStrictEqual(['one_email valid']);
  });

  it('leaves an index of the same name in another schema alone', async () => {
    for (const schema of ['a', 'b']) {
      await client.query(`CREATE SCHEMA IF NOT EXISTS ${schema}`);
      await client.query(`CREATE TABLE ${schema}.users (id int PRIMARY KEY, email text)`);
    }
    await client.query(`INSERT INTO b.users VALUES (1, 'a'), (2, 'a')`);
    const unique = statementsOf('CREATE UNIQUE INDEX users_email ON b.users (email)');
    await new SchemaRunner(session).run(unique);
    await client.query(`CALL sys.wait_for_job('${await lastJob()}')`);
    await change('CREATE INDEX users_email ON a.users (email)');

    await change('CREATE INDEX IF NOT EXISTS users_email ON a.users (email)');

    expect(sent.filter((sql) => sql.startsWith('DROP INDEX'))).toStrictEqual([]);
    const { rows } = await client.query(
      `SELECT n.nspname AS schema, i.indisvalid AS valid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
       JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relname = 'users_email' ORDER BY 1`,
    );
    expect(rows).toStrictEqual([
      { schema: 'a', valid: true },
      { schema: 'b', valid: false },
    ]);
    for (const schema of ['a', 'b']) await client.query(`DROP SCHEMA ${schema} CASCADE`);
  });

  it('waits for the build that another one has begun', async () => {
    await client.query(ACCOUNT);
    const first = new SchemaRunner(session);
    const statements = statementsOf('CREATE INDEX IF NOT EXISTS by_owner ON account (owner)');
    await first.run(statements);
    const second = new SchemaRunner(session);
    await second.run(statements);
    await second.settle();
    expect(await validIndexes()).toStrictEqual(['by_owner valid']);
    await first.settle();
  });

  it('writes to more rows than a transaction may change in batches', async () => {
    await client.query(ACCOUNT);
    for (let from = 1; from < 7000; from += 2500) {
      await client.query(
        `INSERT INTO account SELECT g, g, 'a' FROM generate_series(${from}, ${from + 2499}) g`,
      );
    }
    const progress = await change('TRUNCATE account', {
      catalog: {
        tables: [
          {
            name: 'account',
            columns: [],
            constraints: [{ name: 'account_pkey', type: 'p', columns: ['id'], validated: true }],
          },
        ],
      },
    });
    expect(progress.flatMap((step) => (step.step === 'batch' ? step.totalRows : []))).toStrictEqual([
      3000, 6000, 7500,
    ]);
    expect((await client.query('SELECT 1 FROM account')).rowCount).toBe(0);
  });

  it.each([
    ['ends well', 'whose index is valid', () => undefined],
    [
      'fails',
      'whose index is not, and leaves none',
      (local: LocalDsql) => local.faults.failIndexBuild({ table: 'account' }),
    ],
  ])('%s after a job that sys.jobs has forgotten, %s', async (outcome, _, prepare) => {
    let elapsedMs = 0;
    const local = await startLocalDsql({ clock: () => new Date(Date.now() + elapsedMs) });
    const { host, port, hostaddr, ca, credentials, region } = local;
    const own = new DsqlClient({ host, port, hostaddr, ca, credentials, region });
    await own.connect();
    const jobs = async (status: string) =>
      (await own.query(`SELECT FROM sys.jobs WHERE status LIKE '${status}'`)).rowCount;
    const late: SchemaSession = {
      query: async (sql) => {
        if (sql.includes('FROM sys.jobs WHERE job_id IN') && elapsedMs === 0) {
          while ((await jobs('completed')) === 0 && (await jobs('failed')) === 0) await sleep(10);
          elapsedMs = 31 * 60_000;
          while ((await jobs('%')) !== 0) await sleep(10);
        }
        const { rows, rowCount } = await own.query<Record<string, unknown>>(sql);
        return { rows, rowCount: rowCount ?? 0 };
      },
    };
    prepare(local);
    const runner = new SchemaRunner(late);
    await runner.run(statementsOf(`${ACCOUNT}; CREATE INDEX by_email ON account (email)`));
    const settled = runner.settle().then(
      () => 'ends well',
      (error: unknown) => (error instanceof SchemaJobError ? 'fails' : error),
    );
    expect(await settled).toBe(outcome);
    const { rows } = await own.query(
      "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('by_email')",
    );
    expect(rows).toStrictEqual(outcome === 'fails' ? [] : [{ indisvalid: true }]);
    await own.end();
    await local.stop();
  });

  it('begins nothing more when it is aborted', async () => {
    const signal = AbortSignal.abort();
    await expect(new SchemaRunner(session, { signal }).run(statementsOf(ACCOUNT))).rejects.toThrow(/aborted/);
    expect(sent).toStrictEqual([]);
  });
});

async function checks(): Promise<string[]> {
  const { rows } = await client.query<{ conname: string }>(
    `SELECT conname FROM pg_constraint WHERE contype = 'c' AND conrelid = 'account'::regclass`,
  );
  return rows.map(({ conname }) => conname);
}

async function lastJob(): Promise<string> {
  const { rows } = await client.query<{ job_id: string }>(
    `SELECT job_id FROM sys.jobs WHERE job_type = 'INDEX_BUILD' ORDER BY start_time DESC LIMIT 1`,
  );
  return rows[0]?.job_id ?? '';
}
