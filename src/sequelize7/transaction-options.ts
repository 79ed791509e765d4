import type { ManagedTransactionOptions, Model, Sequelize } from '@sequelize/core';
import { checkTransactionOptionNames, type TransactionOptions } from '../occ';

/**
 * How one transaction is run: Sequelize's options, and those of this package.
 *
 * @experimental
 */
export interface SequelizeTransactionOptions
  extends ManagedTransactionOptions, TransactionOptions<Sequelize> {
  /**
   * Instances that were built or loaded outside the callback and are changed in it. They are put back to what they are
   * now, with those that they include, before each further attempt, and when the transaction fails.
   *
   * Without this, such an instance throws a `StaleInstanceError` after a failed attempt, until it is reloaded.
   */
  readonly restore?: readonly Model[] | undefined;
}

const hostNames: ReadonlySet<string> = new Set<keyof ManagedTransactionOptions>([
  'readOnly',
  'isolationLevel',
  'type',
  'constraintChecking',
  'transaction',
  'nestMode',
  'logging',
  'benchmark',
]);

/**
 * Refuses a name that is an option of nobody.
 *
 * @throws ConfigurationError naming it
 */
export function checkOptionNames(options: SequelizeTransactionOptions): void {
  checkTransactionOptionNames(options, hostNames);
}
