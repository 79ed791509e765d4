import type { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import { Client, type ClientConfig, type FieldDef, type Submittable } from 'pg';
import { Description } from './description';
import { connectionChannels, type ConnectionMessage } from './diagnostics';
import type { ConnectionOptions } from './options/connection-options';
import { ConfigurationError } from './errors';
import { resolveConnection, type ResolvedEndpoint } from './options/resolved-connection';
import type { WireConnection } from './transactions/outbox';
import { Session, type ReportedStatus } from './transactions/session';
import { isServersOwn } from './transactions/local-answers';
import { transactionalQuery } from './transactions/query-method';

/** The names of the options of node-postgres' client that keep their meaning on Aurora DSQL. */
export const driverOptionNames = [
  'types',
  'keepAlive',
  'keepAliveInitialDelayMillis',
  'connectionTimeoutMillis',
  'query_timeout',
] as const satisfies readonly (keyof ClientConfig)[];

/** The options of node-postgres' client that keep their meaning on Aurora DSQL. */
export type DriverOptions = Pick<ClientConfig, (typeof driverOptionNames)[number]>;

/** The options of a {@link DsqlClient}. */
export type DsqlClientOptions = ConnectionOptions & DriverOptions;

/** node-postgres reads these; its types do not know the first one yet. */
export interface DialledConfig extends ClientConfig {
  sslnegotiation: 'direct' | 'postgres';
}

/**
 * A node-postgres `Client` of an Aurora DSQL cluster: it presents a freshly signed token, over verified TLS.
 *
 * The token exists between being signed and being sent; no property of the client holds it. BEGIN travels with the first
 * statement of its transaction, a COMMIT that did not commit is an error, and a COMMIT whose answer was lost is another
 * one. When a query times out (`query_timeout`) the connection is destroyed: what the server makes of the statement is not
 * known any more, and the next statement must not get into the middle of it.
 *
 * @throws TransactionRolledBackError from COMMIT when it was answered with ROLLBACK, or found no transaction
 * @throws CommitOutcomeUnknownError from COMMIT, and from a write outside a transaction, whose answer did not come
 * @throws NotSentError when the connection had ended before the statement was written
 * @throws MessageTooLargeError for a statement of more than 10 MiB, before anything of it is sent
 * @throws TooManyParametersError for a statement of more than 65,535 parameters, before anything of it is sent
 *
 * @example
 * ```ts
 * const client = new DsqlClient({ host: 'abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws' });
 * await client.connect();
 * ```
 */
export class DsqlClient extends Client {
  readonly #session: Session;
  #keepsProcess = true;

  /**
   * @param options - where and how to connect, or a connection string
   * @param connection - what the options resolved to, where several clients share it
   * @throws ConfigurationError when an option is unknown or cannot be
   */
  constructor(
    options: DsqlClientOptions | string = {},
    connection: ResolvedEndpoint = resolveOne(
      typeof options === 'string' ? options : splitOptions(options, driverOptionNames).connection,
    ),
  ) {
    const { query_timeout: queryTimeoutMs, ...driver }: DriverOptions =
      typeof options === 'string' ? {} : splitOptions(options, driverOptionNames).driver;
    super({ ...driver, ...clientConfig(connection) });
    presentTokenOnce(this, connection);
    const { connection: wire } = this as unknown as { connection: WireConnection & EventEmitter };
    let isConnected = false;
    const session = new Session(() => {
      // First `end`: node-postgres then takes the loss for wanted, and reports it to the queries alone. Before it has
      // connected it would then not report it at all.
      if (isConnected) this.end().catch(() => undefined);
      wire.stream.destroy();
    });
    this.#session = session;
    // These come before node-postgres' own listeners, which it adds when it connects.
    wire.on('readyForQuery', (ready: { readonly status: ReportedStatus }) => {
      if (isServersOwn(ready)) session.serverIsReady(ready.status);
    });
    for (const event of ['error', 'end']) {
      wire.on(event, () => {
        session.connectionHasEnded();
      });
    }
    // The time-outs of queries are kept here and not by node-postgres, which would go on using the connection.
    const queryTimeout = positive(queryTimeoutMs);
    this.query = transactionalQuery(
      { session, wire, queryTimeoutMs: queryTimeout },
      super.query.bind(this),
    ) as Client['query'];
    const { host, user } = connection;
    this.once('connect', () => {
      isConnected = true;
      connectionChannels.connectionOpened.publish({ host, user } satisfies ConnectionMessage);
    });
  }

  /**
   * Asks for the columns that a statement would give: their names, types and where they come from. It is not run.
   *
   * @param text - one statement, with parameters or without
   * @throws what the server reports of a statement that it does not take
   */
  describe(text: string): Promise<readonly FieldDef[]> {
    return new Promise((resolve, reject) => {
      const description = new Description(text, (error, fields) => {
        if (error) reject(error);
        else resolve(fields);
      });
      this.query(description as unknown as Submittable);
    });
  }

  /**
   * Whether a transaction was begun on this connection, and its caller has not ended it as far as is known. On a connection
   * that was lost in a transaction it stays so: what belongs to that must not be sent anywhere else.
   */
  get isInTransaction(): boolean {
    return this.#session.isInTransaction;
  }

  /** Whether BEGIN was answered and not sent yet: the server knows nothing of the transaction. */
  get hasUnsentBegin(): boolean {
    return this.#session.phase === 'begun';
  }

  /**
   * Rolls back the transaction that has failed, and begins it as it was begun before. No logger or hook of an ORM is called: if
   * one failed between the two, what comes behind it would be committed by itself.
   *
   * @throws what ROLLBACK has failed with; then nothing was begun
   */
  async beginAnew(): Promise<void> {
    const { unsentBegin } = this.#session;
    await this.query('ROLLBACK');
    await this.query(unsentBegin);
  }

  /** Whether the answer to a query is to come. */
  get isBusy(): boolean {
    const { readyForQuery } = this as unknown as { readonly readyForQuery?: boolean | null };
    return this.#session.isAwaiting || readyForQuery !== true;
  }

  /** Whether no transaction is open and no query, nor a cursor, waits for its answer. */
  get isQuiet(): boolean {
    const { readyForQuery } = this as unknown as { readonly readyForQuery?: boolean | null };
    return this.#session.isQuiet && readyForQuery === true;
  }

  /** Lets this connection keep the process alive, as it does from the beginning: a pool calls this when somebody takes it. */
  ref(): void {
    this.#keepsProcess = true;
    hostOf(this).ref.call(this);
  }

  /**
   * Lets the process end in spite of this connection: a pool calls this when nobody uses it any longer. While an answer is to
   * come it keeps the process, which would otherwise end without knowing what became of a write.
   */
  unref(): void {
    this.#keepsProcess = false;
    if (this.isQuiet) hostOf(this).unref.call(this);
    else {
      this.once('drain', () => {
        if (!this.#keepsProcess) this.unref();
      });
    }
  }

  /** As node-postgres', and the process does not end before it: what comes behind it in a program would never be done. */
  override end(): Promise<void>;
  override end(callback: (error: Error) => void): void;
  override end(callback?: (error: Error) => void): Promise<void> | undefined {
    this.ref();
    if (callback === undefined) return super.end();
    super.end(callback);
    return undefined;
  }

  /**
   * Makes the connection fit for its next user, or destroys it: one on which a transaction is open, or of which it is not
   * known what the server is doing, must not be used again.
   *
   * @returns whether it can be used again
   */
  prepareForReuse(): boolean {
    if (this.#session.endUse()) return true;
    this.#session.break();
    return false;
  }
}

/** What node-postgres' client has for pools, and its types do not tell. */
const hostOf = (client: DsqlClient) =>
  Object.getPrototypeOf(DsqlClient.prototype) as Record<'ref' | 'unref', (this: typeof client) => void>;

function resolveOne(options: ConnectionOptions | string): ResolvedEndpoint {
  const connection = resolveConnection(options);
  if (connection.endpoints !== undefined) {
    throw new ConfigurationError(
      'endpoints',
      'cannot be used with DsqlClient: it is one connection, and remembers nothing of others. Use DsqlPool, or set `host`.',
    );
  }
  return connection;
}

/**
 * Parts options of node-postgres from those of the connection, so that an unknown name is left among the latter and
 * refused there.
 */
export function splitOptions<Name extends string, Options extends object>(
  options: Options,
  names: readonly Name[],
): { driver: Pick<Options, Name & keyof Options>; connection: Omit<Options, Name> } {
  const isDriver = ([name]: [string, unknown]) => (names as readonly string[]).includes(name);
  const entries = Object.entries(options);
  return {
    driver: Object.fromEntries(entries.filter(isDriver)) as Pick<Options, Name & keyof Options>,
    connection: Object.fromEntries(entries.filter((entry) => !isDriver(entry))) as Omit<Options, Name>,
  };
}

/** node-postgres takes 0 for no limit. */
function positive(milliseconds: number | undefined): number | undefined {
  return milliseconds !== undefined && milliseconds > 0 ? milliseconds : undefined;
}

/** A resolved connection in node-postgres' own terms, but for the token. */
export function clientConfig(connection: ResolvedEndpoint): DialledConfig {
  const { host, port, user, database, hostaddr, schema, applicationName, sslNegotiation } = connection;
  return {
    host,
    port,
    user,
    database,
    application_name: applicationName,
    sslnegotiation: sslNegotiation,
    // Named although it is the default: NODE_TLS_REJECT_UNAUTHORIZED must not switch verification off.
    ssl: { rejectUnauthorized: true, secureContext: connection.secureContext() },
    ...(schema !== undefined && { options: `-c search_path=${startUpValue(quoteIdentifier(schema))}` }),
    ...(hostaddr !== undefined && { stream: () => socketTo(hostaddr) }),
  };
}

/** A socket that dials one address whatever name it is given, so that node-postgres goes on knowing the cluster by its name. */
function socketTo(address: string): Socket {
  const socket = new Socket();
  const connect = socket.connect.bind(socket);
  socket.connect = ((port: number) => connect(port, address)) as Socket['connect'];
  return socket;
}

/**
 * node-postgres asks `password()` for the token, stores the answer in `password`, reads it back at once and sends it.
 * The answer is kept for that one reading only.
 */
function presentTokenOnce(client: Client, { signToken }: ResolvedEndpoint): void {
  let token: unknown;
  Object.defineProperty(client, 'password', {
    configurable: true,
    enumerable: false,
    get() {
      const presented = token ?? signToken;
      token = undefined;
      return presented;
    },
    set(signed: unknown) {
      token = signed;
    },
  });
  const { connectionParameters } = client as unknown as { connectionParameters: object };
  Object.defineProperty(connectionParameters, 'password', {
    configurable: true,
    enumerable: false,
    get: () => undefined,
    set: () => undefined,
  });
}

function quoteIdentifier(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/** In the start-up parameter `options` a blank separates arguments and a backslash takes the next character as it is. */
function startUpValue(value: string): string {
  return value.replace(/[\\\s]/g, (character) => `\\${character}`);
}
