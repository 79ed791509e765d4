import timers from 'node:timers';
import type { Client } from 'pg';
import {
  ConnectionError,
  ConnectionRefusedError,
  DataTypes,
  HostNotFoundError,
  HostNotReachableError,
  InvalidConnectionError,
  type Sequelize,
} from 'sequelize';
import PostgresConnectionManager from 'sequelize/lib/dialects/postgres/connection-manager';
import {
  DsqlClient,
  lifetimeSecs,
  oneConnectionPerWaiter,
  openClient,
  Pace,
  systemTimeMs,
  warmUp,
} from '../../connection';
import { timeZoneStatement } from '../../schema';
import { TextParsers } from '../reads/text-parsers';
import { builtInTypes } from '../schema/built-in-types';
import type { HeldConnections } from '../migrations/held-connections';
import { aroundOf } from '../migrations/own-statements';
import { letProcessEndOnIdle } from './exit-on-idle';
import type { ResolvedSequelizeOptions } from '../options/options';

type EndpointPool = PostgresConnectionManager.EndpointPool;
type GetConnection = Parameters<PostgresConnectionManager['getConnection']>[0];

/** As they were when this was loaded: the fake clock of an application's test must not end connections, nor keep them. */
const { setTimeout, clearTimeout } = timers;

/** What Aurora DSQL speaks: PostgreSQL 16. */
const DATABASE_VERSION = '16.0.0';

const hostErrors: Readonly<Record<string, new (parent: Error) => ConnectionError>> = {
  ECONNREFUSED: ConnectionRefusedError,
  ENOTFOUND: HostNotFoundError,
  EHOSTUNREACH: HostNotReachableError,
  EINVAL: InvalidConnectionError,
};

/** What else this reads of the options of an instance. */
interface SessionOptions {
  databaseVersion?: number | string;
  readonly timezone?: string;
  readonly keepDefaultTimezone?: boolean;
}

/** How far the life of a connection has come. */
interface Life {
  /** When it is to be replaced, in milliseconds since the epoch. */
  readonly endsAt: number;
  /** Ends it then, if nobody uses it. */
  readonly timer: NodeJS.Timeout;
  isInUse: boolean;
  isBroken: boolean;
}

/** Sequelize's connections, to Aurora DSQL: one token each, nothing sent that DSQL refuses, none older than it may be. */
export class DsqlConnectionManager extends PostgresConnectionManager {
  readonly #resolved: ResolvedSequelizeOptions;
  /** By the client, which sequelize-pool keeps: it is forgotten with it, however it ends. */
  readonly #lives = new WeakMap<Client, Life>();
  readonly #pace = new Pace();
  /** The migrations that connections were taken for. */
  readonly #holders = new WeakMap<Client, HeldConnections>();
  /** Made when it is first asked for: the constructor of the host reads the parsers before it ends. */
  declare private madeTextParsers: TextParsers | undefined;

  constructor(dialect: unknown, sequelize: Sequelize, resolved: ResolvedSequelizeOptions) {
    super(dialect, sequelize);
    this.#resolved = resolved;
    // Sequelize waits for it where it does not know the version, and asks only where nobody has asked before.
    this.versionPromise = Promise.resolve();
  }

  /** Called by the constructor of the host. */
  override initPools(): void {
    const { pool } = this.config;
    const { validate } = pool;
    // A validation of the user's replaces Sequelize's own; this one is called as well.
    pool.validate = (client) => this.validate(client) && validate(client);
    super.initPools();
    for (const { pool: each } of poolsOf(this.pool)) {
      oneConnectionPerWaiter(each);
      letProcessEndOnIdle(each);
    }
  }

  /** Opens connections until each pool has so many. */
  async warmUp(connections: number): Promise<void> {
    for (const { pool, type } of poolsOf(this.pool)) {
      const counts = () => ({ max: pool.maxSize, size: pool.size, idle: pool.available });
      const take = async () => {
        const client = await this.getConnection({ ...(type !== undefined && { type }) });
        return () => {
          this.releaseConnection(client);
        };
      };
      await warmUp({ counts, take, pace: this.#pace }, connections);
    }
  }

  override async connect(config: PostgresConnectionManager.EndpointConfig): Promise<Client> {
    const connection = this.#resolved.connectionOf(config);
    const client = await this.#open(connection);
    const options = this.#sessionOptions;
    if (options.databaseVersion === 0) options.databaseVersion = DATABASE_VERSION;
    const lifetimeMs = lifetimeSecs(connection) * 1000;
    const timer = setTimeout(() => {
      if (!life.isInUse) this.#destroy(client);
    }, lifetimeMs).unref();
    const life: Life = { endsAt: systemTimeMs() + lifetimeMs, timer, isInUse: true, isBroken: false };
    this.#lives.set(client, life);
    client.on('error', () => {
      life.isBroken = true;
      this.#destroy(client);
    });
    return client;
  }

  /** The types are built into PostgreSQL and the same everywhere, so they need not be read. */
  override _clearDynamicOIDs(): void {
    super._clearDynamicOIDs();
    this.nameOidMap = builtInTypes;
  }

  /** What reads the values of columns that are text here, and of another type on PostgreSQL. */
  get textParsers(): TextParsers {
    return (this.madeTextParsers ??= new TextParsers((oid) => this.getTypeParser(oid)));
  }

  protected override refreshTypeParser(dataTypes: object): void {
    super.refreshTypeParser(dataTypes);
    this.textParsers.refresh(dataTypes);
  }

  /** Sequelize reads the parsers of its data types anew when it has read the types. */
  override _clearTypeParser(): void {
    super._clearTypeParser();
    this.textParsers.clear();
    this.refreshTypeParser((DataTypes as unknown as { postgres: object }).postgres);
  }

  override async disconnect(client: Client): Promise<void> {
    clearTimeout(this.#lives.get(client)?.timer);
    this.#holders.get(client)?.givenBack(client);
    await super.disconnect(client);
  }

  /** Asked before a connection is used. */
  override validate(client: Client): boolean {
    const life = this.#lives.get(client);
    if (life === undefined || isOver(life) || !super.validate(client)) return false;
    life.isInUse = true;
    if (client instanceof DsqlClient) client.ref();
    return true;
  }

  /** What a migration waits for that holds all others would never come. */
  override async getConnection(options: GetConnection = {}): Promise<Client> {
    const { migration, isOurs } = aroundOf(this.sequelize);
    const take = () => super.getConnection(options);
    if (migration === undefined) return take();
    const { read, write } = this.pool;
    const isRead = options.type === 'SELECT' && options.useMaster !== true;
    const pool = (isRead ? read : write) ?? (this.pool as unknown as EndpointPool);
    const isTransaction = options.uuid !== undefined && !isOurs;
    const { connections } = migration;
    const client = await connections.take({ pool, isTransaction }, take, (late) => {
      this.releaseConnection(late);
    });
    this.#holders.set(client, connections);
    return client;
  }

  override releaseConnection(client: Client): void {
    this.#holders.get(client)?.givenBack(client);
    const life = this.#lives.get(client);
    // What came next would run in a transaction that nobody commits, or behind what has timed out.
    const isFit = client instanceof DsqlClient && client.prepareForReuse();
    if (!isFit || life === undefined || isOver(life)) {
      this.#destroy(client);
      return;
    }
    life.isInUse = false;
    client.unref();
    super.releaseConnection(client);
  }

  get #sessionOptions(): SessionOptions {
    return (this.sequelize as unknown as { options: SessionOptions }).options;
  }

  #destroy(client: Client): void {
    // With replication, a connection that broke before it was pooled belongs to none of the two pools yet.
    if (this.config.replication && (client as { queryType?: string }).queryType === undefined) return;
    void this.pool.destroy(client);
  }

  async #open(connection: ReturnType<ResolvedSequelizeOptions['connectionOf']>): Promise<DsqlClient> {
    const { driverOptions } = this.#resolved;
    const types = {
      getTypeParser: (oid: number, format?: string) => this.getTypeParser(oid, format),
    } as NonNullable<typeof driverOptions.types>;
    try {
      return await openClient(
        { ...driverOptions, types },
        connection,
        timeZoneStatement(this.#sessionOptions),
        this.#pace,
      );
    } catch (error) {
      throw hostError(error);
    }
  }
}

/** The pool of the only endpoint, or those of a replication; and how a connection of each is asked for. */
function poolsOf(
  pool: PostgresConnectionManager.ConnectionPool,
): readonly { readonly pool: EndpointPool; readonly type?: 'SELECT' }[] {
  const { read, write } = pool;
  if (read === undefined || write === undefined) return [{ pool: pool as unknown as EndpointPool }];
  return [{ pool: write }, { pool: read, type: 'SELECT' }];
}

function isOver({ endsAt, isBroken }: Life): boolean {
  return isBroken || systemTimeMs() >= endsAt;
}

/** The class under which Sequelize's users know a failure to connect. */
function hostError(error: unknown): ConnectionError {
  const parent = error as Error & { readonly code?: string };
  const HostError = hostErrors[parent.code ?? ''] ?? ConnectionError;
  return Object.assign(new HostError(parent), { cause: parent });
}
