import { classifyError, DsqlPool, MessageTooLargeError } from 'aurora-dsql-orm';
import { useCluster } from '../cluster';

const cluster = useCluster();
let pool: DsqlPool;

beforeEach(() => {
  pool = new DsqlPool({ ...cluster.connection, max: 1 });
});
afterEach(async () => {
  cluster.local.faults.clear();
  await pool.end();
});

describe('a cluster that is waking up', () => {
  it('is tried again until it takes the connection', async () => {
    cluster.local.faults.sleep({ connections: 1 });
    expect((await pool.query('SELECT 1 AS one')).rows).toStrictEqual([{ one: 1 }]);
  });

  it('is tried again when it refuses the first query', async () => {
    cluster.local.faults.sleep({ connections: 0, queries: 1 });
    expect((await pool.query('SELECT 1 AS one')).rows).toStrictEqual([{ one: 1 }]);
  });

  it('is named as such where the time to connect is over', async () => {
    cluster.local.faults.sleep({ connections: 10 });
    const hasty = new DsqlPool({ ...cluster.connection, connectionTimeoutMillis: 300 });
    const error: unknown = await hasty.query('SELECT 1').catch((caught: unknown) => caught);
    expect(classifyError(error)).toMatchObject({ kind: 'waking-up', isRetryable: true });
    await hasty.end();
  });
});

it('a message of more than 10 MiB is not sent, and the connection stays usable', async () => {
  const value = 'x'.repeat(10 * 1024 * 1024);
  const error: unknown = await pool.query('SELECT $1::text', [value]).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(MessageTooLargeError);
  expect(classifyError(error)).toMatchObject({ kind: 'limit', isRetryable: false });
  expect((await pool.query('SELECT 1 AS one')).rows).toStrictEqual([{ one: 1 }]);
});
