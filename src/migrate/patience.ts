import { elapsedMs, sleep } from '../connection';
import { classifyError, findInChain, isPartlyCommittedError, sqlStateOf, type ErrorKind } from '../occ';
import { StatementDoneError } from './errors';

/** What may be over in a moment, and leaves a migration where the journal says. */
const PASSING: ReadonlySet<ErrorKind> = new Set([
  'data-conflict',
  'schema-conflict',
  'not-committed',
  'not-sent',
  'connection-limit',
  'connection-rate',
  'waking-up',
  'unreachable',
  'unavailable',
  'outcome-unknown',
]);

/** What Node.js and node-postgres call the loss of a connection. */
const LOST_CODES: ReadonlySet<unknown> = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'EPIPE',
  'ETIMEDOUT',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'EAI_AGAIN',
]);
const LOST_MESSAGE = /^(?:Connection terminated|timeout expired|Client has encountered a connection error)/;

/** The longest wait between two attempts, in milliseconds. */
const MAX_DELAY_MS = 2_000;

/** Whether an error may be over in a moment: a conflict, a lost connection or answer, a cluster that sleeps. */
export function isPassing(thrown: unknown): boolean {
  const error = endOf(thrown);
  const { kind } = classifyError(error);
  const sqlState = sqlStateOf(error);
  return (
    PASSING.has(kind) ||
    (sqlState !== undefined && /^(?:08|57P)/.test(sqlState)) ||
    findInChain(error, isLoss) !== undefined
  );
}

/** What ended a transaction of which a part is committed: the journal has that part. */
export function endOf(error: unknown): unknown {
  return findInChain(error, isPartlyCommittedError)?.cause ?? error;
}

function isLoss(error: object): boolean {
  const { code, message, name } = error as { code?: unknown; message?: unknown; name?: unknown };
  return (
    error instanceof StatementDoneError ||
    LOST_CODES.has(code) ||
    (typeof message === 'string' && LOST_MESSAGE.test(message)) ||
    // TypeORM releases a query runner whose connection was lost, and then only says that.
    name === 'QueryRunnerAlreadyReleasedError' ||
    name === 'QueryRunnerProviderAlreadyReleasedError'
  );
}

/** How long something is tried. */
export interface Patience {
  /** How long to go on without getting further, in milliseconds. */
  readonly patienceMs: number;
  /** Counts up when something got further, which starts the patience anew. */
  readonly progress?: (() => number) | undefined;
  /** Whether an attempt that ended so is made again. */
  readonly mayTryAgain?: ((error: unknown) => boolean) | undefined;
  /** Told of the error of an attempt that is made again. */
  readonly onRetry?: ((error: unknown) => void) | undefined;
}

/** Tries something until it succeeds, as long as it fails by what may be over in a moment. */
export async function patiently<T>(
  work: () => Promise<T>,
  { patienceMs, progress = () => 0, mayTryAgain = isPassing, onRetry }: Patience,
): Promise<T> {
  let since = elapsedMs();
  let reached = progress();
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (progress() > reached) {
        reached = progress();
        since = elapsedMs();
        attempt = 1;
      }
      if (!mayTryAgain(error) || elapsedMs() - since >= patienceMs) throw error;
      onRetry?.(error);
      await sleep(Math.random() * Math.min(MAX_DELAY_MS, 20 * 2 ** attempt));
    }
  }
}
