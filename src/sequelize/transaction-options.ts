import { Transaction, type Model, type Sequelize, type TransactionOptions as HostOptions } from 'sequelize';
import { unknownOption } from '../connection';
import { UnsupportedFeatureError, type TransactionOptions } from '../occ';

/** How one transaction is run: Sequelize's options, and those of this package. */
export interface SequelizeTransactionOptions extends HostOptions, TransactionOptions<Sequelize> {
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
  /** Sequelize's, but for the transaction to stand in. */
  readonly host: HostOptions;
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

const hostNames: ReadonlySet<string> = new Set<keyof HostOptions>([
  'autocommit',
  'isolationLevel',
  'type',
  'deferrable',
  'readOnly',
  'transaction',
  'logging',
  'benchmark',
]);

/**
 * Parts the options of a transaction. A name that is not this package's own is left to Sequelize.
 *
 * @param options - left untouched
 * @throws UnsupportedFeatureError for an isolation level that Aurora DSQL has not
 */
export function splitTransactionOptions({
  restore = [],
  ...options
}: SequelizeTransactionOptions): SplitTransactionOptions {
  const { isolationLevel } = options;
  if (isolationLevel && isolationLevel !== Transaction.ISOLATION_LEVELS.REPEATABLE_READ) {
    throw new UnsupportedFeatureError(
      `isolation level ${isolationLevel}`,
      'Every transaction is REPEATABLE READ: leave the level out.',
    );
  }
  const entries = Object.entries(options).filter(([name]) => name !== 'transaction');
  const pick = (isOwn: boolean) =>
    Object.fromEntries(entries.filter(([name]) => ownNames.has(name) === isOwn));
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
