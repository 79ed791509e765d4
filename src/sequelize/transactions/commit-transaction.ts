import { QueryTypes } from 'sequelize';
import type { QueryResult } from 'pg';
import type { Transaction } from 'sequelize/lib/transaction';
import {
  AfterCommitError,
  CommitOutcomeUnknownError,
  DsqlClient,
  isCommitOutcomeUnknownError,
  isDsqlError,
  isServerError,
  TransactionRolledBackError,
} from '../../connection';
import { findInChain, type TransactionOutcome } from '../../occ';
import { summarizeText } from '../../sql';

/** How far a COMMIT has come. Query hooks run before and after, and may fail there. */
export interface CommitProgress {
  state: 'unsent' | 'sent' | 'done';
}

/** Of transactions that are being committed: what an application has put around `commitTransaction` may hand on other options. */
const underWay = new WeakMap<object, CommitProgress>();

/** Where {@link DsqlQuery} notes how far a statement has come that is a COMMIT of {@link commitTransaction}. */
export function commitProgressOf(sql: string, transaction: unknown): CommitProgress | undefined {
  const progress =
    typeof transaction === 'object' && transaction !== null ? underWay.get(transaction) : undefined;
  // One that was committed stays so, whatever becomes of another COMMIT.
  return progress?.state !== 'done' && summarizeText(sql).verb === 'commit' ? progress : undefined;
}

/** What became of a COMMIT, told from the error that the client of the transaction has reported. */
export type ReadCommitError = (error: Error) => Error;

const outcomes = { commit: 'committed', rollback: 'rolled back', unknown: 'unknown' } as const;

/** How a transaction has ended, as far as is known. */
export function outcomeOf({ finished }: Transaction): TransactionOutcome {
  return finished && outcomes[finished];
}

/**
 * Sends COMMIT once, through the query interface as the stock method does, and leaves a transaction and its connection in the
 * state that they are really in: the stock method calls a transaction committed whose COMMIT failed, and throws every such
 * connection away.
 *
 * @param transaction - one of the host's or of this package
 * @param progress - kept up by {@link DsqlQuery}; where the host's own query is in use, a COMMIT counts as sent at once
 * @param readError - a client of ours reports what it has found out; what one of node-postgres' own reports is read here
 * @returns what a query hook threw after the COMMIT, if one did
 * @throws CommitOutcomeUnknownError when the answer was lost
 * @throws TransactionRolledBackError when the answer was ROLLBACK
 * @throws Error when what an application has put in the place of `queryInterface.commitTransaction` has sent no COMMIT
 */
export async function commitTransaction(
  transaction: Transaction,
  progress: CommitProgress,
  readError: ReadCommitError = (error) => error,
): Promise<{ readonly thrown: unknown } | undefined> {
  if (transaction.finished !== undefined) {
    throw new Error(
      `Transaction cannot be committed because it has been finished with state: ${transaction.finished}`,
    );
  }
  transaction.finished = 'commit';
  let command: string | undefined;
  try {
    command = await sendCommit(transaction, progress);
  } catch (error) {
    return await afterFailure(transaction, progress, error, readError);
  }
  if (command === undefined && progress.state !== 'done') await failWithoutAnswer(transaction, progress);
  transaction.cleanup();
  if (command === 'ROLLBACK') {
    transaction.finished = 'rollback';
    throw new TransactionRolledBackError('aborted');
  }
  return undefined;
}

/**
 * The query interface is the application's to replace or to wrap, and what it makes of the answer.
 *
 * @returns what the server has answered; nothing where no answer was handed on
 */
async function sendCommit(transaction: Transaction, progress: CommitProgress): Promise<string | undefined> {
  const options = {
    ...transaction.options,
    type: QueryTypes.RAW,
    raw: true,
    // A second COMMIT would find no transaction, and succeed.
    retry: { max: 1 },
  };
  underWay.set(transaction, progress);
  const queryInterface = transaction.sequelize.getQueryInterface();
  const answer = await (queryInterface.commitTransaction(transaction, options) as Promise<unknown>);
  const [, result] = (Array.isArray(answer) ? answer : []) as [unknown?, QueryResult?];
  return result?.command;
}

/** What was done in the place of `commitTransaction` has not failed, and says nothing of a COMMIT. */
async function failWithoutAnswer(transaction: Transaction, { state }: CommitProgress): Promise<never> {
  const isSent = state === 'sent' || isEndedBeside(transaction);
  transaction.finished = isSent ? 'unknown' : 'rollback';
  await endConnection(transaction);
  const cause = new Error(
    'queryInterface.commitTransaction was replaced, and what replaces it handed on no answer to COMMIT.',
  );
  throw isSent
    ? new CommitOutcomeUnknownError({ cause })
    : new Error('COMMIT was not sent, so the transaction was rolled back.', { cause });
}

/** Whether something was sent past Sequelize, on the connection itself, that has ended the transaction. */
function isEndedBeside({ connection }: Transaction): boolean {
  return connection instanceof DsqlClient && !connection.isInTransaction;
}

async function afterFailure(
  transaction: Transaction,
  { state }: CommitProgress,
  error: unknown,
  readError: ReadCommitError,
): Promise<{ readonly thrown: unknown }> {
  if (state === 'done') {
    transaction.cleanup();
    return { thrown: error };
  }
  const reported = findInChain(error, isDriverError) as Error | undefined;
  if (state === 'unsent' && !isServerError(reported) && isEndedBeside(transaction)) {
    transaction.finished = 'unknown';
    await endConnection(transaction);
    throw new CommitOutcomeUnknownError({ cause: error });
  }
  const outcome = state === 'unsent' || reported === undefined ? undefined : readError(reported);
  const isUnknown = isCommitOutcomeUnknownError(outcome);
  transaction.finished = isUnknown ? 'unknown' : 'rollback';
  // The transaction is over on the server where that has reported it; else the connection must not be used again.
  if (isServerError(reported) && !isUnknown) transaction.cleanup();
  else await endConnection(transaction);
  throw outcome === undefined || outcome === reported ? (findInChain(error, isDsqlError) ?? error) : outcome;
}

/** What Sequelize has wrapped: it says so of its own errors by their `parent`. */
function isDriverError(error: object): boolean {
  return error instanceof Error && !('parent' in error);
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
