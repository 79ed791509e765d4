import { DsqlPool, type ConnectionOptions, type DsqlClient } from 'aurora-dsql-orm';
import QueryStream from 'pg-query-stream';
import type { TestCluster } from '../cluster';

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
export const IDLE_MS = 2_000;

/** What a client of its own connects with. */
export function connectionOf({ cluster, port, applicationName }: HostOptions): ConnectionOptions {
  return { ...cluster.connection, port, ormPrefix: applicationName };
}

export async function readAll(stream: AsyncIterable<unknown>): Promise<void> {
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

export class PoolHost implements HostUnderTest {
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
