import type { Sequelize } from 'sequelize';
import { LEASE_TABLE } from '../../migrate/for-orms';
import { withRowLocks, type ResolvedMapping, type RowLockOptions } from '../../schema';
import { DsqlSchemaGenerator } from '../schema/dsql-schema-generator';
import { noTransaction } from '../transactions/no-transaction';

interface QueryOptions extends RowLockOptions {
  readonly exception?: unknown;
  readonly transaction?: unknown;
}

/** Sequelize's PostgreSQL query generator, on Aurora DSQL. */
export class DsqlQueryGenerator extends DsqlSchemaGenerator {
  readonly #mapping: ResolvedMapping;

  constructor(options: { _dialect: unknown; sequelize: Sequelize }, mapping: ResolvedMapping) {
    super(options);
    this.#mapping = mapping;
  }

  /** The application's tables: that of the lease is as little among them as PostGIS's are to Sequelize. */
  override showTablesQuery(): string {
    return super.showTablesQuery().replace(/;$/, ` AND table_name <> '${LEASE_TABLE}';`);
  }

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
    // An autocommit statement may fail, and says more then.
    const isGuarded = options?.exception === true && options.transaction !== noTransaction;
    return super.insertQuery(
      table,
      values,
      attributes,
      isGuarded ? Object.assign(options, { ignoreDuplicates: true }) : options,
    );
  }

  /** @throws UnsupportedFeatureError for a lock that DSQL lacks, unless it may be strengthened */
  override selectQuery(table: unknown, options: QueryOptions = {}, model?: unknown): string {
    return withRowLocks(options, this.#mapping, () => super.selectQuery(table, options, model));
  }

  /** Nothing is to be sent: every transaction is REPEATABLE READ, and a level that is another was refused before. */
  override setIsolationLevelQuery(): undefined {
    return undefined;
  }
}
