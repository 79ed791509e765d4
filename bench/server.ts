import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { DsqlSigner } from '@aws-sdk/dsql-signer';
import type { ClientConfig } from 'pg';
import { startLocalDsql, type LocalDsql } from '../src/local';

/** What reaches the local DSQL of another process, as plain data. */
export type Server = Pick<LocalDsql, 'host' | 'port' | 'hostaddr' | 'ca' | 'credentials' | 'region'>;

/** How the PostgreSQL of the local DSQL is reached directly, as its superuser. */
export type Direct = Required<Pick<ClientConfig, 'host' | 'user' | 'database'>>;

export type Work = (
  server: Server,
  /** Makes each message take longer. */
  addLatency: (ms: number) => Promise<void>,
  direct: Direct,
) => Promise<void>;

/** Set in the environment of the process that is the server. */
const SERVE = 'BENCH_IS_SERVER';

/**
 * Runs a bench against a local DSQL that is another process, as it is for most users.
 *
 * @param file - the bench, which calls this function in both processes
 */
export function withServer(file: string, work: Work): void {
  const isServer = process.env[SERVE] !== undefined;
  (isServer ? serve() : measure(file, work)).catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
}

/** How a client that knows nothing of this package reaches the server: with a token signed by hand. */
export async function login(server: Server) {
  const { host, port, hostaddr, ca, credentials, region } = server;
  const password = await new DsqlSigner({
    hostname: host,
    region,
    credentials,
  }).getDbConnectAdminAuthToken();
  return {
    host: hostaddr,
    port,
    user: 'admin',
    password,
    database: 'postgres',
    ssl: { ca, servername: host },
  };
}

async function measure(file: string, work: Work): Promise<void> {
  const child = fork(file, [], { execArgv: process.execArgv, env: { ...process.env, [SERVE]: 'yes' } });
  const [{ server, direct }] = (await once(child, 'message')) as [{ server: Server; direct: Direct }];
  const addLatency = async (latencyMs: number) => {
    child.send({ latencyMs });
    await once(child, 'message');
  };
  try {
    await work(server, addLatency, direct);
  } finally {
    child.send('stop');
    await once(child, 'exit');
  }
}

async function serve(): Promise<void> {
  const local = await startLocalDsql();
  const { host, port, hostaddr, ca, credentials, region } = local;
  process.on('message', (message: 'stop' | { readonly latencyMs: number }) => {
    if (message === 'stop') {
      process.disconnect();
      return;
    }
    local.faults.clear();
    if (message.latencyMs > 0) local.faults.addLatency(message.latencyMs);
    process.send?.('done');
  });
  // The bench has asked for it, or has crashed.
  process.once('disconnect', () => {
    void local.stop();
  });
  process.send?.({
    server: { host, port, hostaddr, ca, credentials, region } satisfies Server,
    // Its directory holds the certificate, and the socket of PostgreSQL.
    direct: {
      host: path.dirname(local.caFile),
      user: 'dsql_local',
      database: 'postgres',
    } satisfies Direct,
  });
}
