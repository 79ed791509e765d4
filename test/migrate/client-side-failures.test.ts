import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import { DsqlClient } from 'aurora-dsql-orm';
import { migrationStatus } from 'aurora-dsql-orm/migrate';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { createMigrator } from 'aurora-dsql-orm/sequelize/umzug';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import type { QueryInterface } from 'sequelize';
import { AbstractLogger, type MigrationInterface, type QueryRunner } from 'typeorm';
import { useCluster } from '../cluster';
import { byForm } from '../form';
import { empty, rowsOf } from './database-state';

const cluster = useCluster();

beforeEach(async () => {
  await empty(cluster.connection);
  await rowsOf(cluster.connection, 'CREATE TABLE account (id int PRIMARY KEY, n int NOT NULL)');
  await rowsOf(cluster.connection, 'INSERT INTO account VALUES (1, 0), (2, 0)');
});

class QuietLogger extends AbstractLogger {
  protected writeLog(): void {
    // The error says the same.
  }
}

type Send = (sql: string) => Promise<unknown>;
type Body = (send: Send) => Promise<unknown>;

interface Run {
  readonly body: Body;
  /** Closes the data source or the instance when it is called. */
  readonly onOpen?: (close: () => Promise<unknown>) => void;
  /** In milliseconds. */
  readonly queryTimeout?: number;
}

async function withTypeOrm(mode: 'none' | 'each' | 'all', run: Run): Promise<void> {
  const { body, onOpen, queryTimeout } = run;
  class Fails1770000000001 implements MigrationInterface {
    async up(queryRunner: QueryRunner): Promise<void> {
      await body((sql) => queryRunner.query(sql));
    }

    down(): Promise<void> {
      return Promise.resolve();
    }
  }
  const dataSource = createDsqlDataSource({
    ...cluster.orm,
    migrations: [Fails1770000000001],
    migrationsTransactionMode: mode,
    logger: new QuietLogger(),
    ...(queryTimeout !== undefined && { extra: { query_timeout: queryTimeout } }),
  });
  await dataSource.initialize();
  onOpen?.(() => dataSource.destroy());
  try {
    await dataSource.runMigrations();
  } finally {
    if (dataSource.isInitialized) await dataSource.destroy();
  }
}

async function withSequelize(isInTransaction: boolean, run: Run): Promise<void> {
  const { body, onOpen, queryTimeout } = run;
  const sequelize = createDsqlSequelize({
    ...cluster.orm,
    logging: false,
    ...(queryTimeout !== undefined && { dialectOptions: { query_timeout: queryTimeout } }),
  });
  const state = { isClosed: false };
  onOpen?.(() => {
    state.isClosed = true;
    return sequelize.close();
  });
  const up = ({ context }: { readonly context: QueryInterface }) =>
    isInTransaction
      ? context.sequelize.transaction((transaction) =>
          body((sql) => context.sequelize.query(sql, { transaction })),
        )
      : body((sql) => context.sequelize.query(sql));
  try {
    await createMigrator(sequelize, { migrations: [{ name: 'm', up }], logger: undefined }).up();
  } finally {
    if (!state.isClosed) await sequelize.close();
  }
}

const HOSTS: readonly { readonly host: string; readonly migrate: (run: Run) => Promise<void> }[] = [
  ...(['none', 'each', 'all'] as const).map((mode) => ({
    host: `TypeORM, transactions: ${mode}`,
    migrate: (run: Run) => withTypeOrm(mode, run),
  })),
  { host: 'Sequelize', migrate: (run) => withSequelize(false, run) },
  { host: 'Sequelize in a transaction', migrate: (run) => withSequelize(true, run) },
];

/** Changes of rows and of the schema; something may come behind each. */
const changes =
  (behind: (statement: number) => void = () => undefined): Body =>
  async (send) => {
    const statements = [
      'UPDATE account SET n = n + 1',
      'CREATE TABLE one (id int)',
      'INSERT INTO account VALUES (3, 7)',
      'CREATE INDEX account_n ON account (n)',
    ];
    for (const [index, sql] of statements.entries()) {
      await send(sql);
      behind(index + 1);
    }
  };

/** Everything is done, once, and recorded. */
async function expectDone(): Promise<void> {
  expect(await rowsOf(cluster.connection, 'SELECT id, n FROM account ORDER BY id')).toStrictEqual([
    { id: 1, n: 1 },
    { id: 2, n: 1 },
    { id: 3, n: 7 },
  ]);
  expect(
    await rowsOf(
      cluster.connection,
      "SELECT to_regclass('one') IS NOT NULL AS one, (SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('account_n')) AS valid",
    ),
  ).toStrictEqual([{ one: true, valid: true }]);
  const open = async () => {
    const client = new DsqlClient(cluster.connection);
    await client.connect();
    return client;
  };
  expect((await migrationStatus({ open })).halfDone).toStrictEqual([]);
}

/** In the short form each host has one of them. */
const places = (turn: number) => byForm({ short: [1 + (turn % 4)], long: [1, 2, 3, 4], soak: [1, 2, 3, 4] });

describe.each(HOSTS)('a migration of $host', ({ host, migrate }) => {
  const turn = HOSTS.findIndex((each) => each.host === host);

  it.each(places(turn))('that throws behind statement %i ends well in the next run', async (place) => {
    const body = changes((statement) => {
      if (statement === place) throw new Error('its own');
    });
    await expect(migrate({ body })).rejects.toThrow('its own');
    await migrate({ body: changes() });
    await expectDone();
  });

  it.each(places(turn + 1))(
    'whose connections are closed behind statement %i does so, too',
    async (place) => {
      let close: () => Promise<unknown> = () => Promise.resolve();
      const closing: Promise<unknown>[] = [];
      const body = changes((statement) => {
        if (statement === place) closing.push(close().catch(() => undefined));
      });
      const failed: unknown = await migrate({ body, onOpen: (given) => (close = given) }).catch(
        (error: unknown) => error,
      );
      expect(failed).toBeInstanceOf(Error);
      expect(failed).not.toBeInstanceOf(TypeError);
      await Promise.all(closing);
      await migrate({ body: changes() });
      await expectDone();
    },
  );

  it('whose statement is given up by query_timeout does so, too', async () => {
    const slow: Body = (send) =>
      changes()((sql) =>
        send(
          sql.startsWith('INSERT') ? 'INSERT INTO account SELECT 3, 7 FROM (SELECT pg_sleep(3)) AS s' : sql,
        ),
      );
    await expect(migrate({ body: slow, queryTimeout: 1000 })).rejects.toThrow(/./);
    await migrate({ body: slow });
    await expectDone();
  });

  it.each(['before commit', 'after commit'] as const)(
    'ends well where the network fails %s of its record, and comes back',
    async (at) => {
      const { faults } = cluster.local;
      let isBack: Promise<void> | undefined;
      const table = host.startsWith('TypeORM') ? 'migrations' : 'SequelizeMeta';
      const onCut = () => {
        const cutOff = faults.cutOff({ newConnections: 'reset' });
        isBack = sleep(300).then(() => {
          cutOff.remove();
        });
      };
      const fault = faults.cutConnection({ at, table, onCut });
      await migrate({ body: changes() });
      await isBack;
      expect(fault.fired).toBe(1);
      await expectDone();
      expect(await rowsOf(cluster.connection, `SELECT count(*)::int AS times FROM "${table}"`)).toStrictEqual(
        [{ times: 1 }],
      );
    },
  );

  it('that catches the error of a statement does so, or fails with that', async () => {
    const caught: Body = async (send) => {
      await send('INSERT INTO account VALUES (1, 1)').catch(() => undefined);
      await changes()(send);
    };
    const failed: unknown = await migrate({ body: caught }).catch((error: unknown) => error);
    const isWhole = failed === undefined;
    expect(await rowsOf(cluster.connection, 'SELECT n FROM account WHERE id = 1')).toStrictEqual([
      { n: isWhole ? 1 : 0 },
    ]);
    if (!isWhole) await migrate({ body: changes() });
    await expectDone();
  });
});
