import { isRetryExhaustedError } from '../errors';
import { retryOnConflict } from '../retry';
import type { RunOptions } from '../transaction-runner';

/** A conflict with a change of the schema, the usual one here, comes once on each connection. */
const MAX_ATTEMPTS = 5;

/**
 * Sends the first statement of a transaction that its caller has begun, and that nobody else can run again. After a
 * conflict nothing of the transaction was done, and its caller has seen nothing of it: it is begun anew with the same
 * statement. A session whose catalogue is older than a change of the schema meets OC001 so, reads included (facts-2026-10).
 *
 * @param send - sends the statement; nothing else of the transaction may be under way meanwhile
 * @param beginAnew - ends the transaction that has failed, and begins another one on the same connection
 * @param options - how transactions are run again that do not say otherwise
 * @throws the conflict, as the host reported it, when the last attempt met one too
 */
export async function sendFirst<T>(
  send: () => Promise<T>,
  beginAnew: () => Promise<unknown>,
  { retry, ...options }: Omit<RunOptions, 'admission'>,
): Promise<T> {
  if (retry === false) return send();
  const maxAttempts = Math.min(options.maxAttempts ?? MAX_ATTEMPTS, MAX_ATTEMPTS);
  try {
    return await retryOnConflict(
      async (attempt) => {
        if (attempt > 1) await beginAnew();
        return send();
      },
      { ...options, maxAttempts },
    );
  } catch (error) {
    throw isRetryExhaustedError(error) ? error.cause : error;
  }
}
