import type { AbstractDialect, Sequelize } from '@sequelize/core';
import { ConfigurationError } from '../connection';
import type { TransactionCounters } from '../occ';
import { dsqlInstanceOf } from './dsql-instance';

/**
 * How often transactions, and statements outside them, were attempted, committed, in conflict, run again, and left with
 * an unknown outcome.
 *
 * @experimental
 * @param sequelize - one whose dialect is {@link DsqlDialect}
 * @returns live counters
 * @throws ConfigurationError when it has another dialect
 */
export function transactionCounters<Dialect extends AbstractDialect>(
  sequelize: Sequelize<Dialect>,
): Readonly<TransactionCounters> {
  const instance = dsqlInstanceOf(sequelize);
  if (instance === undefined) {
    throw new ConfigurationError('dialect', 'must be DsqlDialect of aurora-dsql-orm/sequelize7.');
  }
  return instance.transactions.runner.counters;
}
