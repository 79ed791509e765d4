import { Client } from 'pg';
import type { DataSource, Logger, MigrationInterface, QueryRunner } from 'typeorm';
import { useCluster } from '../cluster';
import { openedDataSources } from './opened-data-sources';
import { Label, Line, Purchase, purchase, purchases, rowsOfPurchases } from './purchases';

/** Others see the statements that travel together, or send their own meanwhile. */

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

describe('what a logger sends that is told of a statement', () => {
  /** Calls back with what is inserted last. */
  function telling(of: (queryRunner?: QueryRunner) => void) {
    const nothing = () => undefined;
    const logger: Logger = {
      ...{ log: nothing, logQueryError: nothing, logQuerySlow: nothing },
      ...{ logSchemaBuild: nothing, logMigration: nothing },
      logQuery: (query, _, queryRunner) => {
        if (query.startsWith('INSERT INTO "purchase_label"')) of(queryRunner);
      },
    };
    return open({ logger, logging: true });
  }

  it('is sent when the save is over, too', async () => {
    let flush = (): void => undefined;
    const isOver = new Promise<void>((resolve) => {
      flush = resolve;
    });
    let flushed: Promise<unknown> | undefined;
    const source = await telling(() => {
      flushed ??= isOver.then(() => dataSource.manager.insert(Label, { name: 'late' }));
    });
    await source.manager.save(purchase());
    flush();
    await flushed;
    expect(await dataSource.manager.countBy(Label, { name: 'late' })).toBe(1);
  });

  it('on the same connection does not take the place of the statement', async () => {
    const sent: Promise<unknown>[] = [];
    const source = await telling((queryRunner) => {
      const send = () => queryRunner?.query('INSERT INTO label (name) VALUES ($1)', ['told']);
      sent.push(Promise.resolve(send()).then(send));
    });
    await source.transaction(async (manager) => {
      await manager.save(purchase());
      await Promise.all(sent);
    });
    expect(await rowsOfPurchases(dataSource)).toStrictEqual([1, 2, 4, 2]);
  });
});

describe('a tracer of node-postgres', () => {
  interface Traced {
    readonly text: string;
    callback?: (error?: Error | null, ...rest: unknown[]) => void;
  }
  type Query = (...call: unknown[]) => unknown;
  const prototype = Client.prototype as unknown as { query: Query };

  /** Saves a purchase while a tracer sees what is sent, as those of Datadog and OpenTelemetry do. */
  async function traced(saved: Purchase, trace: (query: Traced) => void): Promise<unknown> {
    const { query } = prototype;
    const spy = jest.spyOn(prototype, 'query').mockImplementation(function (this: unknown, ...call) {
      trace(call[0] as Traced);
      return query.apply(this, call);
    });
    try {
      const source = await open();
      return await source.manager.save(saved);
    } finally {
      spy.mockRestore();
    }
  }

  it.each(['done', 'failed'])('hears once of a message, and when it is %s', async (end) => {
    const spans: (readonly [text: string, end: string])[] = [];
    const saved = purchase();
    if (end === 'failed') Object.assign(saved.lines[1] ?? {}, { amount: 'none' });
    const work = traced(saved, (query) => {
      const { text, callback } = query;
      if (callback === undefined) throw new TypeError('There is no callback.');
      query.callback = (error, ...rest) => {
        spans.push([text, error ? 'failed' : 'done']);
        callback(error, ...rest);
      };
    });
    const [{ status }] = await Promise.allSettled([work]);
    expect(status).toBe(end === 'done' ? 'fulfilled' : 'rejected');
    const [first, ...others] = spans.filter(([text]) => text.startsWith('INSERT INTO "purchase"'));
    expect(others).toStrictEqual([]);
    expect(first?.[0].split(';\n').map((text) => text.split('"')[1])).toStrictEqual([
      'purchase',
      'line',
      'label',
      'purchase_label',
    ]);
    expect(first?.[1]).toBe(end);
  });

  it('that fails ends the save', async () => {
    const work = traced(purchase(), ({ text }) => {
      if (text.startsWith('INSERT INTO "purchase"')) throw new Error('no span for this');
    });
    await expect(work).rejects.toThrow('no span for this');
    expect(await rowsOfPurchases(dataSource)).toStrictEqual([0, 0, 0, 0]);
  });
});

class WritesPurchases1700000000000 implements MigrationInterface {
  readonly transaction = false;

  async up({ manager }: QueryRunner): Promise<void> {
    await manager.transaction((inner) => inner.save(purchase('in a transaction')));
    await manager.save(purchase('by itself'));
  }

  async down(): Promise<void> {
    // It is not undone.
  }
}

it('a migration takes the statements of a save one after the other, each as a step', async () => {
  const source = await open({ migrations: [WritesPurchases1700000000000] });
  await source.runMigrations({ transaction: 'none' });
  expect(await rowsOfPurchases(dataSource)).toStrictEqual([2, 4, 4, 4]);
});
