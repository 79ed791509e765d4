import 'reflect-metadata';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import type { MigrationOptions } from '../../src/schema/orm-options';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { useCluster } from '../cluster';
import { byForm } from '../form';
import { empty, stateOf, withClient } from './database-state';
import { Halting1770000000009 } from './migrating-process';
import { MigratingProcess } from './processes';
import { typeormHistory } from './typeorm-history';

type Mode = 'none' | 'each' | 'all';
type MigrationClass = new () => MigrationInterface;

const cluster = useCluster();

beforeEach(() => empty(cluster.connection));

/** A pod that starts: it migrates, and says which migrations it has run. */
async function pod(
  migrations: MigrationClass[],
  { mode = 'none', ...options }: MigrationOptions & { readonly mode?: Mode } = {},
): Promise<string[]> {
  const { dsql, ...orm } = cluster.orm;
  const dataSource = createDsqlDataSource({
    ...orm,
    migrations,
    migrationsTransactionMode: mode,
    logger: 'debug',
    dsql: { ...dsql, migrations: options },
  });
  await dataSource.initialize();
  try {
    return (await dataSource.runMigrations()).map(({ name }) => name);
  } finally {
    await dataSource.destroy();
  }
}

const recorded = () =>
  withClient(cluster.connection, async (client) => {
    const { rows } = await client.query<{ name: string }>('SELECT name FROM migrations ORDER BY id');
    return rows.map(({ name }) => name);
  });

it.each<Mode>(byForm({ short: ['each'], long: ['none', 'each', 'all'], soak: ['none', 'each', 'all'] }))(
  'of eight pods that start together, each migration is run and recorded by one: mode %s',
  async (mode) => {
    const names = typeormHistory.map(({ name }) => name);
    const ran = await Promise.all(Array.from({ length: 8 }, () => pod(typeormHistory, { mode })));
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
});

it('a process that is frozen past its lease sends nothing more', async () => {
  const frozen = await MigratingProcess.start(cluster.local, 'halting', '1000');
  await frozen.says('half-way');
  frozen.child.kill('SIGSTOP');
  expect(await pod([Halting1770000000009])).toStrictEqual(['Halting1770000000009']);
  const trace = cluster.local.trace.start();
  frozen.child.stdin?.write('go on\n');
  frozen.child.kill('SIGCONT');
  expect(await frozen.end()).toMatch(/failed LeaseLostError/);
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
