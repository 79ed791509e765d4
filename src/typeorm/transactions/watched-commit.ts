import type { EventEmitter } from 'node:events';
import { QueryFailedError, type EntityManager, type QueryRunner } from 'typeorm';
import {
  AfterCommitError,
  isDsqlError,
  outcomeOfPlainCommit,
  TransactionRolledBackError,
} from '../../connection';
import { findInChain } from '../../occ';
import type { TransactionScope } from './transaction-scope';

type Work<T> = (manager: EntityManager) => Promise<T>;

/**
 * Runs a transaction on a query runner that is not ours, and sees whether COMMIT did commit: the server answers it with
 * ROLLBACK when an error in the transaction was caught, which the host takes for a success.
 */
export async function watchCommit<T>(
  queryRunner: QueryRunner,
  scope: TransactionScope,
  transact: (work: Work<T>) => Promise<T>,
  work: Work<T>,
): Promise<T> {
  const answers: string[] = [];
  const note = ({ text }: { readonly text: string }) => answers.push(text);
  let wire: EventEmitter | undefined;
  const watched: Work<T> = async (manager) => {
    const value = await work(manager);
    scope.expectComplete();
    await scope.prepareCommit();
    const client = (await queryRunner.connect()) as { readonly connection?: EventEmitter };
    wire = client.connection;
    wire?.on('commandComplete', note);
    return value;
  };
  try {
    const value = await transact(watched);
    if (answers.includes('ROLLBACK')) throw new TransactionRolledBackError('aborted');
    return value;
  } catch (error) {
    if (answers.includes('COMMIT')) throw new AfterCommitError({ cause: error });
    throw error instanceof QueryFailedError ? outcomeOfFailed(error as QueryFailedError) : error;
  } finally {
    wire?.off('commandComplete', note);
  }
}

function outcomeOfFailed(error: QueryFailedError): Error {
  const ours = findInChain(error, isDsqlError);
  if (ours !== undefined) return ours;
  if (error.query !== 'COMMIT') return error;
  const outcome = outcomeOfPlainCommit(error.driverError);
  return outcome === error.driverError ? error : outcome;
}
