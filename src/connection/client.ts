import type { EventEmitter } from 'node:events';
import { Socket } from 'node:net';
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { Client, type ClientConfig, type DatabaseError, type FieldDef, type Submittable } from 'pg';
import { Description } from './description';
import { connectionChannels, type ConnectionMessage } from './diagnostics';
import { resolveConnection, type ConnectionOptions, type ResolvedConnection } from './options';
import { fakedClockHint } from './refused-connection';
import { transactionalQuery, type TransactionState } from './transaction-query';

/** The options of node-postgres that keep their meaning on Aurora DSQL. */
export type DriverOptions = Pick<
  ClientConfig,
  'types' | 'keepAlive' | 'keepAliveInitialDelayMillis' | 'connectionTimeoutMillis' | 'query_timeout'
>;

/** The options of a {@link DsqlClient}. */
export type DsqlClientOptions = ConnectionOptions & DriverOptions;

/** The names of {@link DriverOptions}. */
export const driverOptionNames = [
  'types',
  'keepAlive',
  'keepAliveInitialDelayMillis',
  'connectionTimeoutMillis',
  'query_timeout',
] as const satisfies readonly (keyof DriverOptions)[];

/** node-postgres reads these; its types do not know the first one yet. */
export interface DialledConfig extends ClientConfig {
  sslnegotiation: 'direct' | 'postgres';
}

/**
 * A node-postgres `Client` of an Aurora DSQL cluster: it presents a freshly signed token, over verified TLS.
 *
 * The token exists between being signed and being sent; no property of the client holds it. BEGIN travels with the first
 * statement of its transaction, a COMMIT that did not commit is an error, and a COMMIT whose answer was lost is one of its
 * own.
 *
 * @throws TransactionRolledBackError from COMMIT when it was answered with ROLLBACK, or found no transaction
 * @throws CommitOutcomeUnknownError from COMMIT when the connection was lost before its answer came
 *
 * @example
 * ```ts
 * const client = new DsqlClient({ host: 'abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws' });
 * await client.connect();
 * ```
 */
export class DsqlClient extends Client {
  readonly #transaction: TransactionState = {
    status: 'I',
    deferredBegin: undefined,
    beginFailure: undefined,
  };

  /**
   * @param options - where and how to connect, or a connection string
   * @param connection - what the options resolved to, where several clients share it
   * @throws ConfigurationError when an option is unknown or cannot be
   */
  constructor(
    options: DsqlClientOptions | string = {},
    connection: ResolvedConnection = resolveConnection(
      typeof options === 'string' ? options : splitOptions(options, driverOptionNames).connection,
    ),
  ) {
    super({
      ...(typeof options === 'string' ? {} : splitOptions(options, driverOptionNames).driver),
      ...clientConfig(connection),
    });
    presentTokenOnce(this, connection);
    const transaction = this.#transaction;
    const { connection: wire } = this as unknown as { connection: EventEmitter };
    explainFakedClock(wire, connection);
    wire.on('readyForQuery', ({ status }: { status: TransactionState['status'] }) => {
      transaction.status = status;
    });
    this.query = transactionalQuery(transaction, super.query.bind(this)) as Client['query'];
    const { host, user } = connection;
    this.once('connect', () => {
      connectionChannels.connectionOpened.publish({ host, user } satisfies ConnectionMessage);
    });
  }

  /**
   * Waits until the server has said how it left the session after an error that it reported: that comes after the error,
   * and until then {@link isInTransaction} is how things were before.
   */
  settled(): Promise<void> {
    const { connection, readyForQuery } = this as unknown as {
      readonly connection: EventEmitter & { readonly stream: { readonly destroyed: boolean } };
      readonly readyForQuery: boolean;
    };
    if (readyForQuery || connection.stream.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      const settle = () => {
        connection.off('readyForQuery', settle).off('end', settle);
        resolve();
      };
      connection.once('readyForQuery', settle).once('end', settle);
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

  /** Whether the last statement that was answered has left a transaction open. */
  get isInTransaction(): boolean {
    return this.#transaction.status !== 'I';
  }
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

/** A resolved connection in node-postgres' own terms, but for the token. */
export function clientConfig(connection: ResolvedConnection): DialledConfig {
  const { host, port, user, database, hostaddr, schema, applicationName, sslNegotiation } = connection;
  return {
    host,
    port,
    user,
    database,
    application_name: applicationName,
    sslnegotiation: sslNegotiation,
    // Named although it is the default: NODE_TLS_REJECT_UNAUTHORIZED must not switch verification off.
    ssl: { rejectUnauthorized: true, secureContext: trust(connection) },
    ...(schema !== undefined && { options: `-c search_path=${startUpValue(quoteIdentifier(schema))}` }),
    ...(hostaddr !== undefined && { stream: () => socketTo(hostaddr) }),
  };
}

const secureContexts = new WeakMap<ResolvedConnection, SecureContext>();

/** The trust roots are parsed once for all connections: there are about 150 of them. */
function trust(connection: ResolvedConnection): SecureContext {
  let context = secureContexts.get(connection);
  if (context === undefined) {
    context = createSecureContext(
      connection.ca.length === 0 ? {} : { ca: [...rootCertificates, ...connection.ca] },
    );
    secureContexts.set(connection, context);
  }
  return context;
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
function presentTokenOnce(client: Client, { signToken }: ResolvedConnection): void {
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

/** Adds to the error of a refused token what a faked clock has to do with it, before node-postgres reports it. */
function explainFakedClock(wire: EventEmitter, { tokenDurationSecs }: ResolvedConnection): void {
  const explain = (error: DatabaseError) => {
    const hint = fakedClockHint(error.message, tokenDurationSecs);
    if (hint !== undefined) Object.assign(error, { message: `${error.message}. ${hint}`, hint });
  };
  wire.on('errorMessage', explain);
  wire.once('readyForQuery', () => wire.off('errorMessage', explain));
}

function quoteIdentifier(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/** In the start-up parameter `options` a blank separates arguments and a backslash takes the next character as it is. */
function startUpValue(value: string): string {
  return value.replace(/[\\\s]/g, (character) => `\\${character}`);
}
