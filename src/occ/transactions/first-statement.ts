import { AsyncLocalStorage } from 'node:async_hooks';
import type { DsqlClient } from '../../connection';
import { summarizeText } from '../../sql';
import { isOccConflict } from '../conflict';
import { isRetryExhaustedError } from '../errors';
import { resolveRetryOptions, retry } from '../retry';
import type { RunOptions } from '../transaction-runner';

/** A conflict with a change of the schema, the usual one here, comes once on each connection. */
const MAX_ATTEMPTS = 5;

/** What a hook of a first statement asks for belongs to that, and must not wait for it. */
const within = new AsyncLocalStorage<readonly FirstStatementSender[]>();

/** Sends the first statement of transactions that their caller has begun, and that nobody else can run again. */
export class FirstStatementSender {
  #sending: Promise<unknown> | undefined;

  /** Whether a first statement is on its way, which no other one may overtake. */
  get isUnderWay(): boolean {
    return this.#sending !== undefined && !this.#isWithin;
  }

  /** Waits for the first statement that is on its way; behind it, another one may have become the first. */
  async whenAnswered(): Promise<void> {
    if (this.isUnderWay) await this.#sending?.catch(() => undefined);
  }

  /**
   * Sends a statement. After a conflict nothing of the transaction was done, and its caller has seen nothing of it: it is
   * begun anew with the same statement. A session whose catalogue is older than a change of the schema meets OC001 so, reads
   * included (facts-2026-10). A text of several statements is sent once: one of them may have ended the transaction.
   *
   * @param text - of the statement
   * @param send - sends it once
   * @param clientNow - the connection of the transaction, while it has one and was not ended
   * @param options - how transactions are run again that do not say otherwise
   * @throws the conflict, as the host reported it, when the last attempt met one too, or the connection was lost after it
   */
  send<T>(
    text: string,
    send: () => Promise<T>,
    clientNow: () => DsqlClient | undefined,
    options: RunOptions,
  ): Promise<T> {
    const isOnce = options.retry === false || this.#isWithin || summarizeText(text).statements > 1;
    if (isOnce) return send();
    const senders = [...(within.getStore() ?? []), this];
    const sending = within.run(senders, sendAgain, send, clientNow, options).finally(() => {
      this.#sending = undefined;
    });
    this.#sending = sending;
    return sending;
  }

  get #isWithin(): boolean {
    return within.getStore()?.includes(this) === true;
  }
}

async function sendAgain<T>(
  send: () => Promise<T>,
  clientNow: () => DsqlClient | undefined,
  options: RunOptions,
): Promise<T> {
  const client = clientNow();
  let conflict: unknown;
  let isOver = false;
  const attempt = async (): Promise<T> => {
    if (conflict !== undefined) {
      isOver = clientNow() !== client || !(await hasBegunAnew(client));
      if (isOver) throw conflict as Error;
    }
    try {
      return await send();
    } catch (error) {
      conflict = error;
      throw error;
    }
  };
  const maxAttempts = Math.min(options.maxAttempts ?? MAX_ATTEMPTS, MAX_ATTEMPTS);
  const isRetryable = (error: unknown) => !isOver && isOccConflict(error);
  try {
    // What was sent is neither a whole transaction nor committed.
    return await retry(attempt, resolveRetryOptions({ ...options, maxAttempts }), isRetryable, {
      untold: ['attempt', 'commit'],
    });
  } catch (error) {
    throw isRetryExhaustedError(error) ? error.cause : error;
  }
}

async function hasBegunAnew(client: DsqlClient | undefined): Promise<boolean> {
  try {
    await client?.beginAnew();
    return client !== undefined;
  } catch {
    return false;
  }
}
