import type { QueryRunner } from 'typeorm';
import { UnsupportedFeatureError } from '../../occ';
import {
  EnumTypes,
  planChange,
  readTablesWhere,
  unfinishedRebuilds,
  type PlannedChange,
  type ResolvedMapping,
  type UnfinishedRebuild,
} from '../../schema';
import { statementOf } from '../../sql';
import { dataSourceOf } from '../transactions/transactions';
import { schemaSession } from './schema-session';

/**
 * Plans an ALTER TABLE that is carried out by a copy of the table where it needs one.
 *
 * @throws UnsupportedFeatureError in a transaction, or when something is in the way
 */
export async function planByCopy(
  queryRunner: QueryRunner,
  mapping: ResolvedMapping,
  sql: string,
): Promise<PlannedChange> {
  if (queryRunner.isTransactionActive) {
    throw new UnsupportedFeatureError(
      'the rebuild of a table in a transaction',
      'It is carried out in many transactions. Call it with a query runner that has begun none.',
    );
  }
  const read = reading(queryRunner);
  const planned = await planChange(sql, {
    author: 'ORM',
    mapping,
    enums: new EnumTypes(),
    readTables: (where) => readTablesWhere(where, read),
    read,
  });
  if (typeof planned !== 'string') {
    dataSourceOf(queryRunner).logger.logSchemaBuild(planned.notes.join(' '), queryRunner);
    return planned;
  }
  // The server says what is wrong with it.
  return { statements: [statementOf(sql)], notes: [] };
}

/** The rebuilds that were interrupted. */
export function unfinishedCopies(queryRunner: QueryRunner): Promise<readonly UnfinishedRebuild[]> {
  const read = reading(queryRunner);
  return unfinishedRebuilds(read, (where) => readTablesWhere(where, read));
}

function reading(queryRunner: QueryRunner) {
  return async (sql: string) => (await schemaSession(queryRunner).query(sql)).rows;
}
