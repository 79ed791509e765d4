import { Client } from 'pg';
import { clientConfig } from '../client';
import type { ResolvedEndpoint } from '../options/resolved-connection';
import { watchAnswer } from './answer-time';
import type { EndpointAttempt, EndpointRanking } from './endpoint-ranking';
import { isUnreachable } from './unreachable';

/** A probe that is under way. */
interface Probe {
  /** Whether the endpoint has answered. It is never rejected. */
  readonly hasAnswered: Promise<boolean>;
  /** Lets the process end before the probe has. */
  unref(): void;
}

/** Asks every endpoint at once whether it answers, and waits for the first that does, or for all that do not. */
export async function probeAll(ranking: EndpointRanking<ResolvedEndpoint>): Promise<void> {
  const probes = ranking.probeAll().map(probe);
  const first = probes.map(async ({ hasAnswered }) => {
    if (!(await hasAnswered)) throw new Error('The endpoint has not answered.');
  });
  await Promise.any(first).catch(() => undefined);
  for (const each of probes) each.unref();
}

/** Asks the endpoints of which more should be known, beside what the callers are doing. */
export function probeDue(ranking: EndpointRanking<ResolvedEndpoint>): void {
  for (const attempt of ranking.probesDue()) probe(attempt).unref();
}

/**
 * Asks an endpoint whether it answers, and how long that takes: as a client does, up to the server's request for a token.
 * None is signed, and the connection is closed.
 */
function probe(attempt: EndpointAttempt<ResolvedEndpoint>): Probe {
  const client = new Client({
    ...clientConfig(attempt.connection),
    password: () => new Promise<string>(() => undefined),
  });
  const { connection } = client as unknown as {
    readonly connection: { readonly stream: { destroy(): void } };
  };
  const hasAnswered = new Promise<boolean>((resolve) => {
    let isOver = false;
    const stop = watchAnswer(client, attempt.answerTimeoutMs, (tookMs) => {
      isOver = true;
      attempt.answered(tookMs);
      resolve(true);
      connection.stream.destroy();
    });
    const end = (error: Error | undefined) => {
      stop();
      if (isOver) return;
      isOver = true;
      if (isUnreachable(error)) attempt.failed(error);
      // It is there, and why it does not want this one a connection will report.
      else attempt.answered();
      resolve(!isUnreachable(error));
    };
    client.on('error', end);
    client.connect(end);
  });
  return {
    hasAnswered,
    unref: () => {
      (client as unknown as { unref(): void }).unref();
    },
  };
}
