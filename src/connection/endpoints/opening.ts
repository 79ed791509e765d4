import { DsqlClient, type DsqlClientOptions } from '../client';
import { withAdvice } from '../connection-advice';
import { EndpointClient } from './endpoint-client';
import { probeAll } from './probe';
import { isUnreachable } from './unreachable';
import type { ResolvedConnection } from '../options/resolved-connection';
import { elapsedMs } from '../real-time';
import { connectionRefusalDelayMs } from '../refused-connection';

/** What to do about an attempt that has failed. */
export type NextAttempt = { readonly delayMs: number } | { readonly error: Error };

/**
 * The attempts to open one connection. A connection that was refused was never used, so trying again, also elsewhere, can
 * neither lose nor double anything.
 */
export class Opening {
  readonly #connection: ResolvedConnection;
  readonly #startedMs = elapsedMs();
  readonly #timeoutMs: number;
  #refusals = 0;

  /** @param timeoutMs - for all attempts together, and the waits between them */
  constructor(connection: ResolvedConnection, timeoutMs: number) {
    this.#connection = connection;
    this.#timeoutMs = timeoutMs;
  }

  /** What to wait for before the first attempt: where there are several endpoints, which of them is nearest. */
  get preparation(): Promise<void> | undefined {
    const { endpoints } = this.#connection;
    return endpoints === undefined || endpoints.isStarted
      ? undefined
      : endpoints.start(() => probeAll(endpoints));
  }

  /**
   * Another attempt is to be made, unless it is of no use or too late.
   *
   * @param error - what the last one ended with
   */
  after(error: Error): NextAttempt {
    const { endpoints } = this.#connection;
    if (endpoints !== undefined && isUnreachable(error)) {
      const failure = endpoints.failureSince(this.#startedMs);
      return failure === undefined && this.#hasTimeFor(0)
        ? { delayMs: 0 }
        : { error: failure ?? withAdvice(error, this.#connection) };
    }
    this.#refusals++;
    const delayMs = connectionRefusalDelayMs(error, this.#refusals);
    return delayMs !== undefined && this.#hasTimeFor(delayMs)
      ? { delayMs }
      : { error: withAdvice(error, this.#connection) };
  }

  #hasTimeFor(delayMs: number): boolean {
    return elapsedMs() + delayMs < this.#startedMs + this.#timeoutMs;
  }
}

/** A client that has not connected yet; where there are several endpoints, of the one to try next. */
export function clientOf(options: DsqlClientOptions, connection: ResolvedConnection): DsqlClient {
  const { endpoints } = connection;
  return endpoints === undefined
    ? new DsqlClient(options, connection)
    : new EndpointClient(options, endpoints);
}
