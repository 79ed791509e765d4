import { setTimeout as sleep } from 'node:timers/promises';
import {
  classifyError,
  DsqlClient,
  DsqlPool,
  isCommitOutcomeUnknownError,
  isMessageTooLargeError,
  isNotSentError,
  isTransactionRolledBackError,
} from 'aurora-dsql-orm';
import type { QueryConfig, QueryResult } from 'pg';
import QueryStream from 'pg-query-stream';
import { useCluster } from '../cluster';
import { oneOfEvery } from '../form';

/** How long a statement may take, in milliseconds; and how long it takes where a fault strikes. */
const TIMEOUT_MS = 150;
const LATENCY_MS = 500;
/** On a connection after the one that was lost; no time-out of a busy machine is meant to strike it. */
const PATIENT_UPDATE = { text: 'UPDATE entry SET value = value + 1 WHERE id = 0', query_timeout: 60_000 };

const cluster = useCluster();
let pool: DsqlPool;
let opened: DsqlClient[] = [];

beforeAll(async () => {
  pool = new DsqlPool(cluster.connection);
  pool.on('error', () => undefined);
  await pool.query('CREATE TABLE entry (id integer PRIMARY KEY, value integer NOT NULL)');
});
beforeEach(async () => {
  await pool.query('DELETE FROM entry');
  await pool.query('INSERT INTO entry VALUES (0, 0)');
});
afterEach(async () => {
  cluster.local.faults.clear();
  await Promise.all(opened.map((client) => client.end().catch(() => undefined)));
  opened = [];
});
afterAll(() => pool.end());

/** A client whose connection may be lost. */
async function connect(options: { readonly query_timeout?: number } = {}): Promise<DsqlClient> {
  const client = new DsqlClient({ ...cluster.connection, ...options });
  client.on('error', () => undefined);
  await client.connect();
  opened.push(client);
  return client;
}

/** The rows that the tests have inserted, as another connection sees them. */
async function ids(): Promise<number[]> {
  const { rows } = await pool.query<{ id: number }>('SELECT id FROM entry WHERE id > 0 ORDER BY id');
  return rows.map(({ id }) => id);
}

async function valueOfOthers(): Promise<number | undefined> {
  const { rows } = await pool.query<{ value: number }>('SELECT value FROM entry WHERE id = 0');
  return rows[0]?.value;
}

async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => {
      throw new Error('It did not fail.');
    },
    (error: unknown) => error,
  );
}

type Run = (text: string, values?: readonly unknown[]) => Promise<QueryResult>;

/** Where a query is given the time that it may take, and how it is sent. */
const timeouts = [
  ['of the pool', { query_timeout: TIMEOUT_MS }, {}],
  ['of the query, whatever the pool says', { query_timeout: 60_000 }, { query_timeout: TIMEOUT_MS }],
] as const;

/** Where the time-out strikes, inside a transaction. */
const moments: readonly (readonly [string, (run: Run, strike: () => void) => Promise<unknown>])[] = [
  [
    'the statement that carries BEGIN',
    async (run, strike) => {
      await run('BEGIN');
      strike();
      await run('INSERT INTO entry VALUES (1, 1)');
    },
  ],
  [
    'the statement that carries BEGIN, with values',
    async (run, strike) => {
      await run('/* app */ START TRANSACTION');
      strike();
      await run('INSERT INTO entry VALUES ($1, 1)', [1]);
    },
  ],
  [
    'several statements behind BEGIN',
    async (run, strike) => {
      await run('BEGIN');
      strike();
      await run('INSERT INTO entry VALUES (1, 1); INSERT INTO entry VALUES (2, 2)');
    },
  ],
  [
    'a later statement',
    async (run, strike) => {
      await run('BEGIN');
      await run('INSERT INTO entry VALUES (1, 1)');
      strike();
      await run('INSERT INTO entry VALUES (2, 2)');
    },
  ],
  [
    'a read',
    async (run, strike) => {
      await run('BEGIN');
      await run('INSERT INTO entry VALUES (1, 1)');
      strike();
      await run('SELECT * FROM entry');
    },
  ],
  [
    'ROLLBACK',
    async (run, strike) => {
      await run('BEGIN');
      await run('INSERT INTO entry VALUES (1, 1)');
      strike();
      await run('ROLLBACK');
    },
  ],
];

describe.each(timeouts)('a time-out %s', (where, ofPool, ofQuery) => {
  // Where it is given makes no difference to the moment.
  const [[first]] = timeouts;
  const chosen = where === first ? moments : oneOfEvery(3, moments);

  let single: DsqlPool;
  beforeEach(() => {
    single = new DsqlPool({ ...cluster.connection, ...ofPool, max: 1 });
  });
  afterEach(() => single.end());

  const strike = () => void cluster.local.faults.addLatency(LATENCY_MS);
  const runOn =
    (client: Pick<DsqlClient, 'query'>): Run =>
    (text, values) =>
      client.query({ text, ...(values && { values: [...values] }), ...ofQuery });

  it.each(chosen)(
    'at %s destroys the connection, and nothing of the transaction is committed',
    async (_, act) => {
      const client = await single.connect();
      const run = runOn(client);
      expect(await failure(act(run, strike))).toMatchObject({ message: 'Query read timeout' });
      cluster.local.faults.clear();
      // Nothing gets into the middle of what the server is doing.
      expect(await failure(run('UPDATE entry SET value = 9'))).toMatchObject({ name: 'NotSentError' });
      expect(await failure(run('COMMIT'))).toMatchObject({ name: 'NotSentError', subject: 'COMMIT' });
      expect(await failure(run('ROLLBACK'))).toMatchObject({ name: 'NotSentError', subject: 'ROLLBACK' });
      client.release();
      expect(single.idleCount).toBe(0);
      // The next user of the pool has a connection of its own, and what it writes is there for others at once.
      expect(await single.query(PATIENT_UPDATE)).toMatchObject({
        rowCount: 1,
      });
      expect(await valueOfOthers()).toBe(1);
      const next = await single.connect();
      await next.query('BEGIN');
      await next.query('INSERT INTO entry VALUES (7, 7)');
      await next.query('COMMIT');
      next.release();
      await sleep(LATENCY_MS);
      expect(await ids()).toStrictEqual([7]);
    },
  );

  it('at COMMIT is reported as an unknown outcome, and so is it when asked again', async () => {
    const client = await single.connect();
    const run = runOn(client);
    await run('BEGIN');
    await run('INSERT INTO entry VALUES (1, 1)');
    strike();
    const error = await failure(run('/* the end */ COMMIT'));
    expect(error).toMatchObject({
      name: 'CommitOutcomeUnknownError',
      subject: 'COMMIT',
      cause: { message: 'Query read timeout' },
    });
    expect(await failure(run('COMMIT'))).toBe(error);
    expect(await failure(run('ROLLBACK'))).toMatchObject({ name: 'NotSentError', subject: 'ROLLBACK' });
    cluster.local.faults.clear();
    client.release();
    expect(single.idleCount).toBe(0);
    await single.query(PATIENT_UPDATE);
    expect(await valueOfOthers()).toBe(1);
  });

  it.each([
    ['a write', 'INSERT INTO entry VALUES (1, 1)', true],
    [
      'a write in a WITH',
      'WITH new AS (INSERT INTO entry VALUES (1, 1) RETURNING id) SELECT * FROM new',
      true,
    ],
    ['a read', 'SELECT * FROM entry', false],
    ['a read in a WITH', 'WITH all_of AS (SELECT * FROM entry) SELECT * FROM all_of', false],
    ['a setting', "SET TIME ZONE 'UTC'", false],
  ])('of %s outside a transaction says whether it may have been done', async (_, text, isUnknown) => {
    strike();
    const error = await failure(runOn(single)(text));
    cluster.local.faults.clear();
    expect(isCommitOutcomeUnknownError(error)).toBe(isUnknown);
    expect(isUnknown ? (error as Error).cause : error).toMatchObject({ message: 'Query read timeout' });
    expect(single.totalCount).toBe(0);
    expect(await single.query(PATIENT_UPDATE)).toMatchObject({
      rowCount: 1,
    });
    expect(await valueOfOthers()).toBe(1);
  });

  it('of a statement that waits behind another one sends nothing, nor what comes behind it', async () => {
    const client = await single.connect();
    await client.query('BEGIN');
    await client.query('INSERT INTO entry VALUES (1, 1)');
    strike();
    const timed = (config: QueryConfig & { readonly query_timeout: number }) => client.query(config);
    const outcomes = await Promise.allSettled([
      timed({ text: 'INSERT INTO entry VALUES (2, 2)', query_timeout: 60_000 }),
      timed({ text: 'INSERT INTO entry VALUES (3, 3)', query_timeout: 50 }),
      timed({ text: 'ROLLBACK', query_timeout: 60 }),
    ]);
    cluster.local.faults.clear();
    client.release();
    expect(outcomes.map(({ status }) => status)).toStrictEqual(['rejected', 'rejected', 'rejected']);
    expect(single.idleCount).toBe(0);
    await sleep(LATENCY_MS);
    expect(await ids()).toStrictEqual([]);
  });
});

describe('a time-out of a client', () => {
  it.each(['callback', 'promise'])('tells who asks with a %s, once', async (way) => {
    const client = await connect({ query_timeout: TIMEOUT_MS });
    cluster.local.faults.addLatency(LATENCY_MS);
    const answers = jest.fn();
    const text = 'SELECT 1';
    await new Promise<void>((resolve) => {
      if (way === 'callback') {
        client.query(text, (error: Error | null) => {
          answers(error);
          resolve();
        });
      } else {
        client.query(text).then(
          () => {
            resolve();
          },
          (error: unknown) => {
            answers(error);
            resolve();
          },
        );
      }
    });
    await sleep(LATENCY_MS);
    expect(answers.mock.calls).toMatchObject([[{ message: 'Query read timeout' }]]);
  });

  it('is reported by no event: the query has told of it', async () => {
    const client = new DsqlClient({ ...cluster.connection, query_timeout: TIMEOUT_MS });
    const onError = jest.fn();
    client.on('error', onError);
    await client.connect();
    const ended = new Promise((resolve) => client.once('end', resolve));
    cluster.local.faults.addLatency(LATENCY_MS);
    await expect(client.query('SELECT 1')).rejects.toThrow('Query read timeout');
    await ended;
    expect(onError).not.toHaveBeenCalled();
  });

  it('of a query that was asked for before the connection was there ends the connecting, too', async () => {
    const client = new DsqlClient({ ...cluster.connection, query_timeout: 1 });
    client.on('error', () => undefined);
    cluster.local.faults.addLatency(LATENCY_MS);
    const outcomes = await Promise.allSettled([client.connect(), client.query('SELECT 1')]);
    expect(outcomes).toMatchObject([{ status: 'rejected' }, { reason: { message: 'Query read timeout' } }]);
  });

  it.each([0, undefined])('is none with %s', async (query_timeout) => {
    const client = await connect(query_timeout === undefined ? {} : { query_timeout });
    cluster.local.faults.addLatency(200);
    await expect(client.query('SELECT 1')).resolves.toBeDefined();
  });
});

describe('a query that node-postgres refuses', () => {
  const toPostgres = () => {
    throw new Error('no text for this');
  };
  const refused: readonly (readonly [string, (client: DsqlClient) => Promise<unknown>])[] = [
    [
      'with values that are no list',
      (client) => client.query('INSERT INTO entry VALUES ($1, 1)', 1 as never),
    ],
    [
      'with an object for values',
      (client) => client.query('INSERT INTO entry VALUES ($1, 1)', { id: 1 } as never),
    ],
    [
      'with the name of another statement',
      (client) => client.query({ name: 'known', text: 'INSERT INTO entry VALUES (1, 1)' }),
    ],
    ['with neither text nor name', (client) => client.query({} as never)],
    [
      'with a value that has no text',
      (client) => client.query('INSERT INTO entry VALUES ($1, 1)', [{ toPostgres }]),
    ],
    [
      'with a name and a value that has no text',
      (client) =>
        client.query({ name: 'new', text: 'INSERT INTO entry VALUES ($1, 1)', values: [{ toPostgres }] }),
    ],
  ];

  describe.each(oneOfEvery(2, refused))('%s', (_, refuse) => {
    it('behind BEGIN has sent nothing, and the transaction goes on', async () => {
      const client = await connect();
      await client.query({ name: 'known', text: 'SELECT 1' });
      const recording = cluster.local.trace.start();
      await client.query('BEGIN');
      expect(await failure(refuse(client))).toBeInstanceOf(Error);
      expect(recording.stop().roundTrips).toStrictEqual([]);
      await client.query('INSERT INTO entry VALUES (2, 2)');
      expect(await ids()).toStrictEqual([]);
      await client.query('COMMIT');
      expect(await ids()).toStrictEqual([2]);
    });

    it('alone behind BEGIN leaves nothing to roll back, nor anything for who comes next', async () => {
      const client = await connect();
      await client.query({ name: 'known', text: 'SELECT 1' });
      await client.query('BEGIN');
      expect(await failure(refuse(client))).toBeInstanceOf(Error);
      await client.query('ROLLBACK');
      expect(await client.query('UPDATE entry SET value = 1')).toMatchObject({ rowCount: 1 });
      expect(await valueOfOthers()).toBe(1);
    });

    it('in an open transaction, and outside of one, leaves the connection as it was', async () => {
      const client = await connect();
      await client.query({ name: 'known', text: 'SELECT 1' });
      expect(isCommitOutcomeUnknownError(await failure(refuse(client)))).toBe(false);
      await client.query('BEGIN');
      await client.query('INSERT INTO entry VALUES (2, 2)');
      expect(await failure(refuse(client))).toBeInstanceOf(Error);
      await client.query('COMMIT');
      expect(await ids()).toStrictEqual([2]);
    });
  });
});

describe('a named statement', () => {
  const named = (text: string, values?: unknown[]) => ({ name: 'named', text, ...(values && { values }) });

  it('that cannot be parsed right behind BEGIN works as soon as it can', async () => {
    const client = await connect();
    const read = named('SELECT value FROM later');
    await client.query('BEGIN');
    await expect(client.query(read)).rejects.toMatchObject({ code: '42P01' });
    await client.query('ROLLBACK');
    await pool.query('CREATE TABLE later (value integer PRIMARY KEY)');
    expect(await client.query(read)).toMatchObject({ rows: [] });
    await client.query('BEGIN');
    expect(await client.query(read)).toMatchObject({ rows: [] });
    await client.query('COMMIT');
    expect(await client.query(read)).toMatchObject({ rows: [] });
    await pool.query('DROP TABLE later');
  });

  it('behind a BEGIN that was refused is not taken for parsed', async () => {
    const client = await connect();
    await client.query('BEGIN ISOLATION LEVEL SERIALIZABLE');
    await expect(client.query(named('SELECT 1 AS one'))).rejects.toMatchObject({ code: '0A000' });
    await client.query('ROLLBACK');
    expect((await client.query(named('SELECT 1 AS one'))).rows).toStrictEqual([{ one: 1 }]);
  });

  it.each([
    ['cannot be bound', ['x']],
    ['fails when it is run', [0]],
  ])('that was parsed behind BEGIN and %s is used again', async (_, values) => {
    const client = await connect();
    const divide = (by: unknown[]) => named('SELECT 1 / $1::integer AS result', by);
    await client.query('BEGIN');
    await expect(client.query(divide(values))).rejects.toHaveProperty('code');
    await client.query('ROLLBACK');
    for (const begin of [false, true, false]) {
      if (begin) await client.query('BEGIN');
      expect((await client.query(divide([1]))).rows).toStrictEqual([{ result: 1 }]);
      if (begin) await client.query('COMMIT');
    }
  });

  it('that timed out or was refused leaves its name to another client of the pool', async () => {
    const single = new DsqlPool({ ...cluster.connection, max: 1 });
    const latency = cluster.local.faults.addLatency(LATENCY_MS);
    const timed = { ...named('SELECT 1 AS one'), query_timeout: TIMEOUT_MS };
    // The first connection takes its time, too, and that is no time-out of a query.
    await expect(single.query(timed)).rejects.toThrow('Query read timeout');
    latency.remove();
    expect((await single.query(named('SELECT 1 AS one'))).rows).toStrictEqual([{ one: 1 }]);
    await single.end();
  });
});

describe('a comment before the verb', () => {
  const comments = [
    ['none', ''],
    ['a comment', '/* tag */ '],
    ['a line', '-- tag; BEGIN\n'],
    ['a comment inside a comment', '/* outer /* inner */ COMMIT; */'],
    ['several of them', ' -- one\n/* two */\t-- three\n'],
    ['an empty statement', ';'],
  ] as const;

  it.each(comments)(
    '(%s) does not keep BEGIN from travelling with the first statement',
    async (_, comment) => {
      const client = await connect();
      const recording = cluster.local.trace.start();
      await client.query(`${comment}BEGIN`);
      await client.query(`${comment}INSERT INTO entry VALUES (1, 1)`);
      await client.query(`${comment}COMMIT`);
      const { roundTrips } = recording.stop();
      expect(roundTrips.map(({ statements }) => statements.map(({ kind }) => kind))).toStrictEqual([
        ['begin', 'write'],
        ['commit'],
      ]);
      expect(await ids()).toStrictEqual([1]);
    },
  );

  it.each(comments)('(%s) does not hide that COMMIT did not commit', async (_, comment) => {
    const client = await connect();
    await client.query(`${comment}BEGIN`);
    await client.query('INSERT INTO entry VALUES (1, 1)');
    await failure(client.query('SELECT no_such_column'));
    expect(isTransactionRolledBackError(await failure(client.query(`${comment}COMMIT`)))).toBe(true);
    expect(await failure(client.query(`${comment}END`))).toMatchObject({ circumstance: 'absent' });
    expect(await ids()).toStrictEqual([]);
  });

  it.each(comments)('(%s) does not hide that the outcome of COMMIT is unknown', async (_, comment) => {
    const client = await connect();
    await client.query(`${comment}BEGIN`);
    await client.query('INSERT INTO entry VALUES (1, 1)');
    cluster.local.faults.cutConnection({ at: 'after commit' });
    expect(await failure(client.query(`${comment}COMMIT`))).toMatchObject({
      name: 'CommitOutcomeUnknownError',
      subject: 'COMMIT',
    });
    expect(await ids()).toStrictEqual([1]);
  });

  it.each(comments)('(%s) does not keep ROLLBACK from being one', async (_, comment) => {
    const client = await connect();
    await client.query('BEGIN');
    await client.query(`${comment}ROLLBACK`);
    await client.query('BEGIN');
    await client.query('INSERT INTO entry VALUES (1, 1)');
    expect(await client.query(`${comment}ABORT`)).toBeDefined();
    expect(await ids()).toStrictEqual([]);
    expect(client.isInTransaction).toBe(false);
  });

  it.each([
    ['SELECT 1'],
    ['(SELECT 1)'],
    ['WITH one AS (SELECT 1) SELECT * FROM one'],
    ['WITH one AS (SELECT * FROM entry) SELECT * FROM one FOR UPDATE'],
    ['VALUES (1)'],
    ['SHOW server_version'],
    ["SET TIME ZONE 'UTC'"],
    ['EXPLAIN SELECT 1'],
  ])('makes no write of %s', async (text) => {
    for (const comment of ['', '/* INSERT */ ', '-- INSERT\n']) {
      const client = await connect();
      cluster.local.faults.cutConnection({ at: 'statement' });
      const error = await failure(client.query(comment + text));
      expect([text, isCommitOutcomeUnknownError(error)]).toStrictEqual([text, false]);
      cluster.local.faults.clear();
    }
  });

  it.each([
    ['INSERT INTO entry VALUES (1, 1)'],
    ['WITH one AS (SELECT 1 AS id) INSERT INTO entry SELECT id, 1 FROM one'],
    ['WITH new AS (INSERT INTO entry VALUES (1, 1) RETURNING *) SELECT * FROM new'],
  ])('makes no read of %s', async (text) => {
    for (const comment of ['', '/* SELECT */ ', '-- SELECT\n']) {
      const client = await connect();
      cluster.local.faults.cutConnection({ at: 'statement' });
      const error = await failure(client.query(comment + text));
      expect([text, isCommitOutcomeUnknownError(error)]).toStrictEqual([text, true]);
      cluster.local.faults.clear();
    }
  });
});

describe('a message that the server cannot read', () => {
  /** Lets the server find an impossible length in the next message. */
  function garbleNextMessage(client: DsqlClient): void {
    const { stream } = (client as unknown as { connection: { stream: NodeJS.WritableStream } }).connection;
    Object.assign(stream, {
      write: (message: Uint8Array) => {
        Reflect.deleteProperty(stream, 'write');
        const garbled = Buffer.from(message);
        garbled.writeInt32BE(1, 1);
        return stream.write(garbled);
      },
    });
  }

  it.each(['COMMIT', '/* tag */ COMMIT'])('has done nothing, and says so: %s', async (commit) => {
    const client = await connect();
    await client.query('BEGIN');
    await client.query('INSERT INTO entry VALUES (1, 1)');
    garbleNextMessage(client);
    const error = await failure(client.query(commit));
    expect(error).toMatchObject({ code: '08P01', severity: 'FATAL' });
    expect((error as Error).message).toContain('did nothing');
    expect(classifyError(error).kind).not.toBe('outcome-unknown');
    expect(await ids()).toStrictEqual([]);
  });

  it('has done nothing outside a transaction either', async () => {
    const client = await connect();
    garbleNextMessage(client);
    const error = await failure(client.query('INSERT INTO entry VALUES (1, 1)'));
    expect(error).toMatchObject({ code: '08P01' });
    expect(isCommitOutcomeUnknownError(error)).toBe(false);
    expect(await failure(client.query('SELECT 1'))).toMatchObject({ name: 'NotSentError' });
    expect(await ids()).toStrictEqual([]);
  });

  it.each([
    ['a text', (text: string) => [`INSERT INTO entry VALUES (1, length('${text}'))`]],
    ['a value', (text: string) => ['INSERT INTO entry VALUES (1, length($1))', [text]]],
  ] as const)('because it is too large is not sent: %s', async (_, statement) => {
    const client = await connect();
    const large = statement('x'.repeat(10 * 1024 * 1024)) as [string, string[]?];
    const alone = await failure(client.query(...large));
    expect(isMessageTooLargeError(alone)).toBe(true);
    expect(alone).toMatchObject({ maxBytes: 10_485_760 });
    await client.query('BEGIN');
    expect(await failure(client.query(...large))).toMatchObject({ name: 'MessageTooLargeError' });
    await client.query('INSERT INTO entry VALUES (2, 2)');
    await client.query('COMMIT');
    expect(await ids()).toStrictEqual([2]);
  });
});

describe('a connection that ends before COMMIT is written', () => {
  const kill: readonly (readonly [string, (client: DsqlClient) => unknown])[] = [
    ['by the server', () => cluster.local.faults.endConnections()],
    [
      'because its socket is destroyed',
      (client) => {
        const { connection } = client as unknown as { connection: { stream: { destroy(): void } } };
        connection.stream.destroy();
      },
    ],
    ['by its owner', (client) => void client.end()],
  ];

  it.each(kill)('%s has committed nothing, and nobody says that it may have', async (_, end) => {
    const client = await connect();
    await client.query('BEGIN');
    await client.query('INSERT INTO entry VALUES (1, 1)');
    const ended = new Promise((resolve) => client.once('end', resolve));
    await end(client);
    await ended;
    const error = await failure(client.query('COMMIT'));
    expect(isNotSentError(error)).toBe(true);
    expect(error).toMatchObject({ subject: 'COMMIT' });
    expect(await ids()).toStrictEqual([]);
  });

  it.each(kill)(
    '%s at the very moment when COMMIT is asked for is told by what the server got',
    async (_, end) => {
      const client = await connect();
      await client.query('BEGIN');
      await client.query('INSERT INTO entry VALUES (1, 1)');
      void end(client);
      const error = await failure(client.query('COMMIT'));
      await sleep(50);
      const isThere = (await ids()).length > 0;
      expect(isNotSentError(error) ? isThere : false).toBe(false);
      expect(isNotSentError(error) || isCommitOutcomeUnknownError(error)).toBe(true);
    },
  );

  it('is of no matter to a transaction of which nothing was sent', async () => {
    const client = await connect();
    await client.query('BEGIN');
    const ended = new Promise((resolve) => client.once('end', resolve));
    cluster.local.faults.endConnections();
    await ended;
    expect(isNotSentError(await failure(client.query('SELECT 1')))).toBe(true);
    expect(isCommitOutcomeUnknownError(await failure(client.query('COMMIT')))).toBe(false);
  });
});

describe("a pool's own query", () => {
  const write = 'UPDATE entry SET value = value + 1 WHERE id = 0';
  let single: DsqlPool;
  beforeEach(() => {
    single = new DsqlPool({ ...cluster.connection, max: 1 });
    single.on('error', () => undefined);
  });
  afterEach(() => single.end());

  /** Every way in which it is called. */
  const calls: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['a promise', () => single.query(write)],
    ['a configuration', () => single.query({ text: write })],
    ['values', () => single.query('UPDATE entry SET value = value + $1 WHERE id = 0', [1])],
    [
      'a callback',
      () =>
        new Promise((resolve, reject) => {
          single.query(write, (error: Error | undefined, result) => {
            if (error) reject(error);
            else resolve(result);
          });
        }),
    ],
    [
      'values and a callback',
      () =>
        new Promise((resolve, reject) => {
          single.query(
            'UPDATE entry SET value = value + $1 WHERE id = 0',
            [1],
            (error: Error | undefined, result) => {
              if (error) reject(error);
              else resolve(result);
            },
          );
        }),
    ],
  ];

  it.each(calls)('(%s) whose answer is lost has an unknown outcome', async (_, call) => {
    await single.query('SELECT 1');
    cluster.local.faults.cutConnection({ at: 'after commit', table: 'entry' });
    const error = await failure(call());
    expect(error).toMatchObject({ name: 'CommitOutcomeUnknownError', subject: 'statement' });
    expect(classifyError(error).kind).toBe('outcome-unknown');
    expect(await valueOfOthers()).toBe(1);
    expect(single.totalCount).toBe(0);
    expect(await call()).toMatchObject({ rowCount: 1 });
    expect(await valueOfOthers()).toBe(2);
  });

  it('that reads has none', async () => {
    await single.query('SELECT 1');
    cluster.local.faults.cutConnection({ at: 'statement' });
    expect(isCommitOutcomeUnknownError(await failure(single.query('SELECT * FROM entry')))).toBe(false);
  });

  it('that fails on the server keeps the connection', async () => {
    const pid = async () => (await single.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows;
    const before = await pid();
    await expect(single.query('SELECT no_such_column')).rejects.toMatchObject({ code: '42703' });
    expect(await pid()).toStrictEqual(before);
  });

  it('that begins a transaction does not leave it to who comes next', async () => {
    await single.query('BEGIN');
    await single.query('INSERT INTO entry VALUES (1, 1)');
    expect(await ids()).toStrictEqual([1]);
    await single.query('BEGIN; INSERT INTO entry VALUES (2, 2)');
    expect(await single.query(write)).toMatchObject({ rowCount: 1 });
    expect(await valueOfOthers()).toBe(1);
    expect(await ids()).toStrictEqual([1]);
  });
});

describe('a stream', () => {
  it.each([
    ['that reads', 'SELECT generate_series(1, 3) AS n', false],
    ['that writes', 'INSERT INTO entry VALUES (1, 1) RETURNING id', true],
  ])('%s whose answer is lost says whether it may have been done', async (_, text, isUnknown) => {
    const client = await connect();
    cluster.local.faults.cutConnection({ at: 'statement' });
    const read = async () => {
      for await (const row of client.query(new QueryStream(text))) expect(row).toBeDefined();
    };
    expect(isCommitOutcomeUnknownError(await failure(read()))).toBe(isUnknown);
  });

  it('on a connection that is broken is not sent', async () => {
    const client = await connect({ query_timeout: TIMEOUT_MS });
    const latency = cluster.local.faults.addLatency(LATENCY_MS);
    await failure(client.query('SELECT 1'));
    latency.remove();
    const read = async () => {
      for await (const row of client.query(new QueryStream('SELECT 1'))) expect(row).toBeDefined();
    };
    expect(await failure(read())).toBeInstanceOf(Error);
  });
});
