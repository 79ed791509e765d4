import { setTimeout as sleep } from 'node:timers/promises';
import { startLocalDsql } from 'aurora-dsql-orm/local';
import type { LocalDsql } from 'aurora-dsql-orm/local';
import type { Client } from 'pg';
import { connect, refusal, withClient, withLocalDsql } from './local-client';

const SECOND = 1000;

interface Job {
  readonly job_id: string;
  readonly status: string;
  readonly details: string | null;
  readonly object_name: string | null;
}

const begin = async (client: Client, sql: string): Promise<string> => {
  const { rows } = await client.query<{ job_id: string }>(sql);
  return rows[0]?.job_id ?? '';
};
const read = async (client: Client, id: string): Promise<Job | undefined> =>
  (await client.query<Job>('SELECT * FROM sys.jobs WHERE job_id = $1', [id])).rows[0];
const succeeded = async (client: Client, id: string) =>
  (await client.query<{ succeeded: boolean | null }>('CALL sys.wait_for_job($1)', [id])).rows;
const isValid = async (client: Client, index: string) =>
  (await client.query<object>('SELECT indisvalid FROM pg_index WHERE indexrelid = $1::regclass', [index]))
    .rows;

/** Looks again until something has happened that nobody tells of. */
async function until(happened: () => Promise<boolean>): Promise<void> {
  while (!(await happened())) await sleep(10);
}

describe('asynchronous jobs of the local DSQL', () => {
  let local: LocalDsql;
  let client: Client;
  let elapsedMs = 0;

  beforeAll(async () => {
    local = await startLocalDsql({
      clock: () => new Date(Date.now() + elapsedMs),
      jobDurationMs: 600 * SECOND,
    });
    await withClient(local, async (setUp) => {
      await setUp.query('CREATE TABLE things (id int PRIMARY KEY, n int, m int)');
      await setUp.query('INSERT INTO things VALUES (1, 1, 1), (2, 1, 2)');
    });
  });
  afterAll(() => local.stop());
  beforeEach(async () => {
    elapsedMs = 0;
    client = await connect(local);
  });
  afterEach(() => client.end());

  it('take their time, and their index is invalid until then', async () => {
    const id = await begin(client, 'CREATE INDEX ASYNC things_n ON things (n)');
    await until(async () => (await read(client, id))?.status === 'processing');
    expect(await isValid(client, 'things_n')).toEqual([{ indisvalid: false }]);
    elapsedMs = 601 * SECOND;
    expect(await succeeded(client, id)).toEqual([{ succeeded: true }]);
    expect(await isValid(client, 'things_n')).toEqual([{ indisvalid: true }]);
    expect(await read(client, id)).toMatchObject({ status: 'completed', details: null });
  });

  it('do not make an index a constraint before they are done', async () => {
    const id = await begin(client, 'CREATE UNIQUE INDEX ASYNC things_m ON things (m)');
    const makeConstraint = 'ALTER TABLE things ADD CONSTRAINT things_m_key UNIQUE USING INDEX things_m';
    expect(await refusal(client.query(makeConstraint))).toEqual({
      code: '55000',
      message: 'index "things_m" is not valid',
    });
    elapsedMs = 601 * SECOND;
    await succeeded(client, id);
    await client.query(makeConstraint);
    expect((await refusal(client.query('INSERT INTO things VALUES (3, 3, 1)'))).code).toBe('23505');
  });

  it.each([
    'CREATE INDEX ASYNC newer_n ON newer (n)',
    'ALTER TABLE ASYNC newer VALIDATE CONSTRAINT newer_check',
  ])('are not begun for a table that is newer than the snapshot: %s', async (sql) => {
    await client.query('BEGIN');
    await client.query('SELECT * FROM things');
    await withClient(local, async (other) => {
      await other.query('DROP TABLE IF EXISTS newer');
      await other.query('CREATE TABLE newer (n int)');
      await other.query('ALTER TABLE newer ADD CONSTRAINT newer_check CHECK (n > 0) NOT VALID');
    });
    expect(await refusal(client.query(sql))).toEqual({
      code: '40001',
      message: 'schema has been updated by another transaction (OC001)',
    });
    await client.query('ROLLBACK');
    expect(await begin(client, sql)).toMatch(/^[a-z2-7]{26}$/);
  });

  it('fail over duplicates, and leave an index that is invalid and enforces', async () => {
    const id = await begin(client, 'CREATE UNIQUE INDEX ASYNC things_unique ON things (n)');
    elapsedMs = 601 * SECOND;
    expect(await succeeded(client, id)).toEqual([{ succeeded: false }]);
    expect(await read(client, id)).toMatchObject({
      status: 'failed',
      details: 'Found duplicate key while validating index for UCVs',
      object_name: 'public.things_unique',
    });
    expect(await isValid(client, 'things_unique')).toEqual([{ indisvalid: false }]);
    expect((await refusal(client.query('INSERT INTO things VALUES (4, 1, 4)'))).code).toBe('23505');
    await client.query('DROP INDEX things_unique');
    expect(await read(client, id)).toMatchObject({ status: 'failed', object_name: null });
  });

  it('are over when their index is dropped', async () => {
    const id = await begin(client, 'CREATE INDEX ASYNC things_dropped ON things (n)');
    await client.query('DROP INDEX things_dropped');
    await succeeded(client, id);
    expect(await read(client, id)).toMatchObject({
      status: 'completed',
      details: 'relation "public.things_dropped" does not exist',
      object_name: null,
    });
  });

  it('go on beside each other', async () => {
    const first = await begin(client, 'CREATE INDEX ASYNC things_first ON things (n)');
    elapsedMs = 300 * SECOND;
    const second = await begin(client, 'CREATE INDEX ASYNC things_second ON things (n)');
    elapsedMs = 601 * SECOND;
    expect(await succeeded(client, first)).toEqual([{ succeeded: true }]);
    expect(await read(client, second)).toMatchObject({ status: 'processing' });
    elapsedMs = 901 * SECOND;
    expect(await succeeded(client, second)).toEqual([{ succeeded: true }]);
  });

  it('validate constraints', async () => {
    await client.query('ALTER TABLE things ADD CONSTRAINT small CHECK (n < 10) NOT VALID');
    await client.query('ALTER TABLE things ADD CONSTRAINT unlike CHECK (n <> 1) NOT VALID');
    const [small, unlike] = [
      await begin(client, 'ALTER TABLE ASYNC things VALIDATE CONSTRAINT small'),
      await begin(client, 'ALTER TABLE ASYNC things VALIDATE CONSTRAINT unlike'),
    ];
    elapsedMs = 601 * SECOND;
    expect(await succeeded(client, small)).toEqual([{ succeeded: true }]);
    expect(await succeeded(client, unlike)).toEqual([{ succeeded: false }]);
    expect(await read(client, unlike)).toMatchObject({
      details: 'check constraint "unlike" is violated by some row',
    });
  });

  it('are forgotten 30 minutes after their end', async () => {
    const id = await begin(client, 'CREATE INDEX ASYNC things_forgotten ON things (n)');
    elapsedMs = 601 * SECOND;
    await succeeded(client, id);
    elapsedMs += 1799 * SECOND;
    const later = await begin(client, 'CREATE INDEX ASYNC things_later ON things (n)');
    await until(async () => (await read(client, later))?.status === 'processing');
    expect(await read(client, id)).toMatchObject({ status: 'completed' });
    elapsedMs += 2 * SECOND;
    await until(async () => (await read(client, id)) === undefined);
    expect(await read(client, later)).toMatchObject({ status: 'processing' });
  });

  it('of a transaction that is rolled back never were', async () => {
    await client.query('BEGIN');
    const id = await begin(client, 'CREATE INDEX ASYNC things_never ON things (n)');
    await client.query('ROLLBACK');
    expect(await read(client, id)).toBeUndefined();
    expect(await succeeded(client, id)).toEqual([{ succeeded: null }]);
  });
});

describe('asynchronous jobs that take no time', () => {
  it('are done as soon as they can be waited for', async () => {
    await withLocalDsql({}, async (local) => {
      const client = await connect(local);
      await client.query('CREATE TABLE things (id int PRIMARY KEY, n int)');
      for (let n = 0; n < 5; n++) {
        expect(await succeeded(client, await begin(client, `CREATE INDEX ASYNC ON things (n)`))).toEqual([
          { succeeded: true },
        ]);
      }
      await client.end();
    });
  });

  it('take a number of milliseconds', async () => {
    await expect(startLocalDsql({ jobDurationMs: -1 })).rejects.toThrow(
      'jobDurationMs: expected a number from 0, got -1',
    );
  });
});
