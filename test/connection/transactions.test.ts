import { DsqlClient, isTransactionRolledBackError } from 'aurora-dsql-orm';
import type { QueryConfig } from 'pg';
import QueryStream from 'pg-query-stream';
import { useCluster } from '../cluster';

const cluster = useCluster();
let client: DsqlClient;
const insertNote = "INSERT INTO note (text) VALUES ('a')";

beforeAll(async () => {
  const setUp = new DsqlClient(cluster.connection);
  await setUp.connect();
  await setUp.query('CREATE TABLE note (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), text text NOT NULL)');
  await setUp.end();
});
beforeEach(async () => {
  client = new DsqlClient(cluster.connection);
  await client.connect();
  await client.query('DELETE FROM note');
});
afterEach(async () => {
  await client.end();
});

describe('BEGIN travels with the first statement', () => {
  it.each([
    'BEGIN',
    'begin;',
    'START TRANSACTION',
    'BEGIN READ WRITE',
    'BEGIN ISOLATION LEVEL REPEATABLE READ',
  ])('of a transaction begun with %s', async (begin) => {
    expect(await client.query(begin)).toMatchObject({ command: 'BEGIN', rows: [] });
    expect(await client.query("INSERT INTO note (text) VALUES ('a')")).toMatchObject({ rowCount: 1 });
    expect(await notesOfOthers()).toStrictEqual([]);
    await client.query('INSERT INTO note (text) VALUES ($1)', ['b']);
    expect(await client.query('COMMIT')).toMatchObject({ command: 'COMMIT' });
    expect(await notesOfOthers()).toStrictEqual(['a', 'b']);
  });

  it('with parameters, with a name, and with rows in another shape', async () => {
    await client.query('BEGIN');
    expect((await client.query('SELECT $1::int AS one', [1])).rows).toStrictEqual([{ one: 1 }]);
    await client.query('ROLLBACK');
    for (const value of [2, 3]) {
      await client.query('BEGIN');
      const named = { name: 'value', text: 'SELECT $1::int AS value', values: [value] };
      expect((await client.query(named)).rows).toStrictEqual([{ value }]);
      await client.query('COMMIT');
    }
    await client.query('BEGIN');
    expect((await client.query({ text: 'SELECT 4', rowMode: 'array' })).rows).toStrictEqual([[4]]);
    await client.query('COMMIT');
  });

  it('when nobody waits for the answers', async () => {
    const answers = await Promise.all([
      client.query('BEGIN'),
      client.query("INSERT INTO note (text) VALUES ('a')"),
      client.query('COMMIT'),
    ]);
    expect(answers.map(({ command }) => command)).toStrictEqual(['BEGIN', 'INSERT', 'COMMIT']);
    expect(await notesOfOthers()).toStrictEqual(['a']);
  });

  it('when callbacks are used', async () => {
    const command = await new Promise((resolve, reject) => {
      client.query('BEGIN', () => {
        client.query('INSERT INTO note (text) VALUES ($1)', ['a'], () => {
          client.query('COMMIT', (error: Error | null, result) => {
            if (error) reject(error);
            else resolve(result.command);
          });
        });
      });
    });
    expect(command).toBe('COMMIT');
    expect(await notesOfOthers()).toStrictEqual(['a']);
  });

  it('and before several statements in one text', async () => {
    await client.query('BEGIN');
    const results: unknown = await client.query("INSERT INTO note (text) VALUES ('a'); SELECT 1 AS one");
    expect(results).toMatchObject([{ command: 'INSERT' }, { rows: [{ one: 1 }] }]);
    expect(await notesOfOthers()).toStrictEqual([]);
    await client.query('ROLLBACK');
    expect(await notesOfOthers()).toStrictEqual([]);
  });

  it('and before a stream', async () => {
    await client.query('BEGIN');
    const rows: unknown[] = [];
    for await (const row of client.query(new QueryStream('SELECT generate_series(1, 3) AS n')))
      rows.push(row);
    expect(rows).toStrictEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    await client.query("INSERT INTO note (text) VALUES ('a')");
    expect(await notesOfOthers()).toStrictEqual([]);
    await client.query('ROLLBACK');
  });

  it.each([
    ['a stream', async () => client.query(new QueryStream(insertNote)).toArray()],
    ['several statements', () => client.query(`SELECT 1; ${insertNote}`)],
  ])('and before %s behind a first statement that could not be sent', async (_, run) => {
    await client.query('BEGIN');
    const isRefused = client.query('SELECT $1', 1 as unknown as unknown[]);
    await expect(isRefused).rejects.toThrow('Query values must be an array');
    await run();
    expect(await notesOfOthers()).toStrictEqual([]);
    await client.query('ROLLBACK');
    expect(await notesOfOthers()).toStrictEqual([]);
  });

  it('and a refused BEGIN lets no statement of its transaction run', async () => {
    await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE');
    const insert = "INSERT INTO note (text) VALUES ('a')";
    await expect(client.query(insert)).rejects.toMatchObject({ code: '0A000' });
    await expect(client.query(insert)).rejects.toMatchObject({ code: '25P02', cause: { code: '0A000' } });
    await expect(client.query('COMMIT')).rejects.toMatchObject({ circumstance: 'aborted' });
    expect(await notesOfOthers()).toStrictEqual([]);
    await client.query(insert);
    expect(await notesOfOthers()).toStrictEqual(['a']);
  });

  it('and a refused BEGIN lets no stream of its transaction run either', async () => {
    await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE');
    await expect(client.query('SELECT 1')).rejects.toMatchObject({ code: '0A000' });
    await expect(client.query(new QueryStream(insertNote)).toArray()).rejects.toMatchObject({
      code: '25P02',
    });
    await client.query('ROLLBACK');
    expect(await notesOfOthers()).toStrictEqual([]);
  });

  it.each(['', '-- nothing', ' ; /* nothing */ ;'])(
    'and with a text without a statement: %j',
    async (text) => {
      await client.query('BEGIN');
      await client.query(text);
      await client.query(insertNote);
      expect(await notesOfOthers()).toStrictEqual([]);
      await client.query('ROLLBACK');
      expect(await notesOfOthers()).toStrictEqual([]);
    },
  );

  it('and a value that cannot be sent leaves the transaction open', async () => {
    await client.query('BEGIN');
    const unsendable = {
      toPostgres() {
        throw new Error('no text for this');
      },
    };
    await expect(client.query('SELECT $1', [unsendable])).rejects.toThrow('no text for this');
    await client.query("INSERT INTO note (text) VALUES ('a')");
    expect(await notesOfOthers()).toStrictEqual([]);
    await client.query('COMMIT');
    expect(await notesOfOthers()).toStrictEqual(['a']);
  });

  it('and a first statement that fails aborts the transaction', async () => {
    await client.query('BEGIN');
    await expect(client.query('SELECT no_such_column')).rejects.toMatchObject({ code: '42703' });
    await expect(client.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' });
    await client.query('ROLLBACK');
    expect((await client.query('SELECT 1 AS one')).rows).toStrictEqual([{ one: 1 }]);
  });
});

describe('COMMIT', () => {
  it('is an error when a failure inside the transaction was swallowed', async () => {
    await client.query('BEGIN');
    await client.query("INSERT INTO note (text) VALUES ('a')");
    await client.query('SELECT no_such_column').catch(() => undefined);
    const error: unknown = await client.query('COMMIT').catch((caught: unknown) => caught);
    expect(isTransactionRolledBackError(error)).toBe(true);
    expect(error).toMatchObject({ circumstance: 'aborted' });
    expect(await notesOfOthers()).toStrictEqual([]);
  });

  it.each(['COMMIT; SELECT 1', 'END; BEGIN', '/* done */;COMMIT;;SELECT 1'])(
    'in front of other statements is an error when a failure was swallowed: %s',
    async (text) => {
      await client.query('BEGIN');
      await client.query(insertNote);
      await client.query('SELECT no_such_column').catch(() => undefined);
      await expect(client.query(text)).rejects.toMatchObject({ circumstance: 'aborted' });
      await client.query('ROLLBACK');
      expect(await notesOfOthers()).toStrictEqual([]);
    },
  );

  it('behind other statements of its text commits them, and a ROLLBACK there is no error', async () => {
    await client.query(`BEGIN; ${insertNote}; COMMIT`);
    await client.query(`BEGIN; ${insertNote}; ROLLBACK`);
    expect(await notesOfOthers()).toStrictEqual(['a']);
  });

  it('is an error outside a transaction, because what it was meant for is gone', async () => {
    await expect(client.query('COMMIT')).rejects.toMatchObject({ circumstance: 'absent' });
    await expect(client.query('COMMIT; SELECT 1')).rejects.toMatchObject({ circumstance: 'absent' });
    expect((await client.query('SELECT 1 AS one')).rows).toStrictEqual([{ one: 1 }]);
  });

  it('leaves the connection usable after a conflict, and the ROLLBACK behind it has nothing to do', async () => {
    await client.query("INSERT INTO note (text) VALUES ('a')");
    const other = new DsqlClient(cluster.connection);
    await other.connect();
    await client.query('BEGIN');
    await client.query('SELECT text FROM note');
    await other.query("UPDATE note SET text = 'b'");
    const failure: unknown = await client
      .query("UPDATE note SET text = 'c'")
      .then(() => client.query('COMMIT'))
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: '40001' });
    expect(await client.query('ROLLBACK')).toMatchObject({ command: 'ROLLBACK' });
    expect(await client.query('ROLLBACK')).toMatchObject({ command: 'ROLLBACK' });
    expect((await client.query('SELECT text FROM note')).rows).toStrictEqual([{ text: 'b' }]);
    await other.end();
  });
});

describe('a statement that is named without its text', () => {
  const named = (name: string) => client.query({ name } as QueryConfig);

  it('commits as the one that had a text, and fails as that one', async () => {
    await client.query({ name: 'begin', text: 'BEGIN' });
    await client.query({ name: 'insert', text: insertNote });
    await client.query({ name: 'commit', text: 'COMMIT' });
    await client.query('BEGIN');
    await named('insert');
    await client.query('SELECT no_such_column').catch(() => undefined);
    await expect(named('commit')).rejects.toMatchObject({ circumstance: 'aborted' });
    expect(await notesOfOthers()).toStrictEqual(['a']);
  });

  it('is not sent where no text is known', async () => {
    await client.query({ name: 'begin', text: 'BEGIN' });
    await client.query({ name: 'commit', text: 'COMMIT' });
    await expect(named('begin')).rejects.toThrow('no statement named "begin"');
    await client.query('BEGIN');
    await client.query(insertNote);
    await expect(named('commit')).rejects.toThrow('no statement named "commit"');
    await client.query('COMMIT');
    expect(await notesOfOthers()).toStrictEqual(['a']);
  });
});

describe('round trips', () => {
  it('are two for a transaction of one statement, and none for an empty one', async () => {
    const recording = cluster.local.trace.start();
    await client.query('BEGIN');
    await client.query('INSERT INTO note (text) VALUES ($1)', ['a']);
    await client.query('COMMIT');
    await client.query('BEGIN');
    await client.query('COMMIT');
    await client.query('BEGIN');
    await client.query('ROLLBACK');
    recording.stop();
    expect(recording.roundTrips.map(({ statements }) => statements.map(({ kind }) => kind))).toStrictEqual([
      ['begin', 'write'],
      ['commit'],
    ]);
  });

  it('are none for the ROLLBACK behind a COMMIT that failed', async () => {
    cluster.local.faults.failCommit({ error: 'OC000' });
    const recording = cluster.local.trace.start();
    await client.query('BEGIN');
    await client.query('INSERT INTO note (text) VALUES ($1)', ['a']);
    await expect(client.query('COMMIT')).rejects.toMatchObject({ code: '40001' });
    await client.query('ROLLBACK');
    expect(recording.stop().roundTrips).toHaveLength(2);
  });
});

async function notesOfOthers(): Promise<string[]> {
  const other = new DsqlClient(cluster.connection);
  await other.connect();
  const { rows } = await other.query<{ text: string }>('SELECT text FROM note ORDER BY text');
  await other.end();
  return rows.map(({ text }) => text);
}
