import 'reflect-metadata';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import type { MigrationOptions } from '../../src/schema/orm-options';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { DataTypes, type Options } from 'sequelize';
import { Entity, PrimaryColumn, type MigrationInterface, type QueryRunner } from 'typeorm';
import { useCluster } from '../cluster';
import { byForm } from '../form';
import { empty, stateOf, withClient } from './database-state';
import { Halting1770000000009 } from './migrating-process';
import { MigratingProcess } from './processes';
import { typeormHistory } from './typeorm-history';

type Mode = 'none' | 'each' | 'all';
type MigrationClass = new () => MigrationInterface;

const cluster = useCluster();
const PODS = byForm({ short: 4, long: 8, soak: 8 });

beforeEach(() => empty(cluster.connection));

/** A pod that starts: it migrates, and says which migrations it has run. */
async function pod(
  migrations: MigrationClass[],
  {
    mode = 'none',
    steal = false,
    ...options
  }: MigrationOptions & { readonly mode?: Mode; readonly steal?: boolean } = {},
): Promise<string[]> {
  const { dsql, ...orm } = cluster.orm;
  const dataSource = createDsqlDataSource({
    ...orm,
    migrations,
    entities: [Drawer],
    migrationsTransactionMode: mode,
    logger: 'debug',
    dsql: { ...dsql, migrations: options },
  });
  await dataSource.initialize();
  try {
    return (await dataSource.runMigrations({ dsql: { steal } })).map(({ name }) => name);
  } finally {
    await dataSource.destroy();
  }
}

@Entity('Drawer')
class Drawer {
  @PrimaryColumn('int')
  declare id: number;
}

/** A pod that makes the schema what the entities say. */
async function synchronize(migrations: MigrationOptions = {}): Promise<void> {
  const { dsql, ...orm } = cluster.orm;
  const dataSource = createDsqlDataSource({ ...orm, entities: [Drawer], dsql: { ...dsql, migrations } });
  await dataSource.initialize();
  try {
    await dataSource.synchronize();
  } finally {
    await dataSource.destroy();
  }
}

/** A pod that makes the schema what the models say. */
async function sync(
  migrations: MigrationOptions = {},
  options: Pick<Options, 'username' | 'logging' | 'schema'> = {},
): Promise<void> {
  const { dsql, ...orm } = cluster.orm;
  const { schema, ...others } = options;
  const sequelize = createDsqlSequelize({ ...orm, logging: false, ...others, dsql: { ...dsql, migrations } });
  const id = { type: DataTypes.INTEGER, primaryKey: true };
  sequelize.define(
    'drawer',
    { id },
    { tableName: 'drawer', timestamps: false, ...(schema !== undefined && { schema }) },
  );
  try {
    await sequelize.sync();
  } finally {
    await sequelize.close();
  }
}

const recorded = () =>
  withClient(cluster.connection, async (client) => {
    const { rows } = await client.query<{ name: string }>('SELECT name FROM migrations ORDER BY id');
    return rows.map(({ name }) => name);
  });

it.each<Mode>(byForm({ short: ['each'], long: ['none', 'each', 'all'], soak: ['none', 'each', 'all'] }))(
  `of ${PODS} pods that start together, each migration is run and recorded by one: mode %s`,
  async (mode) => {
    const names = typeormHistory.map(({ name }) => name);
    const ran = await Promise.all(Array.from({ length: PODS }, () => pod(typeormHistory, { mode })));
    expect(ran.flat()).toStrictEqual(names);
    expect(await recorded()).toStrictEqual(names);
    expect(await stateOf(cluster.connection)).toMatchObject({ joined: [{ boxes: 3 }] });
  },
);

describe('while another process migrates', () => {
  let go: () => void = () => undefined;
  let isHalfWay: Promise<void>;
  let halting: MigrationClass;

  beforeEach(() => {
    const gate = new Promise<void>((resolve) => (go = resolve));
    let reached: () => void = () => undefined;
    isHalfWay = new Promise((resolve) => (reached = resolve));
    halting = class Halt1770000000001 implements MigrationInterface {
      async up(queryRunner: QueryRunner): Promise<void> {
        await queryRunner.query('CREATE TABLE shelf (id int PRIMARY KEY)');
        reached();
        await gate;
      }
      down(): Promise<void> {
        return Promise.resolve();
      }
    };
  });

  it('the others wait longer than its lease, which it renews', async () => {
    const first = pod([halting], { leaseMs: 1000 });
    await Promise.race([isHalfWay, first]);
    const second = pod([halting], { leaseMs: 1000 });
    await new Promise((resolve) => setTimeout(resolve, 2500));
    go();
    expect(await first).toStrictEqual(['Halt1770000000001']);
    expect(await second).toStrictEqual([]);
  });

  it('they skip their migrations, or fail, where that is asked for', async () => {
    const first = pod([halting]);
    await Promise.race([isHalfWay, first]);
    expect(await pod([halting], { whileHeld: 'skip' })).toStrictEqual([]);
    await expect(pod([halting], { whileHeld: 'fail' })).rejects.toMatchObject({
      name: 'LeaseHeldError',
      holder: { process: String(process.pid) },
    });
    go();
    expect(await first).toStrictEqual(['Halt1770000000001']);
  });

  it('one that takes the lease from it runs them, and it sends nothing more', async () => {
    const first = pod([halting]);
    await Promise.race([isHalfWay, first]);
    const lost = first.catch((error: unknown) => error);
    const second = pod([halting], { whileHeld: 'fail', steal: true });
    const stolen = 'SELECT 1 FROM aurora_dsql_orm_migration_lease WHERE fence = 2';
    await withClient(cluster.connection, async (client) => {
      while ((await client.query(stolen)).rows.length === 0) await new Promise(setImmediate);
    });
    go();
    expect(await lost).toMatchObject({ name: 'LeaseLostError' });
    expect(await second).toStrictEqual(['Halt1770000000001']);
    expect(await recorded()).toStrictEqual(['Halt1770000000001']);
  });

  it('synchronize and sync do not begin, unless the schema is up to date', async () => {
    const first = pod([halting]);
    await Promise.race([isHalfWay, first]);
    await expect(synchronize({ whileHeld: 'fail' })).rejects.toMatchObject({ name: 'LeaseHeldError' });
    await expect(sync({ whileHeld: 'fail' })).rejects.toMatchObject({ name: 'LeaseHeldError' });
    await synchronize({ whileHeld: 'skip' });
    await sync({ whileHeld: 'skip' });
    expect(await tables()).toStrictEqual(['migrations', 'shelf']);
    const second = Promise.all([synchronize(), sync()]);
    go();
    expect(await first).toStrictEqual(['Halt1770000000001']);
    await second;
    expect(await tables()).toStrictEqual(['Drawer', 'drawer', 'migrations', 'shelf']);
    await Promise.all([synchronize({ whileHeld: 'fail' }), sync({ whileHeld: 'fail' })]);
  });
});

it('a migration may synchronize, and run others, under the lease that it holds', async () => {
  await pod([
    class Synchronizes1770000000002 implements MigrationInterface {
      async up(queryRunner: QueryRunner): Promise<void> {
        await queryRunner.dataSource.synchronize();
        await pod([Halting1770000000009]);
        await sync();
      }
      down(): Promise<void> {
        return Promise.resolve();
      }
    },
  ]);
  expect(await tables()).toStrictEqual(['Drawer', 'box', 'drawer', 'migrations', 'shelf']);
});

it('a role that may not make the table of the lease synchronizes without one, which is logged', async () => {
  await withClient(cluster.connection, async (client) => {
    await client.query('CREATE ROLE keeper WITH LOGIN');
    await client.query(`AWS IAM GRANT keeper TO '${cluster.local.roleArn}'`);
    await client.query('CREATE SCHEMA attic');
    await client.query('GRANT ALL ON SCHEMA attic TO keeper');
  });
  const lines: unknown[] = [];
  await sync({}, { username: 'keeper', schema: 'attic', logging: (line: unknown) => lines.push(line) });
  expect(lines.filter((line) => String(line).includes('changed without a lease'))).toHaveLength(1);
  expect(await tables('attic')).toStrictEqual(['drawer']);
  expect(await tables()).toStrictEqual([]);
});

const tables = (schema = 'public') =>
  withClient(cluster.connection, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      `SELECT tablename AS name FROM pg_tables WHERE schemaname = $1 AND tablename NOT LIKE 'aurora_dsql_orm%' ORDER BY tablename COLLATE "C"`,
      [schema],
    );
    return rows.map(({ name }) => name);
  });

it('a process that is frozen past its lease sends nothing more', async () => {
  const frozen = await MigratingProcess.start(cluster.local, 'halting', '1000');
  await frozen.says('half-way');
  frozen.child.kill('SIGSTOP');
  expect(await pod([Halting1770000000009])).toStrictEqual(['Halting1770000000009']);
  const trace = cluster.local.trace.start();
  frozen.child.stdin?.write('go on\n');
  frozen.child.kill('SIGCONT');
  expect(await frozen.end()).toMatch(/failed .*LeaseLostError/);
  const sent = trace.stop().statements.filter(({ text }) => !text.includes('migration_lease'));
  expect(sent.filter(({ kind }) => kind !== 'rollback')).toStrictEqual([]);
  expect(await recorded()).toStrictEqual(['Halting1770000000009']);
});

it('a process that was killed is replaced when its lease has ended', async () => {
  const killed = await MigratingProcess.start(cluster.local, 'halting', '1000');
  await killed.says('half-way');
  killed.child.kill('SIGKILL');
  const trace = cluster.local.trace.start();
  expect(await pod([Halting1770000000009])).toStrictEqual(['Halting1770000000009']);
  const made = trace.stop().statements.filter(({ text }) => text.startsWith('CREATE TABLE'));
  expect(made.map(({ text }) => text)).toStrictEqual(['CREATE TABLE box (id int PRIMARY KEY)']);
  expect(await recorded()).toStrictEqual(['Halting1770000000009']);
});
