import 'reflect-metadata';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { startLocalDsql, type LocalDsql } from 'aurora-dsql-orm/local';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { useCluster } from '../cluster';
import { empty, withClient } from './database-state';

const cluster = useCluster();

beforeEach(() => empty(cluster.connection));

/** A migration that stops behind its first statement, as long as there is no box. */
const halfWith = (first: string) =>
  class Half1770000000001 implements MigrationInterface {
    async up(queryRunner: QueryRunner): Promise<void> {
      await queryRunner.query(first);
      await queryRunner.query('INSERT INTO box VALUES (1)');
    }

    async down(queryRunner: QueryRunner): Promise<void> {
      await queryRunner.query('DROP TABLE shelf');
    }
  };
const Half = halfWith('CREATE TABLE shelf (id int PRIMARY KEY)');

async function migrate(migration = Half): Promise<string[]> {
  const dataSource = createDsqlDataSource({
    ...cluster.orm,
    migrations: [migration],
    logger: 'debug',
  });
  await dataSource.initialize();
  try {
    return (await dataSource.runMigrations()).map(({ name }) => name);
  } finally {
    await dataSource.destroy();
  }
}

/** Runs `aurora-dsql-orm migrate` with the environment of the local DSQL. */
const command = (...args: string[]) => commandOn(cluster.local, ...args);

async function commandOn(local: LocalDsql, ...args: string[]) {
  const hook = path.resolve(__dirname, '../typescript-register.cjs');
  const main = path.resolve(__dirname, '../../src/cli/main.ts');
  const env = { ...process.env, ...(await local.env()) };
  const child = spawn(process.execPath, ['-r', hook, main, 'migrate', ...args], { env });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text: Buffer) => (output += text.toString()));
  }
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, output };
}

const recorded = () =>
  withClient(cluster.connection, async (client) => {
    const { rows } = await client.query<{ name: string }>('SELECT name, timestamp::text FROM migrations');
    return rows;
  });

it('migrate status says what is half-done and why, and resolve ends it either way', async () => {
  expect(await command('status')).toStrictEqual({ status: 0, output: 'No migration is half-done.\n' });
  await expect(migrate()).rejects.toThrow(/"box" does not exist/);
  const { status, output } = await command('status');
  expect(status).toBe(1);
  expect(output).toMatch(/^Half1770000000001 is half-done: 1 statements are finished \(migrations\)\./);
  const asJson = await command('status', '--json');
  expect(JSON.parse(asJson.output)).toMatchObject({
    halfDone: [{ migration: 'Half1770000000001', direction: 'up', finished: 1 }],
  });

  expect(await command('resolve', 'Half1770000000001', '--undone')).toMatchObject({ status: 0 });
  expect(await recorded()).toStrictEqual([]);
  await withClient(cluster.connection, (client) => client.query('DROP TABLE shelf'));
  await expect(migrate()).rejects.toThrow(/"box" does not exist/);

  expect(await command('resolve', 'Half1770000000001', '--done')).toMatchObject({ status: 0 });
  expect(await recorded()).toStrictEqual([{ name: 'Half1770000000001', timestamp: '1770000000001' }]);
  expect(await migrate()).toStrictEqual([]);
});

it('migrate status lists the jobs that run', async () => {
  const local = await startLocalDsql({ jobDurationMs: 600_000 });
  try {
    const { host, port, hostaddr, ca, credentials, region } = local;
    await withClient({ host, port, hostaddr, ca, credentials, region }, async (client) => {
      await client.query('CREATE TABLE shelf (id int PRIMARY KEY, label text)');
      await client.query('CREATE INDEX ASYNC shelf_label ON shelf (label)');
    });
    expect(await commandOn(local, 'status')).toStrictEqual({
      status: 0,
      output: expect.stringMatching(
        /^No migration is half-done\.\nJob \w+ \(INDEX_BUILD of public\.shelf_label\) is \w+ since \S+Z\.\n$/,
      ) as string,
    });
  } finally {
    await local.stop();
  }
});

it('a statement that has failed may be corrected, and its migration continues', async () => {
  await expect(migrate()).rejects.toThrow(/"box" does not exist/);
  await withClient(cluster.connection, (client) => client.query('CREATE TABLE box (id int PRIMARY KEY)'));
  const trace = cluster.local.trace.start();
  expect(await migrate()).toStrictEqual(['Half1770000000001']);
  const texts = trace.stop().statements.map(({ text }) => text);
  expect(texts).toContain('INSERT INTO box VALUES (1)');
  expect(texts).not.toContain('CREATE TABLE shelf (id int PRIMARY KEY)');
});

it('another statement in the place of one that is finished stops the migration, and is named', async () => {
  await expect(migrate()).rejects.toThrow(/"box" does not exist/);
  const trace = cluster.local.trace.start();
  await expect(migrate(halfWith('CREATE TABLE shelf (id bigint PRIMARY KEY)'))).rejects.toMatchObject({
    name: 'MigrationChangedError',
    position: 1,
    message: expect.stringMatching(
      /takes another path at statement 1\. It had been: CREATE TABLE shelf \(id int PRIMARY KEY\)\. It is: CREATE TABLE shelf \(id bigint/,
    ) as string,
  });
  const sent = trace.stop().statements.filter(({ text }) => /shelf|box/.test(text));
  expect(sent.map(({ kind }) => kind)).not.toContain('ddl');
  await expect(migrate()).rejects.toThrow(/"box" does not exist/);
});

it('migrate says what is wrong with its arguments', async () => {
  expect(await command('resolve', 'Half')).toMatchObject({ status: 2 });
  expect(await command('renew')).toMatchObject({ status: 2 });
  for (const option of ['--data-source', '--migrator']) {
    expect(await command('up', option, 'missing.ts')).toStrictEqual({
      status: 2,
      output: expect.stringMatching(
        new RegExp(`${option}: there is no file .*missing\\.ts\n.* --help says more\\.\n$`),
      ) as string,
    });
  }
});
