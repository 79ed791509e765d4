import type { EventEmitter } from 'node:events';
import {
  createDsqlDataSource,
  isCommitOutcomeUnknownError,
  type DsqlDataSourceOptions,
} from 'aurora-dsql-orm/typeorm';
import type { DataSource, QueryRunner } from 'typeorm';
import { useCluster } from '../cluster';

const cluster = useCluster();
let dataSource: DataSource;

const open = (more: Partial<DsqlDataSourceOptions> = {}) =>
  createDsqlDataSource({ ...cluster.orm, extra: { max: 1 }, ...more }).initialize();
const failure = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

beforeAll(async () => {
  const source = await open();
  await source.query('CREATE TABLE item (id integer PRIMARY KEY)');
  await source.destroy();
});
beforeEach(async () => {
  dataSource = await open();
});
afterEach(async () => {
  cluster.local.faults.clear();
  await dataSource.query('DELETE FROM item');
  await dataSource.destroy();
});

const ids = async () => (await dataSource.query<{ id: number }[]>('SELECT id FROM item')).map(({ id }) => id);

describe('when the server says late how an error has left the session', () => {
  /** As a network does that delivers the error, and a moment later that the server is ready for the next query. */
  async function delayReadiness(queryRunner: QueryRunner): Promise<void> {
    const client = (await queryRunner.connect()) as { connection: { stream: EventEmitter } };
    const { stream } = client.connection;
    const [parse] = stream.listeners('data') as ((chunk: Buffer) => void)[];
    stream.removeAllListeners('data');
    stream.on('data', (chunk: Buffer) => {
      const at = chunk.length - 6;
      if (parse === undefined || chunk[at] !== 'Z'.charCodeAt(0) || at === 0) return parse?.(chunk);
      parse(chunk.subarray(0, at));
      setTimeout(() => {
        parse(chunk.subarray(at));
      }, 50);
    });
  }

  it('a transaction that is left open is not given to the next user of the connection', async () => {
    const queryRunner = dataSource.createQueryRunner();
    await delayReadiness(queryRunner);
    await failure(queryRunner.query('BEGIN; SELECT 1 / 0'));
    await queryRunner.release();
    await dataSource.query('INSERT INTO item VALUES (1)');
    expect(await ids()).toStrictEqual([1]);
  });

  it('what follows a COMMIT that failed is an autocommit statement, and is sent again after a conflict', async () => {
    const queryRunner = dataSource.createQueryRunner();
    await delayReadiness(queryRunner);
    await queryRunner.query('BEGIN');
    await queryRunner.query('INSERT INTO item VALUES (1)');
    cluster.local.faults.failCommit({ error: 'OC000', table: 'item', times: 2 });
    expect(await failure(queryRunner.query('COMMIT'))).toMatchObject({ code: '40001' });
    await queryRunner.query('INSERT INTO item VALUES (2)');
    await queryRunner.release();
    expect(await ids()).toStrictEqual([2]);
  });
});

describe('a cluster that is waking up', () => {
  it.each([{}, { commitMarkers: true }])(
    'takes a statement that it has refused as the first of a connection: %j',
    async (dsql) => {
      const wide = await open({ extra: { max: 3 }, dsql: { ...cluster.orm.dsql, ...dsql } });
      const fault = cluster.local.faults.sleep({ connections: 0, queries: 1 });
      await Promise.all([1, 2, 3].map((id) => wide.query('INSERT INTO item VALUES ($1)', [id])));
      expect(fault.fired).toBe(1);
      expect((await ids()).sort()).toEqual([1, 2, 3]);
      await wide.destroy();
    },
  );
});

describe('query_timeout', () => {
  it('a write that was not answered in time may have been done, and says so', async () => {
    const source = await open({ extra: { max: 1, query_timeout: 300 } });
    const write = source.query(
      'INSERT INTO item SELECT 1 FROM (SELECT count(*) FROM generate_series(1, 60000000)) slow',
    );
    expect(isCommitOutcomeUnknownError(await failure(write))).toBe(true);
    await source.destroy();
  });

  it('a read that was not answered in time fails as in node-postgres', async () => {
    const source = await open({ extra: { max: 1, query_timeout: 300 } });
    const read = source.query('SELECT count(*) FROM generate_series(1, 60000000)');
    expect(await failure(read)).toMatchObject({ message: 'Query read timeout' });
    await source.destroy();
  });
});

describe('replicas', () => {
  it('a connection to a replica that was cut is replaced, and one that is refused is opened again', async () => {
    const { host, port, dsql } = cluster.orm;
    const source = await createDsqlDataSource({
      replication: { master: { host, port }, slaves: [{ host, port }] },
      dsql,
      extra: { max: 1 },
    }).initialize();
    const read = () =>
      source
        .createQueryBuilder()
        .select('1', 'one')
        .from('pg_class', 'c')
        .limit(1)
        .getRawOne<{ one: number }>();
    expect(await read()).toStrictEqual({ one: 1 });
    const cut = cluster.local.faults.cutConnection({
      at: 'statement',
      kind: 'read',
      text: /pg_class/,
      times: 1,
    });
    expect(await failure(read())).toBeDefined();
    expect(cut.fired).toBe(1);
    cluster.local.faults.refuseConnections({ error: '53300', times: 2 });
    expect(await read()).toStrictEqual({ one: 1 });
    await source.query('INSERT INTO item VALUES (1)');
    await source.destroy();
    expect(await ids()).toStrictEqual([1]);
  });
});
