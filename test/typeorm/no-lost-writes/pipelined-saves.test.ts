import type { EventEmitter } from 'node:events';
import { types } from 'pg';
import {
  isAfterCommitError,
  isCommitOutcomeUnknownError,
  transactionCounters,
} from 'aurora-dsql-orm/typeorm';
import { QueryFailedError, type DataSource, type Logger } from 'typeorm';
import { useCluster } from '../../cluster';
import { openedDataSources } from '../opened-data-sources';
import {
  Label,
  label,
  Line,
  line,
  Purchase,
  purchase,
  purchases,
  rowsOfPurchases,
  TABLES_OF_PURCHASES,
} from '../purchases';

/** Where the statements of a save travel together, each of them can fail, and so can the way to it and the way back. */

const NOTHING = [0, 0, 0, 0];
const ALL = [1, 2, 2, 2];

const cluster = useCluster();
const open = openedDataSources(cluster, purchases);
let dataSource: DataSource;

beforeAll(async () => {
  dataSource = await open();
  await dataSource.synchronize();
});
beforeEach(async () => {
  for (const entity of ['purchase_label', Line, Label, Purchase]) {
    await dataSource.createQueryBuilder().delete().from(entity).execute();
  }
});
afterEach(() => {
  cluster.local.faults.clear();
});

const rows = () => rowsOfPurchases(dataSource);
const insertInto = (table: string) => `INSERT INTO "${table}"`;

async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => {
      throw new Error('It did not fail.');
    },
    (error: unknown) => error,
  );
}

/** A logger, and what it was told: of each statement its table, and the name of its error. */
function listeningLogger() {
  const sent: string[] = [];
  const failed: string[] = [];
  const tableIn = (query: string) => /^INSERT INTO "(\w+)"/.exec(query)?.[1] ?? query;
  const nothing = () => undefined;
  const logger: Logger = {
    log: nothing,
    logQuery: (query) => sent.push(tableIn(query)),
    logQueryError: (error, query) =>
      failed.push(`${tableIn(query)}: ${typeof error === 'string' ? error : error.name}`),
    logQuerySlow: nothing,
    logSchemaBuild: nothing,
    logMigration: nothing,
  };
  return { sent, failed, logger };
}

/** None of it is there, the objects are as they were, and it can be saved. */
async function expectNothingDone(saved: Purchase, source = dataSource): Promise<void> {
  expect(await rows()).toStrictEqual(NOTHING);
  const { lines = [], labels = [] } = saved;
  expect([saved, ...lines, ...labels].some(({ id }) => typeof id === 'string')).toBe(false);
  await source.manager.save(saved);
  expect(await rows()).toStrictEqual([1, lines.length, labels.length, labels.length]);
}

/** The connection that the next statement of a data source with one connection is sent on. */
async function wireOf(source: DataSource): Promise<EventEmitter & { readonly stream: { destroy(): void } }> {
  const queryRunner = source.createQueryRunner();
  const { connection } = (await queryRunner.connect()) as { connection: Awaited<ReturnType<typeof wireOf>> };
  await queryRunner.release();
  return connection;
}

describe.each(TABLES_OF_PURCHASES.map((table, place) => [table, place] as const))(
  'a save in one message, at the INSERT into %s,',
  (table, place) => {
    const behind = TABLES_OF_PURCHASES.slice(place + 1);

    it('reports an error of the server as that of this statement, and skips those behind it', async () => {
      const { sent, failed, logger } = listeningLogger();
      const single = await open({ poolSize: 1, logger, logging: true });
      const saved = purchase();
      cluster.local.faults.failStatement({ error: 'XX000', text: insertInto(table) });
      const recording = cluster.local.trace.start();
      const error = await failure(single.manager.save(saved));
      const { connectionsClosed, statements } = recording.stop();
      expect(error).toBeInstanceOf(QueryFailedError);
      expect(error).toMatchObject({ query: expect.stringContaining(insertInto(table)) as string });
      expect(isCommitOutcomeUnknownError(error)).toBe(false);
      expect(sent).toStrictEqual(['START TRANSACTION', ...TABLES_OF_PURCHASES, 'ROLLBACK']);
      expect(failed).toStrictEqual([
        `${table}: error`,
        ...behind.map((other) => `${other}: SkippedStatementError`),
      ]);
      expect(statements.filter(({ kind }) => kind === 'write')).toHaveLength(place + 1);
      expect(connectionsClosed).toBe(0);
      await expectNothingDone(saved, single);
    });

    it.each(['OC000', 'OC001'] as const)('is made again as a whole after a conflict (%s)', async (error) => {
      cluster.local.faults.failStatement({ error, text: insertInto(table), times: 2 });
      const { retries } = transactionCounters(dataSource);
      const saved = await dataSource.manager.save(purchase());
      expect(transactionCounters(dataSource).retries).toBe(retries + 2);
      expect(await rows()).toStrictEqual(ALL);
      expect(await dataSource.manager.countBy(Line, { purchase: { id: saved.id } })).toBe(2);
    });

    it('has an unknown outcome after a cut, gives the connection up, and can be saved again', async () => {
      cluster.local.faults.cutConnection({ at: 'statement', text: insertInto(table) });
      const saved = purchase();
      const recording = cluster.local.trace.start();
      expect(isCommitOutcomeUnknownError(await failure(dataSource.manager.save(saved)))).toBe(true);
      expect(recording.stop().connectionsClosed).toBe(1);
      expect(await rows()).toStrictEqual(NOTHING);
      expect(saved.id).toEqual(expect.any(String));
      await dataSource.manager.save(saved);
      expect(await rows()).toStrictEqual(ALL);
    });

    it('has done nothing after a cut where COMMIT comes later, with a commit marker', async () => {
      const marking = await open({ dsql: { commitMarkers: true } });
      cluster.local.faults.cutConnection({ at: 'statement', text: insertInto(table) });
      const saved = purchase();
      expect(isCommitOutcomeUnknownError(await failure(marking.manager.save(saved)))).toBe(false);
      await expectNothingDone(saved, marking);
    });
  },
);

describe('a save in one message', () => {
  it('reports what a row was refused for, with its statement and its parameters', async () => {
    await dataSource.manager.save(purchase());
    const twice = purchase();
    const first = await failure(dataSource.manager.save(twice));
    expect(first).toMatchObject({
      code: '23505',
      query: expect.stringContaining(insertInto('purchase')) as string,
      parameters: expect.arrayContaining(['a']) as unknown[],
    });
    expect(await rows()).toStrictEqual(ALL);
    const wrong = purchase('b');
    wrong.lines.push(Object.assign(line(0), { amount: 'none' }));
    expect(await failure(dataSource.manager.save(wrong))).toMatchObject({
      code: '22P02',
      query: expect.stringContaining(insertInto('line')) as string,
      parameters: expect.arrayContaining(['none']) as unknown[],
    });
    expect(await rows()).toStrictEqual(ALL);
  });

  it.each([
    ['before commit', NOTHING],
    ['after commit', ALL],
  ] as const)('has an unknown outcome after a cut %s, and can be saved again', async (at, expected) => {
    cluster.local.faults.cutConnection({ at, table: 'line' });
    const saved = purchase();
    expect(isCommitOutcomeUnknownError(await failure(dataSource.manager.save(saved)))).toBe(true);
    expect(await rows()).toStrictEqual(expected);
    await dataSource.manager.save(saved);
    expect(await rows()).toStrictEqual(ALL);
  });

  it.each([false, true])(
    'has an unknown outcome when there is no server at COMMIT (and it was committed: %s)',
    async (committed) => {
      cluster.local.faults.failCommit({ error: 'XX000', committed });
      const saved = purchase();
      expect(isCommitOutcomeUnknownError(await failure(dataSource.manager.save(saved)))).toBe(true);
      expect(await rows()).toStrictEqual(committed ? ALL : NOTHING);
      await dataSource.manager.save(saved);
      expect(await rows()).toStrictEqual(ALL);
    },
  );

  it.each([
    ['before commit', 2],
    ['after commit', 1],
  ] as const)(
    'whose commit marker tells what became of it is done once after a cut %s',
    async (at, attempts) => {
      const marking = await open({ dsql: { commitMarkers: true } });
      await marking.manager.remove(await marking.manager.save(label('first')));
      cluster.local.faults.cutConnection({ at, table: 'line' });
      const recording = cluster.local.trace.start();
      await marking.manager.save(purchase());
      const { statements } = recording.stop();
      expect(statements.filter(({ text }) => text.startsWith(insertInto('line')))).toHaveLength(attempts);
      expect(await rows()).toStrictEqual(ALL);
    },
  );

  it('is made again as a whole after a conflict at COMMIT', async () => {
    cluster.local.faults.failCommit({ error: 'OC000', table: 'line', times: 2 });
    const { retries } = transactionCounters(dataSource);
    const recording = cluster.local.trace.start();
    await dataSource.manager.save(purchase());
    const { roundTrips } = recording.stop();
    expect(transactionCounters(dataSource).retries).toBe(retries + 2);
    expect(roundTrips).toHaveLength(3);
    expect(await rows()).toStrictEqual(ALL);
  });

  it('has an unknown outcome when the client has waited long enough, and gives the connection up', async () => {
    const impatient = await open({ extra: { max: 1, query_timeout: 300 } });
    const wire = await wireOf(impatient);
    // The first answers come, and then nothing is heard any more: how long the server takes is of no matter.
    let isDeaf = false;
    wire.on('commandComplete', ({ text }: { text: string }) => (isDeaf ||= text.startsWith('INSERT')));
    const listeners = wire.listeners('readyForQuery') as ((ready: object) => void)[];
    wire.removeAllListeners('readyForQuery');
    for (const listener of listeners) {
      wire.on('readyForQuery', (ready: object) => {
        if (!isDeaf) listener(ready);
      });
    }
    const saved = purchase();
    const recording = cluster.local.trace.start();
    expect(isCommitOutcomeUnknownError(await failure(impatient.manager.save(saved)))).toBe(true);
    expect(await rows()).toStrictEqual(ALL);
    await impatient.manager.save(saved);
    expect(recording.stop().connectionsOpened).toBe(1);
    expect(await rows()).toStrictEqual(ALL);
  });

  it('is sent on another connection when its own had ended before anything was sent', async () => {
    const { sent, logger } = listeningLogger();
    const single = await open({ poolSize: 1, logger, logging: true });
    const wire = await wireOf(single);
    const log = logger.logQuery.bind(logger);
    logger.logQuery = (query, ...rest) => {
      log(query, ...rest);
      if (query.startsWith(insertInto('line'))) wire.stream.destroy();
    };
    const recording = cluster.local.trace.start();
    await single.manager.save(purchase());
    expect(recording.stop()).toMatchObject({ connectionsOpened: 1, roundTrips: { length: 1 } });
    expect(sent.filter((table) => table === 'line')).toHaveLength(2);
    expect(await rows()).toStrictEqual(ALL);
  });

  it.each([
    ['purchase', 'number', (saved: Purchase) => saved],
    ['line', 'amount', ({ lines }: Purchase) => lines?.[1]],
    ['label', 'name', ({ labels }: Purchase) => labels?.[0]],
  ] as const)(
    'has sent nothing when a value of %s cannot be sent, and names that',
    async (table, column, of) => {
      const single = await open({ poolSize: 1 });
      const saved = purchase();
      const owner = of(saved) ?? saved;
      const value: unknown = Reflect.get(owner, column);
      const unsendable = {
        toPostgres: () => {
          throw new Error('no text for this');
        },
      };
      Object.assign(owner, { [column]: unsendable });
      const recording = cluster.local.trace.start();
      const error = await failure(single.manager.save(saved));
      expect(recording.stop().statements).toStrictEqual([]);
      expect(error).toMatchObject({
        message: 'no text for this',
        query: expect.stringContaining(insertInto(table)) as string,
      });
      Object.assign(owner, { [column]: value });
      await expectNothingDone(saved, single);
    },
  );

  it('has sent nothing when its logger fails in the middle', async () => {
    const { logger } = listeningLogger();
    const single = await open({ poolSize: 1, logger, logging: true });
    const log = logger.logQuery.bind(logger);
    logger.logQuery = (query, ...rest) => {
      if (query.startsWith(insertInto('line'))) throw new Error('no room for this');
      log(query, ...rest);
    };
    const saved = purchase();
    const recording = cluster.local.trace.start();
    await expect(single.manager.save(saved)).rejects.toThrow('no room for this');
    expect(recording.stop().statements).toStrictEqual([]);
    logger.logQuery = log;
    await expectNothingDone(saved, single);
  });

  it('was committed when an answer cannot be read, and says so', async () => {
    const unreading = await open({ extra: { types: readingNoDates } });
    const error = await failure(unreading.manager.save(purchase()));
    expect(isAfterCommitError(error)).toBe(true);
    expect(await rows()).toStrictEqual(ALL);
  });

  it.each(['purchase', 'purchase_label'])(
    'was committed when its logger fails at the answer to the INSERT into %s, and says so',
    async (table) => {
      const { logger } = listeningLogger();
      logger.logQuerySlow = (_, query) => {
        if (query.startsWith(insertInto(table))) throw new Error('no room for this');
      };
      // Every statement is slow.
      const slow = await open({ logger, maxQueryExecutionTime: -1 });
      const saved = purchase();
      const error = await failure(slow.manager.save(saved));
      expect(isAfterCommitError(error)).toBe(true);
      expect(await rows()).toStrictEqual(ALL);
      expect(typeof saved.id).toBe('string');
    },
  );

  it('reports an error behind an answer that cannot be read', async () => {
    const unreading = await open({ extra: { types: readingNoDates } });
    cluster.local.faults.failStatement({ error: 'XX000', text: insertInto('purchase_label') });
    const error = await failure(unreading.manager.save(purchase()));
    expect(error).toMatchObject({ code: 'XX000' });
    cluster.local.faults.failCommit({ error: 'XX000', committed: true });
    expect(isCommitOutcomeUnknownError(await failure(unreading.manager.save(purchase())))).toBe(true);
    expect(await rows()).toStrictEqual(ALL);
  });
});

/** Fails at a date, which only a label has. */
const dates = new Set<unknown>([types.builtins.TIMESTAMP, types.builtins.TIMESTAMPTZ]);
const readingNoDates = {
  getTypeParser: (...[oid, format]: Parameters<typeof types.getTypeParser>) => {
    if (!dates.has(oid)) return types.getTypeParser(oid, format) as unknown;
    return () => {
      throw new Error('no date for this');
    };
  },
};
