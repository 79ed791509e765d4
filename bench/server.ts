import { fork } from 'node:child_process';
import { once } from 'node:events';
import { startLocalDsql, type LocalDsql } from '../src/local';

/** What reaches the local DSQL of another process, as plain data. */
export type Server = Pick<LocalDsql, 'host' | 'port' | 'hostaddr' | 'ca' | 'credentials' | 'region'>;

/** Set in the environment of the process that is the server. */
const SERVE = 'BENCH_IS_SERVER';

/**
 * Runs a bench against a local DSQL that is another process, as it is for most users.
 *
 * @param file - the bench, which calls this function in both processes
 * @param work - gets the server, and a function that makes each message take longer
 */
export function withServer(
  file: string,
  work: (server: Server, addLatency: (ms: number) => Promise<void>) => Promise<void>,
): void {
  const isServer = process.env[SERVE] !== undefined;
  (isServer ? serve() : measure(file, work)).catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
}

async function measure(file: string, work: Parameters<typeof withServer>[1]): Promise<void> {
  const child = fork(file, [], { execArgv: process.execArgv, env: { ...process.env, [SERVE]: 'yes' } });
  const [server] = (await once(child, 'message')) as [Server];
  try {
    await work(server, async (latencyMs) => {
      child.send({ latencyMs });
      await once(child, 'message');
    });
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
      void local.stop().then(() => {
        process.disconnect();
      });
      return;
    }
    local.faults.clear();
    if (message.latencyMs > 0) local.faults.addLatency(message.latencyMs);
    process.send?.('done');
  });
  process.send?.({ host, port, hostaddr, ca, credentials, region } satisfies Server);
}
