import type { ManagedTransactionOptions, Model, Sequelize } from '@sequelize/core';
import { unknownOption } from '../connection';
import type { TransactionOptions } from '../occ';

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

/** {@link SequelizeTransactionOptions}, parted. */
export interface SplitTransactionOptions {
  readonly host: ManagedTransactionOptions;
  readonly own: TransactionOptions<Sequelize>;
  readonly restore: readonly Model[];
}

const ownNames: ReadonlySet<string> = new Set<keyof TransactionOptions<Sequelize>>([
  'maxAttempts',
  'baseDelayMs',
  'maxDelayMs',
  'deadlineMs',
  'signal',
  'onRetry',
  'label',
  'admission',
  'retry',
  'nested',
  'commitMarkers',
  'verifyCommitted',
]);

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
 * Parts the options of a transaction. A name that is not this package's own is left to Sequelize.
 *
 * @param options - left untouched
 */
export function splitTransactionOptions({
  restore = [],
  ...options
}: SequelizeTransactionOptions): SplitTransactionOptions {
  const pick = (isOwn: boolean) =>
    Object.fromEntries(Object.entries(options).filter(([name]) => ownNames.has(name) === isOwn));
  return { host: pick(false), own: pick(true), restore };
}

/**
 * Refuses a name that is an option of nobody.
 *
 * @throws ConfigurationError naming it
 */
export function checkTransactionOptionNames(options: object): void {
  for (const name of Object.keys(options)) {
    if (!ownNames.has(name) && !hostNames.has(name) && name !== 'restore') throw unknownOption(name);
  }
}
