import { Socket } from 'node:net';
import type { SocketConnectOpts } from 'node:net';
import { DsqlSigner } from '@aws-sdk/dsql-signer';
import { Client } from 'pg';
import type { ClientConfig } from 'pg';
import { startLocalDsql } from 'aurora-dsql-orm/local';
import type { LocalDsql, LocalDsqlOptions } from 'aurora-dsql-orm/local';

/** How one test client differs from an ordinary one. */
export interface ClientOptions {
  readonly user?: string;
  readonly database?: string;
  readonly token?: string;
  readonly ssl?: ClientConfig['ssl'];
  readonly sslNegotiation?: 'direct' | 'postgres';
  readonly options?: string;
  readonly config?: ClientConfig;
}

/** Where the parts of a token come from that are not to be the right ones. */
export interface TokenOptions {
  readonly user?: string;
  readonly action?: 'DbConnect' | 'DbConnectAdmin';
  readonly host?: string;
  readonly region?: string;
  readonly expiresIn?: number;
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** Starts a local DSQL for the length of `work`. */
export async function withLocalDsql<T>(
  options: LocalDsqlOptions,
  work: (local: LocalDsql) => Promise<T>,
): Promise<T> {
  const local = await startLocalDsql(options);
  try {
    return await work(local);
  } finally {
    await local.stop();
  }
}

/** Signs a token with the AWS SDK, as a real client does. */
export function signToken(local: LocalDsql, options: TokenOptions = {}): Promise<string> {
  const { user = 'admin', action = user === 'admin' ? 'DbConnectAdmin' : 'DbConnect' } = options;
  const signer = new DsqlSigner({
    hostname: options.host ?? local.host,
    region: options.region ?? local.region,
    credentials: options.credentials ?? local.credentials,
    expiresIn: options.expiresIn ?? 900,
  });
  return action === 'DbConnectAdmin' ? signer.getDbConnectAdminAuthToken() : signer.getDbConnectAuthToken();
}

/** Connects node-postgres: it dials the address while TLS and the token keep the host name, as on a cluster. */
export async function connect(local: LocalDsql, options: ClientOptions = {}): Promise<Client> {
  const { user = 'admin', database = 'postgres', token = await signToken(local, { user }) } = options;
  const config: ClientConfig & { sslnegotiation?: string } = {
    host: local.host,
    port: local.port,
    user,
    database,
    password: token,
    ssl: options.ssl ?? { ca: local.ca },
    stream: () => new RedirectedSocket(local.hostaddr),
    ...(options.options !== undefined && { options: options.options }),
    ...(options.sslNegotiation && { sslnegotiation: options.sslNegotiation }),
    ...options.config,
  };
  const client = new Client(config);
  client.on('error', () => undefined); // a server that stops is no failure of the test
  await client.connect();
  return client;
}

/** Connects for the length of `work`. */
export async function withClient<T>(
  local: LocalDsql,
  work: (client: Client) => Promise<T>,
  options: ClientOptions = {},
): Promise<T> {
  const client = await connect(local, options);
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The SQLSTATE and message of the error that `work` ends with. */
export async function refusal(
  work: Promise<unknown>,
): Promise<{ code: string | undefined; message: string }> {
  try {
    await work;
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    return { code, message };
  }
  throw new Error('it was not refused');
}

/** A socket that dials an address of its own, whatever name it is told. */
export class RedirectedSocket extends Socket {
  readonly #address: string;

  constructor(address: string) {
    super();
    this.#address = address;
  }

  override connect(...args: unknown[]): this {
    const [port] = args;
    if (typeof port === 'number') return super.connect(port, this.#address);
    return super.connect(...(args as [SocketConnectOpts]));
  }
}
