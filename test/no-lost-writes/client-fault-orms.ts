import type { DsqlClient, DsqlPool } from 'aurora-dsql-orm';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { createDsqlDataSource, runInTransaction } from 'aurora-dsql-orm/typeorm';
import QueryStream from 'pg-query-stream';
import { DataTypes, type Model, type ModelStatic, type Sequelize, type Transaction } from 'sequelize';
import { EntitySchema, type DataSource, type EntitySchemaOptions, type QueryRunner } from 'typeorm';
import {
  CONNECT_TIMEOUT_MS,
  IDLE_MS,
  PoolHost,
  readAll,
  type AnyClient,
  type HostOptions,
  type HostUnderTest,
  type OpenTransaction,
  type UnmanagedTransaction,
} from './client-fault-hosts';
import type { Host } from './client-fault-programs';

const retry = { maxAttempts: 5, deadlineMs: 3_000 };

export const hosts: Readonly<Record<Host, (options: HostOptions) => Promise<HostUnderTest>>> = {
  DsqlPool: (options) => Promise.resolve(new PoolHost(options)),
  TypeORM: (options) => TypeormHost.open(options),
  Sequelize: (options) => Promise.resolve(new SequelizeHost(options)),
};

class TypeormHost implements HostUnderTest {
  readonly savesRows = true;
  readonly #dataSource: DataSource;
  readonly #rows: EntitySchema<{ id: number }>;

  constructor(dataSource: DataSource, rows: EntitySchema<{ id: number }>) {
    this.#dataSource = dataSource;
    this.#rows = rows;
  }

  static async open({ cluster, port, max, ...options }: HostOptions): Promise<TypeormHost> {
    const schema: unknown = { name: options.table, columns: { id: { type: 'integer', primary: true } } };
    const rows = new EntitySchema(schema as EntitySchemaOptions<{ id: number }>);
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
