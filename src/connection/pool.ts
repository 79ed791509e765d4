import { Pool, type PoolClient, type PoolConfig, type QueryResult } from 'pg';
import { driverOptionNames, DsqlClient, splitOptions, type DriverOptions } from './client';
import { clientOf, Opening } from './endpoints/opening';
import { lifetimeSecs } from './lifetime';
import type { ConnectionOptions } from './options/connection-options';
import { numberThat, wholeNumber } from './options/option-kinds';
import { resolveGiven, type OptionDescriptor } from './options/option-table';
import { resolveConnection, type ResolvedConnection } from './options/resolved-connection';
import { elapsedMs, sleep } from './real-time';
import { connectionRefusalDelayMs, refusalIn } from './refused-connection';
import { isSubmittable } from './transactions/submittables';
import { Pace, warmUp } from './warm-up';

const ownOptionNames = [
  'max',
  'min',
  'idleTimeoutMillis',
  'allowExitOnIdle',
  'maxUses',
  'onConnect',
  'log',
] as const satisfies readonly (keyof PoolConfig)[];

const atLeastNothing = (meaning: string) => ({
  kind: numberThat((ms) => ms >= 0, 'a number of 0 or more'),
  meaning,
});

/** node-postgres takes a number that cannot be for its default, or for no limit. */
const numbers = {
  max: { kind: wholeNumber(1, Infinity), meaning: 'connections at most' },
  min: { kind: wholeNumber(0, Infinity), meaning: 'connections at least' },
  maxUses: {
    kind: numberThat((uses) => uses >= 1, 'a number of 1 or more'),
    meaning: 'uses of a connection',
  },
  idleTimeoutMillis: atLeastNothing('the life of an unused connection'),
  connectionTimeoutMillis: atLeastNothing('the time to connect'),
  query_timeout: atLeastNothing('the time for a statement'),
  keepAliveInitialDelayMillis: atLeastNothing('the time to the first probe'),
} as const satisfies Partial<Record<keyof PoolConfig, OptionDescriptor>>;

/** The options of node-postgres' pool that keep their meaning on Aurora DSQL. */
export type PoolOptions = Pick<PoolConfig, (typeof ownOptionNames)[number]>;

/** The names of {@link PoolOptions} and {@link DriverOptions}. */
export const poolOptionNames = [...ownOptionNames, ...driverOptionNames] as const;

/** The options of a {@link DsqlPool}. */
export type DsqlPoolOptions = ConnectionOptions & DriverOptions & PoolOptions;

type QueryCallback = (error: Error | undefined, result?: QueryResult) => void;

type ConnectCallback = (
  error: Error | undefined,
  client: PoolClient | undefined,
  release: (release?: unknown) => void,
) => void;

/**
 * A node-postgres `Pool` of {@link DsqlClient}s: one token for each physical connection, none at check-out.
 *
 * A connection that is given back with its transaction open, or after a time-out, is destroyed. What `query` reports is
 * what the client has found out: a write whose answer was lost is a CommitOutcomeUnknownError.
 *
 * At most 10 connections, 600 s idle, 30 s to connect; connections that nobody uses do not keep the process alive
 * (`allowExitOnIdle`). Each lives for `maxLifetimeSecs` less a random 0 to 10 %. A
 * connection that the cluster refuses with 53300 (too many), with 53400 (too fast) or because it is waking up is tried
 * again, with growing random delays, within the time to connect. With `endpoints`, one that cannot be reached is passed over
 * in favour of the next one within the same time; where none can be reached, `connect` and `query` throw an
 * EndpointsUnreachableError.
 */
export class DsqlPool extends Pool {
  readonly #connectTimeoutMs: number;
  readonly #connection: ResolvedConnection;
  readonly #pace = new Pace();

  /**
   * @param options - where and how to connect, or a connection string
   * @param connection - what the options resolved to, where several pools share it
   * @throws ConfigurationError when an option is unknown or cannot be
   */
  constructor(
    options: DsqlPoolOptions | string = {},
    connection: ResolvedConnection = resolveConnection(
      typeof options === 'string' ? options : splitOptions(options, poolOptionNames).connection,
    ),
  ) {
    const driver = typeof options === 'string' ? {} : splitOptions(options, poolOptionNames).driver;
    resolveGiven(numbers, driver);
    const connectTimeoutMs = driver.connectionTimeoutMillis ?? 30_000;
    super({
      idleTimeoutMillis: 600_000,
      // So long they would keep a program alive that has forgotten to end its pool.
      allowExitOnIdle: true,
      ...driver,
      connectionTimeoutMillis: connectTimeoutMs,
      // The pool passes its own options on, from which the client takes those that are a client's.
      Client: clientClass(connection),
    });
    this.#connection = connection;
    this.#connectTimeoutMs = connectTimeoutMs;
    this.query = this.#query.bind(this) as Pool['query'];
    // Before the pool looks whether the connection has ended.
    this.on('release', (_, client) => {
      if (client instanceof DsqlClient) client.prepareForReuse();
    });
    // The pool reads this once for every connection that it has opened.
    Object.defineProperty(this.options, 'maxLifetimeSeconds', {
      enumerable: true,
      get: () => lifetimeSecs(connection),
    });
  }

  /** node-postgres' own reports a lost connection before the client can say what it means, and drops the connection after every error. */
  #query(config: unknown, values?: unknown, callback?: unknown): unknown {
    if (isSubmittable(config) || typeof config === 'function') {
      return (Pool.prototype.query as (...call: unknown[]) => unknown).call(this, config, values, callback);
    }
    const done = [values, callback].find((each) => typeof each === 'function') as QueryCallback | undefined;
    const running = this.#queryAwake(config, typeof values === 'function' ? undefined : values);
    if (done === undefined) return running;
    const tell = (...outcome: Parameters<QueryCallback>) => {
      // What it throws is not a failure of the query.
      process.nextTick(done, ...outcome);
    };
    running.then(
      (result) => {
        tell(undefined, result);
      },
      (error: unknown) => {
        tell(error as Error);
      },
    );
    return undefined;
  }

  /** The first query on a connection may be the one that a sleeping cluster refuses. */
  async #queryAwake(config: unknown, values: unknown): Promise<QueryResult> {
    const deadline = elapsedMs() + this.#connectTimeoutMs;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#queryOnce(config, values);
      } catch (error) {
        const delayMs = refusalIn(error) === 'asleep' ? connectionRefusalDelayMs(error, attempt) : undefined;
        if (delayMs === undefined || elapsedMs() + delayMs >= deadline) throw error;
        await sleep(delayMs);
      }
    }
  }

  /** The query says what is wrong with the connection. */
  async #queryOnce(config: unknown, values: unknown): Promise<QueryResult> {
    const { client, giveBack } = await this.#take();
    try {
      return await client.query(config as string, values as unknown[]);
    } finally {
      giveBack();
    }
  }

  /** Takes a connection; what is wrong with it meanwhile is nobody's to hear. */
  async #take(): Promise<{ readonly client: PoolClient; readonly giveBack: () => void }> {
    const client = await this.connect();
    const ignore = () => undefined;
    client.on('error', ignore);
    const giveBack = () => {
      client.off('error', ignore);
      client.release();
    };
    return { client, giveBack };
  }

  override connect(): Promise<PoolClient>;
  override connect(callback: ConnectCallback): void;
  override connect(callback?: ConnectCallback): Promise<PoolClient> | undefined {
    if (callback === undefined) {
      return new Promise((resolve, reject) => {
        this.connect((error, client) => {
          if (client === undefined) reject(error ?? new Error('The pool gave no connection.'));
          else resolve(client);
        });
      });
    }
    const opening = new Opening(this.#connection, this.#connectTimeoutMs);
    const attempt = (): void => {
      super.connect((error, client, release) => {
        const next = error && opening.after(error);
        if (next === undefined || 'error' in next) callback(next?.error, client, release);
        else
          void sleep(next.delayMs)
            .then(() => this.#pace.turn())
            .then(attempt);
      });
    };
    const { preparation } = opening;
    if (preparation === undefined) attempt();
    else void preparation.then(attempt);
    return undefined;
  }

  /**
   * Opens connections until the pool has so many, before they are needed: no more than 100 begin in a second, which is what a
   * cluster takes (AWS user guide, "Quotas and limits", 2026-09-15). One that is refused for the moment is tried again, in
   * its turn and within the time to connect. Unless they are used, they end after `idleTimeoutMillis`.
   *
   * @param connections - from 1 to `max` of the pool
   * @returns when they are open
   * @throws ConfigurationError for any other number, before anything is opened
   * @throws the first error of those that could not be opened; what was opened stays open
   *
   * @example
   * ```ts
   * const pool = new DsqlPool({ max: 50 });
   * await pool.warmUp(20);
   * ```
   */
  warmUp(connections: number): Promise<void> {
    const take = async () => {
      // One that breaks meanwhile is dropped when it is given back.
      const { giveBack } = await this.#take();
      return giveBack;
    };
    const counts = () => ({ max: this.options.max, size: this.totalCount, idle: this.idleCount });
    return warmUp({ counts, take, pace: this.#pace }, connections);
  }
}

/** What the pool makes its clients of: it calls it with `new`. */
function clientClass(connection: ResolvedConnection): new (options?: DsqlPoolOptions) => DsqlClient {
  const make = function (options: DsqlPoolOptions = {}) {
    return clientOf(options, connection);
  };
  return make as unknown as new (options?: DsqlPoolOptions) => DsqlClient;
}
