import { DsqlClient, DsqlPool, type ConnectionOptions } from 'aurora-dsql-orm';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { createDsqlDataSource, runInTransaction } from 'aurora-dsql-orm/typeorm';
import QueryStream from 'pg-query-stream';
import { DataTypes, type Model, type ModelStatic, type Sequelize, type Transaction } from 'sequelize';
import { EntitySchema, type DataSource, type QueryRunner } from 'typeorm';
import type { TestCluster } from '../cluster';
import type { Host } from './client-fault-programs';

/** What node-postgres' clients have in common here. */
export type AnyClient = Pick<DsqlClient, 'query'>;

/** What statements are run in. */
export interface Scope {
  query(text: string, values?: unknown[]): Promise<unknown>;
  stream(text: string, values: unknown[]): Promise<void>;
  /** Hands out the client itself. */
  withClient<T>(work: (client: AnyClient) => Promise<T>): Promise<T>;
}

/** A transaction of one of the hosts. */
export interface OpenTransaction extends Scope {
  /** Undefined where the host has no transactions inside others. */
  readonly inner?: (work: () => Promise<void>) => Promise<void>;
}

/** A transaction whose caller ends it. */
export interface UnmanagedTransaction extends OpenTransaction {
  commit(): Promise<void>;
  rollback(): Promise<void>;
  /** Gives the connection back, whatever is open on it. Idempotent. */
  release(): Promise<void>;
}

/** One of the three ways to reach the database, with a pool. */
export interface HostUnderTest extends Scope {
  /** Whether it has anything to save rows with. */
  readonly savesRows: boolean;
  managed(work: (transaction: OpenTransaction) => Promise<void>, signal?: AbortSignal): Promise<void>;
  unmanaged(begin: string): Promise<UnmanagedTransaction>;
  save(ids: readonly number[]): Promise<void>;
  findOrCreate(id: number): Promise<void>;
  poolState(): { readonly inUse: number; readonly waiting: number; readonly size: number };
  close(): Promise<void>;
}

export interface HostOptions {
  readonly cluster: TestCluster;
  readonly port: number;
  readonly max: number;
  readonly queryTimeoutMs: number | undefined;
  readonly table: string;
  readonly applicationName: string;
  readonly onClient: (client: DsqlClient) => void;
}

/** How long a connection may take, and the wait for one. */
export const CONNECT_TIMEOUT_MS = 1_500;
const IDLE_MS = 2_000;
const retry = { maxAttempts: 5, deadlineMs: 3_000 };

export const hosts: Readonly<Record<Host, (options: HostOptions) => Promise<HostUnderTest>>> = {
  DsqlPool: (options) => Promise.resolve(new PoolHost(options)),
  TypeORM: (options) => TypeormHost.open(options),
  Sequelize: (options) => Promise.resolve(new SequelizeHost(options)),
};

/** What a client of its own connects with. */
export function connectionOf({ cluster, port, applicationName }: HostOptions): ConnectionOptions {
  return { ...cluster.connection, port, ormPrefix: applicationName };
}

async function readAll(stream: AsyncIterable<unknown>): Promise<void> {
  const rows: unknown[] = [];
  for await (const row of stream) rows.push(row);
}

/** Statements on a client of node-postgres' kind, and its transactions by their SQL. */
export class ClientScope implements UnmanagedTransaction {
  constructor(
    readonly client: AnyClient,
    readonly release: () => Promise<void>,
  ) {}

  query(text: string, values?: unknown[]): Promise<unknown> {
    return this.client.query(text, values);
  }

  stream(text: string, values: unknown[]): Promise<void> {
    return readAll(this.client.query(new QueryStream(text, values)));
  }

  withClient<T>(work: (client: AnyClient) => Promise<T>): Promise<T> {
    return work(this.client);
  }

  async commit(): Promise<void> {
    await this.client.query('/* the end */ COMMIT');
  }

  async rollback(): Promise<void> {
    await this.client.query('-- undo\nROLLBACK');
  }
}

class PoolHost implements HostUnderTest {
  readonly savesRows = false;
  readonly #pool: DsqlPool;

  constructor(options: HostOptions) {
    const { max, queryTimeoutMs, onClient } = options;
    this.#pool = new DsqlPool({
      ...connectionOf(options),
      max,
      query_timeout: queryTimeoutMs,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      idleTimeoutMillis: IDLE_MS,
    });
    this.#pool.on('error', () => undefined);
    this.#pool.on('connect', (client) => {
      onClient(client as unknown as DsqlClient);
    });
  }

  query(text: string, values?: unknown[]): Promise<unknown> {
    return this.#pool.query(text, values);
  }

  stream(text: string, values: unknown[]): Promise<void> {
    return this.withClient((client) => readAll(client.query(new QueryStream(text, values))));
  }

  async withClient<T>(work: (client: AnyClient) => Promise<T>): Promise<T> {
    const client = await this.#checkOut();
    try {
      return await work(client);
    } finally {
      client.release();
    }
  }

  async managed(work: (transaction: OpenTransaction) => Promise<void>): Promise<void> {
    const transaction = await this.unmanaged('BEGIN');
    try {
      await work(transaction);
      await transaction.commit();
    } catch (error) {
      await transaction.rollback().catch(() => undefined);
      throw error;
    } finally {
      await transaction.release();
    }
  }

  async unmanaged(begin: string): Promise<UnmanagedTransaction> {
    const client = await this.#checkOut();
    let isReleased = false;
    const release = () => {
      if (!isReleased) client.release();
      isReleased = true;
      return Promise.resolve();
    };
    await client.query(begin).catch(async (error: unknown) => {
      await release();
      throw error;
    });
    return new ClientScope(client, release);
  }

  async save(): Promise<void> {
    await this.#pool.query('SELECT 1');
  }

  async findOrCreate(): Promise<void> {
    await this.#pool.query('SELECT 1');
  }

  poolState() {
    const { totalCount, idleCount, waitingCount } = this.#pool;
    return { inUse: totalCount - idleCount, waiting: waitingCount, size: totalCount };
  }

  close(): Promise<void> {
    return this.#pool.end();
  }

  async #checkOut() {
    const client = await this.#pool.connect();
    if (client.listenerCount('error') === 0) client.on('error', () => undefined);
    return client;
  }
}

class TypeormHost implements HostUnderTest {
  readonly savesRows = true;
  readonly #dataSource: DataSource;
  readonly #rows: EntitySchema<{ id: number }>;

  constructor(dataSource: DataSource, rows: EntitySchema<{ id: number }>) {
    this.#dataSource = dataSource;
    this.#rows = rows;
  }

  static async open({ cluster, port, max, ...options }: HostOptions): Promise<TypeormHost> {
    const rows = new EntitySchema<{ id: number }>({
      name: options.table,
      columns: { id: { type: 'integer', primary: true } },
    });
    const dataSource = createDsqlDataSource({
      ...cluster.orm,
      port,
      dsql: {
        ...cluster.orm.dsql,
        ormPrefix: options.applicationName,
        retry,
        nested: max % 2 === 0 ? 'join' : 'throw',
      },
      extra: {
        max,
        query_timeout: options.queryTimeoutMs,
        connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
        idleTimeoutMillis: IDLE_MS,
        onConnect: options.onClient,
      },
      entities: [rows],
      poolErrorHandler: () => undefined,
    });
    return new TypeormHost(await dataSource.initialize(), rows);
  }

  query(text: string, values?: unknown[]): Promise<unknown> {
    return this.#dataSource.query(text, values);
  }

  async stream(text: string, values: unknown[]): Promise<void> {
    await this.#withRunner(async (runner) => readAll(await runner.stream(text, values)));
  }

  withClient<T>(work: (client: AnyClient) => Promise<T>): Promise<T> {
    return this.#withRunner(async (runner) => work((await runner.connect()) as AnyClient));
  }

  managed(work: (transaction: OpenTransaction) => Promise<void>, signal?: AbortSignal): Promise<void> {
    return runInTransaction(
      this.#dataSource,
      (manager) => {
        const { queryRunner } = manager;
        if (queryRunner === undefined) throw new Error('The transaction has no query runner.');
        return work(onRunner(queryRunner));
      },
      { signal },
    );
  }

  async unmanaged(): Promise<UnmanagedTransaction> {
    const runner = this.#dataSource.createQueryRunner();
    try {
      await runner.startTransaction();
    } catch (error) {
      await runner.release();
      throw error;
    }
    return {
      ...onRunner(runner),
      commit: () => runner.commitTransaction(),
      rollback: () => runner.rollbackTransaction(),
      release: () => runner.release(),
    };
  }

  async save(ids: readonly number[]): Promise<void> {
    await this.#dataSource.manager.save(
      this.#rows,
      ids.map((id) => ({ id })),
    );
  }

  async findOrCreate(id: number): Promise<void> {
    await this.#dataSource.manager.upsert(this.#rows, { id }, ['id']);
  }

  poolState() {
    const { master } = this.#dataSource.driver as unknown as { readonly master: DsqlPool };
    const { totalCount, idleCount, waitingCount } = master;
    return { inUse: totalCount - idleCount, waiting: waitingCount, size: totalCount };
  }

  close(): Promise<void> {
    return this.#dataSource.destroy();
  }

  async #withRunner<T>(work: (runner: QueryRunner) => Promise<T>): Promise<T> {
    const runner = this.#dataSource.createQueryRunner();
    try {
      return await work(runner);
    } finally {
      await runner.release();
    }
  }
}

function onRunner(runner: QueryRunner): OpenTransaction {
  return {
    query: (text, values) => runner.query(text, values),
    stream: async (text, values) => readAll(await runner.stream(text, values)),
    withClient: async (work) => work((await runner.connect()) as AnyClient),
    inner: (work) => runner.manager.transaction(() => work()),
  };
}

class SequelizeHost implements HostUnderTest {
  readonly savesRows = true;
  readonly #sequelize: Sequelize;
  readonly #Rows: ModelStatic<Model>;

  constructor({ cluster, port, max, queryTimeoutMs, table, applicationName, onClient }: HostOptions) {
    this.#sequelize = createDsqlSequelize({
      ...cluster.orm,
      port,
      logging: false,
      dsql: {
        ...cluster.orm.dsql,
        ormPrefix: applicationName,
        retry,
        nested: max % 2 === 0 ? 'join' : 'throw',
      },
      dialectOptions: { query_timeout: queryTimeoutMs, connectionTimeoutMillis: CONNECT_TIMEOUT_MS },
      pool: { max, acquire: CONNECT_TIMEOUT_MS, idle: IDLE_MS, evict: IDLE_MS / 2 },
      hooks: {
        afterConnect: (client) => {
          onClient(client as DsqlClient);
        },
      },
    });
    this.#Rows = this.#sequelize.define(
      table,
      { id: { type: DataTypes.INTEGER, primaryKey: true } },
      { tableName: table, timestamps: false },
    );
  }

  query(text: string, bind?: unknown[]): Promise<unknown> {
    return this.#sequelize.query(text, { ...(bind !== undefined && { bind }) });
  }

  stream(text: string, values: unknown[]): Promise<void> {
    return this.withClient((client) => readAll(client.query(new QueryStream(text, values))));
  }

  async withClient<T>(work: (client: AnyClient) => Promise<T>): Promise<T> {
    const { connectionManager } = this.#sequelize;
    const client = (await connectionManager.getConnection({ type: 'write' })) as DsqlClient;
    try {
      return await work(client);
    } finally {
      connectionManager.releaseConnection(client);
    }
  }

  async managed(work: (transaction: OpenTransaction) => Promise<void>, signal?: AbortSignal): Promise<void> {
    const options = { signal };
    await this.#sequelize.transaction(options as object, (transaction) => work(this.#in(transaction)));
  }

  async unmanaged(): Promise<UnmanagedTransaction> {
    const transaction = await this.#sequelize.transaction();
    return {
      ...this.#in(transaction),
      commit: () => transaction.commit(),
      rollback: () => transaction.rollback(),
      release: async () => {
        // It has no other way to give its connection back.
        await transaction.rollback().catch(() => undefined);
      },
    };
  }

  async save(ids: readonly number[]): Promise<void> {
    await this.#Rows.bulkCreate(ids.map((id) => ({ id })));
  }

  async findOrCreate(id: number): Promise<void> {
    await this.#Rows.findOrCreate({ where: { id } });
  }

  poolState() {
    const { pool } = this.#sequelize.connectionManager as unknown as {
      readonly pool: { readonly using: number; readonly waiting: number; readonly size: number };
    };
    return { inUse: pool.using, waiting: pool.waiting, size: pool.size };
  }

  close(): Promise<void> {
    return this.#sequelize.close();
  }

  #in(transaction: Transaction): OpenTransaction {
    const withClient = <T>(work: (client: AnyClient) => Promise<T>) => {
      const { connection } = transaction as unknown as { readonly connection?: AnyClient };
      if (connection === undefined) throw new Error('The transaction has no connection.');
      return work(connection);
    };
    return {
      query: (text, bind) =>
        this.#sequelize.query(text, { transaction, ...(bind !== undefined && { bind }) }),
      stream: (text, values) => withClient((client) => readAll(client.query(new QueryStream(text, values)))),
      withClient,
      inner: async (work) => {
        await this.#sequelize.transaction({ transaction }, () => work());
      },
    };
  }
}
