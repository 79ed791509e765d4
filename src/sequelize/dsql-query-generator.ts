import { Transaction } from 'sequelize';
import PostgresQueryGenerator from 'sequelize/lib/dialects/postgres/query-generator';
import { UnsupportedFeatureError } from '../occ';

/** The parts of a query's options that are looked at here. */
interface QueryOptions {
  readonly exception?: unknown;
  readonly lock?: boolean | string | { readonly level?: string } | null | undefined;
  readonly skipLocked?: boolean | undefined;
}

/** Lock modes that Aurora DSQL has not (AWS user guide, SELECT, 2026-09-15). */
const REFUSED_LOCKS: readonly string[] = [Transaction.LOCK.SHARE, Transaction.LOCK.NO_KEY_UPDATE];

/** Sequelize's PostgreSQL query generator, on Aurora DSQL. */
export class DsqlQueryGenerator extends PostgresQueryGenerator {
  /**
   * `findOrCreate` asks for an INSERT whose duplicate key leaves the transaction usable; see {@link DsqlQuery} for the
   * other half.
   */
  override insertQuery(
    table: unknown,
    values: unknown,
    attributes: unknown,
    options?: QueryOptions,
  ): unknown {
    const isGuarded = options?.exception === true;
    return super.insertQuery(
      table,
      values,
      attributes,
      isGuarded ? Object.assign(options, { ignoreDuplicates: true }) : options,
    );
  }

  /** @throws UnsupportedFeatureError for a lock mode that Aurora DSQL has not, before anything is sent */
  override selectQuery(table: unknown, options: QueryOptions = {}, model?: unknown): string {
    const { lock, skipLocked } = options;
    const level = typeof lock === 'object' ? lock?.level : lock;
    if (typeof level === 'string' && REFUSED_LOCKS.includes(level)) {
      throw new UnsupportedFeatureError(
        `the lock mode ${level}`,
        'Use UPDATE: it locks nothing either, but makes the transaction conflict with those that change the row.',
      );
    }
    if (skipLocked === true) {
      throw new UnsupportedFeatureError(
        'SKIP LOCKED',
        'No row is ever locked there; transactions that take the same row conflict, and are run again.',
      );
    }
    return super.selectQuery(table, options, model);
  }

  /** Nothing is to be sent: every transaction is REPEATABLE READ, and a level that is another was refused before. */
  override setIsolationLevelQuery(): undefined {
    return undefined;
  }
}
