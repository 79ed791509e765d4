import { channel, type Channel } from 'node:diagnostics_channel';

/** What a message of a {@link transactionChannels} channel says. */
export interface TransactionMessage {
  /** The transaction's `label`, where it has one. */
  readonly label: string | undefined;
  /** 1 for the first. */
  readonly attempt: number;
  /** Since the first attempt began, in milliseconds. */
  readonly elapsedMs: number;
  /** The wait before the next attempt, in milliseconds; with `retry` only. */
  readonly delayMs?: number;
  /** What the attempt ended with; not with `attempt` and `commit`. */
  readonly error?: unknown;
}

/**
 * `node:diagnostics_channel` channels: each message is a {@link TransactionMessage}.
 *
 * - `aurora-dsql-orm:transaction-attempt`: an attempt begins
 * - `aurora-dsql-orm:transaction-commit`: an attempt was committed
 * - `aurora-dsql-orm:transaction-conflict`: an attempt met a conflict
 * - `aurora-dsql-orm:transaction-retry`: the transaction is going to be run again
 * - `aurora-dsql-orm:transaction-give-up`: it is not going to be run again, though it met a conflict
 */
export const transactionChannels: Readonly<
  Record<'attempt' | 'commit' | 'conflict' | 'retry' | 'giveUp', Channel>
> = {
  attempt: channel('aurora-dsql-orm:transaction-attempt'),
  commit: channel('aurora-dsql-orm:transaction-commit'),
  conflict: channel('aurora-dsql-orm:transaction-conflict'),
  retry: channel('aurora-dsql-orm:transaction-retry'),
  giveUp: channel('aurora-dsql-orm:transaction-give-up'),
};
