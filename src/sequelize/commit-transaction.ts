import { QueryTypes } from 'sequelize';
import type { QueryResult } from 'pg';
import type { Transaction } from 'sequelize/lib/transaction';
import {
  AfterCommitError,
  CommitOutcomeUnknownError,
  isCommitOutcomeUnknownError,
  isTransactionRolledBackError,
  TransactionRolledBackError,
} from '../connection';
import { findInChain, sqlStateOf, type TransactionOutcome } from '../occ';

/** How far a COMMIT has come. Query hooks run before and after, and may fail there. */
export interface CommitProgress {
  state: 'unsent' | 'sent' | 'done';
}

const outcomes = { commit: 'committed', rollback: 'rolled back', unknown: 'unknown' } as const;

/** How a transaction has ended, as far as is known. */
export function outcomeOf({ finished }: Transaction): TransactionOutcome {
  return finished && outcomes[finished];
}

/** Reports of the server after which it is not known whether a COMMIT was done: the session or the server is gone. */
const UNDECIDED = /^(?:XX|08|57P|40003)/;

/**
 * Sends COMMIT once, and leaves a transaction and its connection in the state that they are really in: the stock method
 * calls a transaction committed whose COMMIT failed, and throws every such connection away.
 *
 * @param transaction - one of the host's or of this package
 * @param progress - kept up by {@link DsqlQuery}; where the host's own query is in use, a COMMIT counts as sent at once
 * @returns what a query hook threw after the COMMIT, if one did
 * @throws CommitOutcomeUnknownError when the answer was lost
 * @throws TransactionRolledBackError when the answer was ROLLBACK
 */
export async function commitTransaction(
  transaction: Transaction,
  progress: CommitProgress,
): Promise<{ readonly thrown: unknown } | undefined> {
  if (transaction.finished !== undefined) {
    throw new Error(
      `Transaction cannot be committed because it has been finished with state: ${transaction.finished}`,
    );
  }
  transaction.finished = 'commit';
  let result: QueryResult | undefined;
  try {
    const options = {
      ...transaction.options,
      type: QueryTypes.RAW,
      raw: true,
      transaction,
      supportsSearchPath: false,
      completesTransaction: true,
      // A second COMMIT would find no transaction, and succeed.
      retry: { max: 1 },
      commitProgress: progress,
    };
    [, result] = (await transaction.sequelize.query('COMMIT;', options)) as [unknown, QueryResult];
  } catch (error) {
    return await afterFailure(transaction, progress, error);
  }
  transaction.cleanup();
  if (result.command === 'ROLLBACK') {
    transaction.finished = 'rollback';
    throw new TransactionRolledBackError('aborted');
  }
  return undefined;
}

async function afterFailure(
  transaction: Transaction,
  { state }: CommitProgress,
  error: unknown,
): Promise<{ readonly thrown: unknown }> {
  if (state === 'done') {
    transaction.cleanup();
    return { thrown: error };
  }
  transaction.finished = 'rollback';
  if (state === 'unsent') {
    await endConnection(transaction);
    throw error;
  }
  const rolledBack = findInChain(error, isTransactionRolledBackError);
  const sqlState = sqlStateOf(error);
  if (rolledBack !== undefined || (sqlState !== undefined && !UNDECIDED.test(sqlState))) {
    // The server is idle again, so the connection is good.
    transaction.cleanup();
    throw rolledBack ?? error;
  }
  transaction.finished = 'unknown';
  await endConnection(transaction);
  throw findInChain(error, isCommitOutcomeUnknownError) ?? new CommitOutcomeUnknownError({ cause: error });
}

/** Whatever goes wrong here is not the error to report. */
export async function endConnection(transaction: Transaction): Promise<void> {
  await transaction.forceCleanup().catch(() => undefined);
}

/**
 * Runs the `afterCommit` hooks of a transaction that was committed.
 *
 * @param late - what a query hook threw after the COMMIT
 * @throws AfterCommitError when one of them fails, or `late` did
 */
export async function runAfterCommitHooks(
  transaction: Transaction,
  late: { readonly thrown: unknown } | undefined,
): Promise<void> {
  try {
    for (const hook of transaction._afterCommitHooks) await hook.call(transaction, transaction);
    if (late !== undefined) throw late.thrown;
  } catch (cause) {
    throw new AfterCommitError({ cause });
  }
}
