import type { Model, Sequelize, TransactionOptions as HostOptions } from 'sequelize';
import {
  checkIsolationLevel,
  checkTransactionOptionNames,
  splitTransactionOptions,
  type SplitTransactionOptions,
  type TransactionOptions,
} from '../../occ';

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

/** {@link SequelizeTransactionOptions}, parted; Sequelize's, but for the transaction to join. */
export type SplitOptions = SplitTransactionOptions<HostOptions, Sequelize, Model>;

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
 * Parts the options of a transaction.
 *
 * @param options - left untouched
 * @throws UnsupportedFeatureError for an isolation level that DSQL lacks
 */
export function splitOptions(options: SequelizeTransactionOptions): SplitOptions {
  checkIsolationLevel(options.isolationLevel);
  const split = splitTransactionOptions<HostOptions, Sequelize, Model>(options);
  delete split.host.transaction;
  return split;
}

/**
 * Refuses a name that is an option of neither this package nor Sequelize.
 *
 * @throws ConfigurationError naming it
 */
export function checkOptionNames(options: SequelizeTransactionOptions): void {
  checkTransactionOptionNames(options, hostNames);
}
