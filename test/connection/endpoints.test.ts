import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  classifyError,
  connectionChannels,
  DsqlClient,
  DsqlPool,
  isCommitOutcomeUnknownError,
  isEndpointsUnreachableError,
  isOccConflict,
  retryOnConflict,
  type DsqlPoolOptions,
  type EndpointMessage,
} from 'aurora-dsql-orm';
import { startLocalDsql, type LocalDsql } from 'aurora-dsql-orm/local';
import { createDsqlSequelize, dsqlBeforeConnect } from 'aurora-dsql-orm/sequelize';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { byForm } from '../form';

/** The endpoint of this Region is near, that of the other one far. */
const NEAR = 'us-west-2';
const FAR = 'us-east-1';

/** The name of no cluster. */
const NAME = `${'b'.repeat(26)}.dsql.${NEAR}.on.aws`;

let local: LocalDsql;
const pools: DsqlPool[] = [];
/** What the channels said since the test began, in short. */
let told: string[];

const regionOf = (host: string) => host.split('.')[2] ?? host;
const listeners = Object.entries({
  tokenSigned: 'token',
  connectionOpened: 'opened',
  endpointSetAside: 'aside',
  endpointRestored: 'restored',
} as const).map(([channel, word]) => {
  const listener = (message: unknown) => {
    const { host, reason = '' } = message as EndpointMessage;
    told.push(`${word} ${regionOf(host)} ${reason}`.trim());
  };
  return [connectionChannels[channel as keyof typeof connectionChannels].name, listener] as const;
});
const opened = () => told.filter((each) => each.startsWith('opened'));

beforeAll(async () => {
  local = await startLocalDsql({ region: FAR, otherRegions: [NEAR] });
  const client = new DsqlClient({ ...endpoint(FAR), ...trust() });
  await client.connect();
  await client.query('CREATE TABLE entry (id uuid DEFAULT gen_random_uuid() PRIMARY KEY, mark integer)');
  await client.query('CREATE TABLE total (id integer PRIMARY KEY, entries integer)');
  await client.query('INSERT INTO total VALUES (1, 0)');
  await client.end();
  for (const [name, listener] of listeners) subscribe(name, listener);
});
afterAll(async () => {
  for (const [name, listener] of listeners) unsubscribe(name, listener);
  await local.stop();
});
beforeEach(() => {
  told = [];
  local.faults.addLatency(120, FAR);
});
afterEach(async () => {
  local.faults.clear();
  await Promise.all(pools.splice(0).map((pool) => pool.end()));
});

const trust = () => ({ ca: local.ca, credentials: local.credentials });
const endpoint = (region: string) => local.endpoints.find((each) => each.region === region);
const common = () => ({
  ...trust(),
  endpoints: local.endpoints,
  endpointPolicy: { minBackoffMs: 20, maxBackoffMs: 50, drainMs: 0 },
});

function open(options: Omit<DsqlPoolOptions, 'connectionString'> = {}): DsqlPool {
  const pool = new DsqlPool({ ...common(), ...options });
  pool.on('error', () => undefined); // an idle connection was cut
  pools.push(pool);
  return pool;
}

const failure = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

/** Works until the channels have said something. */
async function until(said: string, work: () => Promise<unknown>): Promise<void> {
  while (!told.includes(said)) {
    await work();
    await sleep(5);
  }
}

it('endpoints of the local DSQL are one cluster: what is committed at one is seen at the other, and conflicts there', async () => {
  const far = new DsqlClient({ ...endpoint(FAR), ...trust() });
  const near = new DsqlClient({ ...endpoint(NEAR), ...trust() });
  await Promise.all([far.connect(), near.connect()]);
  await far.query('INSERT INTO total VALUES (2, 100)');
  await near.query('BEGIN');
  const { rows } = await near.query('SELECT entries FROM total WHERE id = 2');
  expect(rows).toStrictEqual([{ entries: 100 }]);
  await near.query('UPDATE total SET entries = 50 WHERE id = 2');
  await far.query('UPDATE total SET entries = 90 WHERE id = 2');
  expect(isOccConflict(await failure(near.query('COMMIT')))).toBe(true);
  await Promise.all([far.end(), near.end()]);
});

describe('a pool with several endpoints', () => {
  it('opens connections at the nearest, with a token for its Region', async () => {
    const pool = open();
    await Promise.all([1, 2, 3].map(() => pool.query('SELECT pg_sleep(0.05)')));
    expect(told.toSorted()).toStrictEqual([
      ...Array<string>(3).fill(`opened ${NEAR}`),
      ...Array<string>(3).fill(`token ${NEAR}`),
    ]);
  });

  it('goes elsewhere within the same open when the nearest is lost, and comes back when that is there again', async () => {
    const pool = open({ max: 1 });
    await pool.query('SELECT 1');
    const cutOff = local.faults.cutOff({ region: NEAR });
    await until(`opened ${FAR}`, () => pool.query('SELECT 1').catch(() => undefined));
    expect(told).toContain(`aside ${NEAR} ECONNRESET`);
    expect(told).not.toContain(`restored ${NEAR}`);
    cutOff.remove();
    await until(`restored ${NEAR}`, () => pool.query('SELECT 1'));
    expect(opened()).toStrictEqual([`opened ${NEAR}`, `opened ${FAR}`, `opened ${NEAR}`]);
  });

  it('measures again what was far at first, and moves to what is nearer then', async () => {
    const slow = local.faults.addLatency(500, NEAR);
    const pool = open({ max: 1 });
    await pool.query('SELECT 1');
    expect(opened()).toStrictEqual([`opened ${FAR}`]);
    slow.remove();
    await until(`opened ${NEAR}`, () => pool.query('SELECT 1'));
    expect(told.filter((each) => each.startsWith('aside'))).toStrictEqual([]);
  });

  it('passes over an endpoint that does not answer', async () => {
    local.faults.cutOff({ region: NEAR, newConnections: 'unanswered' });
    const pool = open({ endpointPolicy: { answerTimeoutMs: 600 } });
    const ask = () => pool.query('SELECT 1').catch(() => undefined); // on a busy machine the other one may be late, too
    await until(`aside ${NEAR} ETIMEDOUT`, ask);
    await until(`opened ${FAR}`, ask);
    expect(told).not.toContain(`opened ${NEAR}`);
  });

  it('says of every endpoint why it cannot be reached, and no more', async () => {
    local.faults.cutOff();
    const error = await failure(open().query('SELECT 1'));
    if (!isEndpointsUnreachableError(error)) throw error;
    expect(error.failures.map(({ region }) => region).toSorted()).toStrictEqual([FAR, NEAR]);
    expect(error.cause).toMatchObject({ code: 'ECONNRESET' });
    for (const { host } of local.endpoints) expect(error.message).toContain(`${host}:`);
    expect(`${error.stack} ${JSON.stringify(error)}`).not.toContain('X-Amz');
    expect(classifyError(error)).toMatchObject({ kind: 'unreachable', isRetryable: true });
  });

  it('reports a login that is refused, and asks no other endpoint', async () => {
    const pool = open({ user: 'nobody' });
    expect(await failure(pool.query('SELECT 1'))).toMatchObject({ code: '28000' });
    expect(told).toStrictEqual([`token ${NEAR}`]);
  });

  it('waits for a cluster that is busy, and leaves the other Region alone', async () => {
    const pool = open();
    const first = await pool.connect();
    await first.query('SELECT pg_sleep(0.5)'); // both are measured by then
    const fault = local.faults.refuseConnections({ error: '53300', times: 2 });
    await pool.query('SELECT 1');
    first.release();
    expect(fault.fired).toBe(2);
    expect(told.filter((each) => !each.startsWith('token'))).toStrictEqual(
      Array<string>(2).fill(`opened ${NEAR}`),
    );
  });

  it('does not cut a transaction at the farther endpoint when the nearer one is back', async () => {
    const cutOff = local.faults.cutOff({ region: NEAR });
    const pool = open();
    const client = await pool.connect();
    await client.query('BEGIN');
    await client.query('INSERT INTO entry (mark) VALUES (-1)');
    cutOff.remove();
    await until(`restored ${NEAR}`, () => pool.query('SELECT 1'));
    await client.query('COMMIT');
    client.release();
    expect((await pool.query('SELECT mark FROM entry')).rows).toStrictEqual([{ mark: -1 }]);
    await pool.query('DELETE FROM entry');
  });
});

it('nothing is lost and nothing done twice while an endpoint is cut off and brought back under load', async () => {
  local.faults.clear();
  local.faults.addLatency(60, FAR);
  const lost = local.faults.cutConnection({ at: 'after commit', table: 'entry', nth: 3, times: 3 });
  const pool = open({ max: 4, endpointPolicy: { ...common().endpointPolicy, answerTimeoutMs: 300 } });
  const outcomes = { committed: new Set<number>(), unknown: new Set<number>(), failed: new Set<number>() };
  const { committed, unknown, failed } = outcomes;
  let mark = 0;
  let isOver = false;
  const write = async (each: number) => {
    const client = await pool.connect();
    client.on('error', () => undefined); // the statement that is under way says it
    try {
      await client.query('BEGIN');
      await client.query('INSERT INTO entry (mark) VALUES ($1)', [each]);
      await client.query('UPDATE total SET entries = entries + 1 WHERE id = 1');
      await client.query('COMMIT');
    } finally {
      client.release();
    }
  };
  const workers = Array.from({ length: 4 }, async () => {
    while (!isOver) {
      const each = ++mark;
      await retryOnConflict(() => write(each), { maxAttempts: 10 }).then(
        () => committed.add(each),
        (error: unknown) => (isCommitOutcomeUnknownError(error) ? unknown : failed).add(each),
      );
    }
  });
  const more = async (count: number) => {
    const target = committed.size + count;
    while (committed.size < target) await sleep(2);
  };
  for (let round = byForm({ short: 3, long: 10, soak: 100 }); round > 0; round--) {
    await more(5);
    told = [];
    const newConnections = round % 2 === 0 ? 'unanswered' : 'reset';
    const cutOff = local.faults.cutOff({ region: NEAR, newConnections });
    await until(`opened ${FAR}`, () => more(1));
    told = []; // a login may have ended just before the cut
    cutOff.remove();
    await until(`opened ${NEAR}`, () => more(1));
  }
  isOver = true;
  await Promise.all(workers);
  const reader = open();
  const { rows } = await reader.query<{ mark: number }>('SELECT mark FROM entry');
  const { rows: total } = await reader.query('SELECT entries FROM total WHERE id = 1');
  const there = new Set(rows.map((row) => row.mark));
  expect(there.size).toBe(rows.length);
  expect(total).toStrictEqual([{ entries: rows.length }]);
  expect([...committed].filter((each) => !there.has(each))).toStrictEqual([]);
  expect([...failed].filter((each) => there.has(each))).toStrictEqual([]);
  expect(committed.size + unknown.size + failed.size).toBe(mark);
  expect(lost.fired).toBe(3);
  expect([...unknown].filter((each) => there.has(each)).length).toBeGreaterThanOrEqual(lost.fired);
  await reader.query('DELETE FROM entry');
});

/** What the hosts' own loggers were told. */
const logged: string[] = [];
const nothing = () => undefined;
const silent = {
  logQuery: nothing,
  logQueryError: nothing,
  logQuerySlow: nothing,
  logSchemaBuild: nothing,
  logMigration: nothing,
};

describe.each<
  [
    string,
    () => Promise<{
      query(text: string): Promise<unknown>;
      write(): Promise<unknown>;
      end(): Promise<unknown>;
    }>,
  ]
>([
  [
    'TypeORM',
    async () => {
      const dataSource = await createDsqlDataSource({
        dsql: common(),
        extra: { max: 2 },
        logger: { ...silent, log: (level, message) => logged.push(`${level}: ${String(message)}`) },
      }).initialize();
      return {
        query: (text) => dataSource.query(text),
        write: () =>
          dataSource.transaction((manager) => manager.query('INSERT INTO entry (mark) VALUES (7)')),
        end: () => dataSource.destroy(),
      };
    },
  ],
  [
    'Sequelize',
    async () => {
      const sequelize = createDsqlSequelize({
        dsql: common(),
        pool: { max: 2 },
        logging: (message) => logged.push(message),
      });
      await sequelize.authenticate();
      // Its options make other instances, and they name the first endpoint.
      createDsqlSequelize((sequelize as unknown as { readonly options: object }).options);
      return {
        query: (text) => sequelize.query(text),
        write: () =>
          sequelize.transaction((transaction) =>
            sequelize.query('INSERT INTO entry (mark) VALUES (7)', { transaction }),
          ),
        end: () => sequelize.close(),
      };
    },
  ],
])('%s', (_, connect) => {
  it('writes by the endpoint that can be reached, goes back to the nearer one, and logs both', async () => {
    logged.length = 0;
    const cutOff = local.faults.cutOff({ region: NEAR });
    const orm = await connect();
    try {
      await orm.write();
      expect(new Set(opened())).toStrictEqual(new Set([`opened ${FAR}`]));
      cutOff.remove();
      await until(`restored ${NEAR}`, () => orm.query('SELECT 1'));
      await orm.write();
    } finally {
      await orm.end();
    }
    const news = logged.filter((message) => message.includes('The endpoint '));
    expect(
      news.map((message) => /(cannot be reached \(|takes connections again)/.exec(message)?.[1]),
    ).toEqual(['cannot be reached (', 'takes connections again']);
    expect(news.every((message) => message.includes(`.${NEAR}.`))).toBe(true);
    const pool = open();
    expect((await pool.query('SELECT mark FROM entry')).rows).toStrictEqual([{ mark: 7 }, { mark: 7 }]);
    await pool.query('DELETE FROM entry');
  });
});

it('is refused where nothing remembers which endpoints can be reached', () => {
  expect(() => new DsqlClient({ ...trust(), endpoints: local.endpoints })).toThrow(
    'endpoints: cannot be used with DsqlClient',
  );
  expect(() => dsqlBeforeConnect({ endpoints: local.endpoints })).toThrow(
    'endpoints: cannot be used with the hook alone',
  );
});

it.each<[string, Omit<DsqlPoolOptions, 'connectionString'>]>([
  ['endpoints: must be a list', { endpoints: [] }],
  ['endpoints: cannot be combined with `host`', { host: NAME }],
  ['endpoints: cannot be combined with `region`', { region: NEAR }],
  ['endpoints: cannot be combined with `hostaddr`', { hostaddr: '127.0.0.1' }],
  ['endpoints[0].host: is needed', { endpoints: [{} as { host: string }] }],
  ['endpoints[0].name: is not an option', { endpoints: [{ host: NAME, name: 'y' } as { host: string }] }],
  ['endpoints[1].port: must be a whole number', { endpoints: [NAME, { host: NAME, port: 0 }] }],
  ['must name', { endpoints: [NAME, NAME] }],
  ['endpointPolicy.drainMs: must be a number', { endpointPolicy: { drainMs: -1 } }],
  ['endpointPolicy.minBackoffMs: is 9', { endpointPolicy: { minBackoffMs: 9, maxBackoffMs: 8 } }],
  ['endpointPolicy.backoff: is not an option', { endpointPolicy: { backoff: 1 } as object }],
  ['endpointPolicy: says nothing without', { endpoints: undefined, host: NAME }],
])('refuses what cannot be: %s', (problem, options) => {
  expect(() => open({ ...options })).toThrow(problem);
});
