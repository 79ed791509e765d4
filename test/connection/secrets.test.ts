import { inspect } from 'node:util';
import { DsqlClient, DsqlPool } from 'aurora-dsql-orm';
import { createDsqlSequelize, dsqlBeforeConnect } from 'aurora-dsql-orm/sequelize';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { Sequelize } from 'sequelize';
import { useCluster } from '../cluster';

const cluster = useCluster();

/** Parts of every token, and of nothing else. */
const tokenMarks = ['X-Amz-Signature', 'Action=DbConnect', 'X-Amz-Credential'];

describe('neither a token nor a secret key shows', () => {
  it('in a client, connected or refused', async () => {
    const client = new DsqlClient(cluster.connection);
    expectNoSecret(client);
    await client.connect();
    expectNoSecret(client);
    const failure: unknown = await client.query('SELECT no_such_column').catch((error: unknown) => error);
    expectNoSecret(failure);
    await client.end();

    const stranger = new DsqlClient({ ...cluster.connection, user: 'nobody' });
    const refusal: unknown = await stranger.connect().catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(Error);
    expectNoSecret(refusal);
    expectNoSecret(stranger);
  });

  it('in a pool', async () => {
    const pool = new DsqlPool(cluster.connection);
    const client = await pool.connect();
    expectNoSecret(pool);
    expectNoSecret(client);
    client.release();
    await pool.end();
  });

  it('in a data source, its options, its errors and its log', async () => {
    const log = captureConsole();
    const dataSource = createDsqlDataSource({ ...cluster.orm, logging: 'all' });
    await dataSource.initialize();
    await dataSource.query('SELECT 1');
    const failure: unknown = await dataSource.query('SELECT no_such_column').catch((error: unknown) => error);
    for (const held of [dataSource, dataSource.options, dataSource.driver, failure]) expectNoSecret(held);
    await dataSource.destroy();
    const refused = createDsqlDataSource({ ...cluster.orm, username: 'nobody', logging: 'all' });
    expectNoSecret(await refused.initialize().catch((error: unknown) => error));
    expectNoSecret(refused);
    expectNoSecretText(log());
  });

  it('in a Sequelize instance, its configuration, its errors and its log', async () => {
    const lines: unknown[] = [];
    const sequelize = createDsqlSequelize({ ...cluster.orm, logging: (...line) => lines.push(line) });
    await sequelize.query('SELECT 1');
    const failure: unknown = await sequelize.query('SELECT no_such_column').catch((error: unknown) => error);
    const { config, options } = sequelize as unknown as Record<'config' | 'options', object>;
    for (const held of [sequelize, config, options, failure, lines]) expectNoSecret(held);
    await sequelize.close();
    const refused = createDsqlSequelize({ ...cluster.orm, username: 'nobody', logging: false });
    expectNoSecret(await refused.query('SELECT 1').catch((error: unknown) => error));
    expectNoSecret(refused);
    await refused.close();
  });

  it('in the configuration that the hook alone has filled in', async () => {
    const sequelize = new Sequelize({
      dialect: 'postgres',
      logging: false,
      hooks: { beforeConnect: dsqlBeforeConnect(cluster.connection) },
    });
    await sequelize.query('SELECT 1');
    const { config } = sequelize as unknown as { config: object };
    // The client is node-postgres' own here, and hides its password as well as it can.
    for (const held of [sequelize, config, sequelize.connectionManager]) expectNoSecret(held, false);
    await sequelize.close();
  });
});

function expectNoSecret(held: unknown, showHidden = true): void {
  expectNoSecretText(inspect(held, { depth: 12, showHidden, maxStringLength: null, breakLength: Infinity }));
  expectNoSecretText(toJson(held));
  if (held instanceof Error) expectNoSecretText(`${held.message}\n${held.stack ?? ''}`);
}

function expectNoSecretText(text: string): void {
  for (const secret of [cluster.local.credentials.secretAccessKey, ...tokenMarks]) {
    expect(text.includes(secret)).toBe(false);
  }
}

/** JSON of anything: what stands in a circle is left out. */
function toJson(held: unknown): string {
  const seen = new WeakSet();
  return JSON.stringify({ held }, (_, value: unknown) => {
    if (typeof value === 'bigint') return String(value);
    if (typeof value !== 'object' || value === null) return value;
    if (seen.has(value)) return undefined;
    seen.add(value);
    return value;
  });
}

function captureConsole(): () => string {
  const written: unknown[] = [];
  for (const method of ['log', 'info', 'warn', 'error'] as const) {
    jest.spyOn(console, method).mockImplementation((...line) => void written.push(line));
  }
  return () => {
    jest.restoreAllMocks();
    return inspect(written, { depth: 12, maxStringLength: null });
  };
}
