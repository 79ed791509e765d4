import 'reflect-metadata';
import { DsqlClient } from 'aurora-dsql-orm';
import { emptyDatabase } from 'aurora-dsql-orm/local';
import { inBatches, migrationStatus, type InBatchesOptions, type RowBatch } from 'aurora-dsql-orm/migrate';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { createMigrator } from 'aurora-dsql-orm/sequelize/umzug';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { DataTypes } from 'sequelize';
import {
  AbstractLogger,
  type LogLevel,
  type LogMessage,
  type MigrationInterface,
  type QueryRunner,
} from 'typeorm';
import { ORMS, ormsOf, useWorkshop } from './rebuilds';

const ROWS = 5000;
const { client, cluster, dataSource, rows, run, sequelize } = useWorkshop();

beforeEach(async () => {
  await emptyDatabase(client());
  await run(
    'CREATE TABLE account (tenant int, id uuid DEFAULT gen_random_uuid(), n int NOT NULL DEFAULT 0, note text, PRIMARY KEY (tenant, id))',
  );
});

async function fill(): Promise<void> {
  for (const tenant of [1, 2]) {
    await run(`INSERT INTO account (tenant) SELECT ${tenant} FROM generate_series(1, ${ROWS / 2})`);
  }
}

/** How often rows were changed, and how many of them so often. */
const counted = () => rows('SELECT n, count(*)::int AS rows FROM account GROUP BY n ORDER BY n');
const ONCE = [{ n: 1, rows: ROWS }];

type Send = (sql: string) => Promise<unknown>;
type Work = (batch: RowBatch, send: Send) => Promise<unknown>;

const countUp: Work = (batch, send) => send(`UPDATE account SET n = n + 1 WHERE ${batch.condition}`);

class Log extends AbstractLogger {
  constructor(readonly lines: string[]) {
    super(['schema']);
  }
  protected override writeLog(
    _: LogLevel,
    message: LogMessage | string | number | (LogMessage | string | number)[],
  ) {
    for (const each of this.prepareLogMessages(message)) this.lines.push(String(each.message));
  }
}

interface Migrating {
  readonly batchRows: number;
  readonly work: Work;
  readonly patienceMs?: number;
}

/** Runs a migration that changes rows in batches, and returns what was logged. */
async function migrate(orm: string, { batchRows, work, patienceMs = 0 }: Migrating): Promise<string[]> {
  const { dsql, ...connection } = cluster.orm;
  const lines: string[] = [];
  const options = { table: 'account', batchRows };
  const common = { ...connection, dsql: { ...dsql, migrations: { patienceMs } } };
  if (orm === 'Sequelize') {
    const instance = createDsqlSequelize({ ...common, logging: (text: string) => lines.push(text) });
    const migrations = [
      {
        name: '01',
        up: async ({ context }: { readonly context: ReturnType<typeof instance.getQueryInterface> }) => {
          await inBatches(context, options, (batch) => work(batch, (sql) => context.sequelize.query(sql)));
          await context.addColumn('account', 'done', DataTypes.BOOLEAN);
        },
      },
    ];
    try {
      await createMigrator(instance, { logger: undefined, migrations }).up();
    } finally {
      await instance.close();
    }
    return lines;
  }
  class Count1770000000001 implements MigrationInterface {
    async up(queryRunner: QueryRunner): Promise<void> {
      await inBatches(queryRunner, options, (batch) => work(batch, (sql) => queryRunner.query(sql)));
      await queryRunner.query('ALTER TABLE account ADD COLUMN done boolean');
    }
    down(): Promise<void> {
      return Promise.resolve();
    }
  }
  const source = createDsqlDataSource({
    ...common,
    migrations: [Count1770000000001],
    migrationsTransactionMode: orm === 'TypeORM' ? 'none' : 'each',
    logger: new Log(lines),
  });
  await source.initialize();
  try {
    await source.runMigrations();
  } finally {
    await source.destroy();
  }
  return lines;
}

it.each([...ormsOf(1), 'TypeORM with a transaction for each'])(
  'a migration of %s changes each row once, whatever comes between',
  async (orm) => {
    await fill();
    const { faults } = cluster.local;
    const conflict = faults.failCommit({ error: 'OC000', table: 'account', share: 0.3, seed: 3 });
    let batches = 0;
    const stopping: Work = async (batch, send) => {
      await countUp(batch, send);
      if (++batches === 5) throw new Error('stopped');
    };
    await expect(migrate(orm, { batchRows: 700, work: stopping, patienceMs: 60_000 })).rejects.toThrow(
      'stopped',
    );
    expect(conflict.fired).toBeGreaterThan(0);
    conflict.remove();
    const { halfDone } = await migrationStatus({ open: opened });
    expect(halfDone).toMatchObject([
      { stopped: [{ state: 'started', sql: 'rows of "account" in batches' }] },
    ]);

    const cut = faults.cutConnection({ at: 'after commit', table: 'account', nth: 2 });
    await expect(migrate(orm, { batchRows: 700, work: countUp })).rejects.toThrow(/./);
    expect(cut.fired).toBe(1);
    const lines = await migrate(orm, { batchRows: 1000, work: countUp });
    expect(await counted()).toStrictEqual(ONCE);
    expect(lines.filter((line) => line.endsWith('5,000 rows of "account" in batches'))).toHaveLength(1);
  },
);

const opened = async () => {
  const own = new DsqlClient(cluster.connection);
  await own.connect();
  return own;
};

/** Changes rows in batches outside of migrations. */
async function change(orm: string, options: InBatchesOptions, work: Work): Promise<void> {
  if (orm === 'Sequelize') {
    await inBatches(sequelize(), options, (batch) => work(batch, (sql) => sequelize().query(sql)));
    return;
  }
  const queryRunner = dataSource().createQueryRunner();
  try {
    await inBatches(queryRunner, options, (batch) => work(batch, (sql) => queryRunner.query(sql)));
  } finally {
    await queryRunner.release();
  }
}

describe.each(ORMS)('outside of migrations, with %s', (orm) => {
  it('the rows that the condition names are left when it is called again', async () => {
    await fill();
    const conflict = cluster.local.faults.failCommit({ error: 'OC001', share: 0.2, seed: 5 });
    let batches = 0;
    const options = { table: { schema: 'public', name: 'account' }, where: 'n = 0', batchRows: 1500 };
    const stopping: Work = async (batch, send) => {
      await countUp(batch, send);
      // They are still the same rows.
      await send(`UPDATE account SET note = 'x' WHERE ${batch.condition}`);
      if (++batches === 3) throw new Error('stopped');
    };
    await expect(change(orm, options, stopping)).rejects.toThrow('stopped');
    await change(orm, options, countUp);
    conflict.remove();
    expect(await counted()).toStrictEqual(ONCE);
    expect(await rows("SELECT count(*)::int AS rows FROM account WHERE note = 'x'")).not.toStrictEqual([
      { rows: 0 },
    ]);
  });

  it('a batch that is too much is done in smaller ones, and a row that is too much is named', async () => {
    const large = "(SELECT string_agg(md5(i::text), '') FROM generate_series(1, 30000) AS i)";
    await run(
      'CREATE TABLE copy (note text, id uuid PRIMARY KEY DEFAULT gen_random_uuid())',
      "INSERT INTO account (tenant, note) SELECT g, '' FROM generate_series(1, 20) AS g",
      'CREATE TABLE large (note text)',
      `INSERT INTO large VALUES (${large})`,
    );
    const sizes: number[] = [];
    const copies = (count: string): Work => {
      const each = `account, large, generate_series(1, ${count})`;
      return async (batch, send) => {
        sizes.push(batch.rows);
        await send(`INSERT INTO copy (note) SELECT large.note FROM ${each} WHERE ${batch.condition}`);
      };
    };
    await change(orm, { table: 'account' }, copies('1'));
    expect(sizes.slice(0, 2)).toStrictEqual([20, 6]);
    expect(await rows('SELECT count(*)::int AS rows FROM copy')).toStrictEqual([{ rows: 20 }]);
    const isLarge = copies('CASE tenant WHEN 7 THEN 12 ELSE 0 END');
    await expect(change(orm, { table: 'account', where: 'tenant > 5' }, isLarge)).rejects.toThrow(
      /It is one row, .*'7'/,
    );
  });

  it('is refused where it cannot be done', async () => {
    await run('CREATE TABLE loose (n int)');
    await expect(change(orm, { table: 'loose' }, countUp)).rejects.toThrow(
      /"loose", which has no primary key/,
    );
    await expect(change(orm, { table: 'none' }, countUp)).rejects.toThrow(/"none", which is not there/);
    await expect(change(orm, { table: 'account', batchRows: 3000 }, countUp)).rejects.toThrow(/^batchRows: /);
    await expect(inBatches({}, { table: 'account' }, () => Promise.resolve())).rejects.toThrow(
      /does not reach/,
    );
  });
});

it('goes on where its batches are noted, although it comes before another statement now, and is interrupted again', async () => {
  await fill();
  const { dsql, ...connection } = cluster.orm;
  const instance = createDsqlSequelize({
    ...connection,
    dsql: { ...dsql, migrations: { patienceMs: 0 } },
    logging: false,
  });
  type Context = ReturnType<typeof instance.getQueryInterface>;
  let attempt = 0;
  const up = async ({ context }: { readonly context: Context }) => {
    attempt++;
    let batches = 0;
    const work = async ({ condition }: RowBatch) => {
      if (attempt < 3 && ++batches === 2) throw new Error('It is interrupted.');
      await context.sequelize.query(`UPDATE account SET n = n + 1 WHERE ${condition}`);
    };
    const inOrder = [
      () => context.sequelize.query('CREATE TABLE lid (id int PRIMARY KEY)'),
      () => inBatches(context, { table: 'account', batchRows: 1000 }, work),
    ];
    // What is asked for at once has no order of its own.
    if (attempt > 1) inOrder.reverse();
    await Promise.all(inOrder.map((ask) => ask()));
  };
  const migrator = createMigrator(instance, { logger: undefined, migrations: [{ name: '01', up }] });
  try {
    await expect(migrator.up()).rejects.toThrow('It is interrupted.');
    await expect(migrator.up()).rejects.toThrow('It is interrupted.');
    await migrator.up();
  } finally {
    await instance.close();
  }
  expect(await counted()).toStrictEqual(ONCE);
});
