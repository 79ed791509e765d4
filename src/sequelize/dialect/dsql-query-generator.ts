import { Op } from 'sequelize';
import { LEASE_TABLE } from '../../migrate/for-orms';
import { UnsupportedFeatureError } from '../../occ';
import { withRowLocks, type RowLockOptions } from '../../schema';
import { hasTextForm } from '../../sql';
import { typeNameOf, type ColumnAttribute } from '../schema/column-types';
import { DsqlSchemaGenerator } from '../schema/dsql-schema-generator';
import { noTransaction } from '../transactions/no-transaction';

interface QueryOptions extends RowLockOptions {
  readonly exception?: unknown;
  readonly transaction?: unknown;
}

/** The operators of ranges, networks, text search and other types; a text has none of them. */
const OPERATORS_OF_TYPES: ReadonlyMap<unknown, string> = new Map(
  (
    [
      'adjacent',
      'contained',
      'contains',
      'match',
      'noExtendLeft',
      'noExtendRight',
      'overlap',
      'strictLeft',
      'strictRight',
    ] as const
  ).map((name) => [Op[name], name]),
);

function refuseOperator(operator: unknown, column: string, type: unknown): void {
  const name = OPERATORS_OF_TYPES.get(operator);
  const typeName = typeNameOf(type);
  if (name === undefined || !hasTextForm(typeName)) return;
  throw new UnsupportedFeatureError(
    `Op.${name} on a column that is kept as text: ${column}, of type ${typeName}`,
    'Compare in the application, or keep what is searched for in columns of its own, as the ends of a range.',
  );
}

/** Sequelize's PostgreSQL query generator, on Aurora DSQL. */
export class DsqlQueryGenerator extends DsqlSchemaGenerator {
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
    return withRowLocks(options, this.mapping, () => super.selectQuery(table, options, model));
  }

  /** @throws UnsupportedFeatureError for an operator of a type whose columns are text here */
  protected override _whereParseSingleValueObject(
    key: string,
    field: ColumnAttribute | undefined,
    operator: unknown,
    value: unknown,
    options: unknown,
  ): string {
    if (this.mapping.simplify.columnTypes === true) refuseOperator(operator, key, field?.type);
    return super._whereParseSingleValueObject(key, field, operator, value, options);
  }

  /** Nothing is to be sent: every transaction is REPEATABLE READ, and a level that is another was refused before. */
  override setIsolationLevelQuery(): undefined {
    return undefined;
  }
}
