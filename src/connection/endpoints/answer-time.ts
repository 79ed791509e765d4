import type { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import type { Client } from 'pg';
import { elapsedMs, sleep } from '../real-time';

/** What is read of a client of node-postgres: where it is told what the server says. */
interface Dialled {
  readonly host: string;
  readonly port: number;
  readonly connection: EventEmitter & { readonly stream: Duplex };
}

/**
 * Watches a client that is about to connect, until the server asks it for its token. What is measured is TLS and the start-up
 * packet, two round trips: the name is resolved before, and the token is signed after.
 *
 * @param timeoutMs - when that takes longer, from now on, the connection is destroyed, and fails with ETIMEDOUT
 * @param onAnswer - told how many milliseconds it took
 * @returns stops watching
 */
export function watchAnswer(
  client: Client,
  timeoutMs: number,
  onAnswer: (tookMs: number) => void,
): () => void {
  const { host, port, connection } = client as unknown as Dialled;
  const over = new AbortController();
  const stop = () => {
    over.abort();
  };
  let startedMs = elapsedMs();
  connection.stream.once('connect', () => {
    startedMs = elapsedMs();
  });
  connection.once('authenticationCleartextPassword', () => {
    stop();
    onAnswer(elapsedMs() - startedMs);
  });
  sleep(timeoutMs, undefined, { ref: false, signal: over.signal }).then(
    () => {
      const late = new Error(`${host}:${port} did not answer within ${timeoutMs} ms`);
      connection.stream.destroy(Object.assign(late, { code: 'ETIMEDOUT' }));
    },
    () => undefined,
  );
  return stop;
}
