import { InsertQueryBuilder, type EntityMetadata, type ObjectLiteral } from 'typeorm';
import type { Driver } from 'typeorm/driver/Driver.js';
import type { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata.js';
import { ArrayInserts, FEWEST_ROWS_FOR_ARRAYS } from '../../occ';
import { columnArray, hasTextForm, selectOfArrays, type ArrayKind, type ColumnArray } from '../../sql';
import type { Statement } from '../statement';
import { dataSourceOf } from '../transactions/transactions';
import { hasIdentityValues } from './identity-keys';

/** What the values of a column are, by the type that the driver makes of what the entity says. */
const KINDS: Readonly<Record<string, ArrayKind>> = {
  bigint: 'integer',
  boolean: 'boolean',
  bytea: 'bytea',
  character: 'text',
  'character varying': 'text',
  date: 'date',
  'double precision': 'number',
  enum: 'text',
  integer: 'integer',
  interval: 'interval',
  json: 'json',
  jsonb: 'jsonb',
  numeric: 'number',
  real: 'number',
  smallint: 'integer',
  text: 'text',
  'timestamp with time zone': 'timestamptz',
  'timestamp without time zone': 'timestamp',
  uuid: 'uuid',
};

/** Takes the place of VALUES until the arrays are known: nothing that a statement could hold otherwise. */
const PLACE = '(\u0000)';

/** Whether and how the server takes arrays, by the entity. */
const arrayInserts = new ArrayInserts();

/** A statement that inserts arrays. */
export interface ArrayStatement {
  /** The server has carried it out. */
  accepted(): void;
  /**
   * The same with VALUES, if the server takes no arrays: it has done nothing then.
   *
   * @param error - with which it was refused
   */
  insteadOf(error: unknown): Statement | undefined;
}

/** By its parameters, which the host hands on as they are. */
const arrayStatements = new WeakMap<object, ArrayStatement>();

/** A query runner of ours: whether its transaction is run again by itself where it was not committed. */
interface RepeatableRunner {
  readonly isTransactionActive: boolean;
  readonly isRepeatable: boolean;
}

/** What is to be done about a statement, if it inserts arrays. */
export function arrayStatementOf([, parameters]: Statement): ArrayStatement | undefined {
  return typeof parameters === 'object' ? arrayStatements.get(parameters) : undefined;
}

/** An INSERT whose rows, when they are many, are one array per column: `SELECT * FROM unnest($1, …)` in the place of VALUES. */
export class ArrayInsertQueryBuilder<Entity extends ObjectLiteral> extends InsertQueryBuilder<Entity> {
  #arrays: ReadonlyMap<ColumnMetadata, ColumnArray> | undefined;
  #takesArrays = true;

  override getQueryAndParameters(): [string, unknown[]] {
    const [sql, parameters] = super.getQueryAndParameters() as [string, unknown[]];
    if (this.#arrays === undefined) return [sql, parameters];
    const metadata = this.#metadata;
    if (metadata !== undefined) {
      arrayStatements.set(parameters, {
        accepted: () => {
          arrayInserts.accepted(metadata);
        },
        insteadOf: (error) => (arrayInserts.isRefusal(metadata, error) ? this.#withValues() : undefined),
      });
    }
    return [sql, parameters];
  }

  #withValues(): Statement {
    this.#takesArrays = false;
    return [...super.getQueryAndParameters(), true] as Statement;
  }

  protected override createInsertExpression(): string {
    this.#arrays = this.#takesArrays ? this.#readArrays() : undefined;
    const sql = super.createInsertExpression();
    if (this.#arrays === undefined) return sql;
    const select = selectOfArrays([...this.#arrays.values()], (literal) => this.createParameter(literal));
    return sql.replace(` VALUES ${PLACE}`, () => ` ${select}`);
  }

  protected override createValuesExpression(): string {
    return this.#arrays === undefined ? super.createValuesExpression() : PLACE;
  }

  /** Of the columns for which no row has a value, the database makes it. */
  protected override getInsertedColumns(): ColumnMetadata[] {
    const columns = super.getInsertedColumns();
    const arrays = this.#arrays;
    return arrays === undefined ? columns : columns.filter((column) => arrays.has(column));
  }

  get #metadata(): EntityMetadata | undefined {
    const { mainAlias } = this.expressionMap;
    return mainAlias?.hasMetadata === true ? mainAlias.metadata : undefined;
  }

  #readArrays(): ReadonlyMap<ColumnMetadata, ColumnArray> | undefined {
    const metadata = this.#metadata;
    if (metadata === undefined || this.#hasOtherSource) return undefined;
    const rows = this.getValueSets();
    if (rows.length < FEWEST_ROWS_FOR_ARRAYS) return undefined;
    const { isTransactionActive, isRepeatable }: Partial<RepeatableRunner> = this.queryRunner ?? {};
    if (!arrayInserts.mayTry(metadata, isTransactionActive !== true || isRepeatable === true))
      return undefined;
    return readArrays(metadata, super.getInsertedColumns(), rows, dataSourceOf(this).driver);
  }

  /** TypeORM 1.1 can insert what a query selects. */
  get #hasOtherSource(): boolean {
    const { insertFromSelect } = this.expressionMap as { readonly insertFromSelect?: unknown };
    return insertFromSelect !== undefined;
  }
}

/** The rows as arrays; nothing where one of their values cannot be in one. */
function readArrays(
  metadata: EntityMetadata,
  columns: readonly ColumnMetadata[],
  rows: readonly ObjectLiteral[],
  driver: Driver,
): ReadonlyMap<ColumnMetadata, ColumnArray> | undefined {
  const arrays = new Map<ColumnMetadata, ColumnArray>();
  for (const column of columns) {
    const type = driver.normalizeType(column);
    // One that is not stored would have been refused.
    const kind = KINDS[type] ?? (hasTextForm(type) ? 'text' : undefined);
    if (kind === undefined || column.isArray) return undefined;
    const values = rows.map((row) => valueOf(column, row, driver));
    if (values.every((value) => value === undefined)) continue;
    const array = columnArray(kind, values);
    if (array === undefined) return undefined;
    arrays.set(column, array);
  }
  // Numbers that the database gives are given again when the INSERT is run again, row by row.
  const isNumbered = metadata.columns.some(
    (column) => column.referencedColumn === undefined && hasIdentityValues(column) && !arrays.has(column),
  );
  return arrays.size === 0 || isNumbered ? undefined : arrays;
}

/** As the host writes it into VALUES. */
function valueOf(column: ColumnMetadata, row: ObjectLiteral, driver: Driver): unknown {
  const given = column.getEntityValue(row) as unknown;
  const value =
    typeof given === 'function' ? given : (driver.preparePersistentValue(given, column) as unknown);
  if (column.isVersion && value === undefined) return 1;
  return column.isDiscriminator ? column.entityMetadata.discriminatorValue : value;
}
