import {
  DataTypes,
  type DataType,
  type FindOptions,
  type Model,
  type ModelStatic,
  type TableName,
  type TableOrModel,
} from '@sequelize/core';
import { PostgresQueryGenerator } from '@sequelize/postgres';
import { UnsupportedFeatureError } from '../occ';
import type { DsqlDialect } from './dsql-dialect';
import { withRowLocks, type ResolvedMapping } from '../schema';

/** An attribute, as the query generator is given it. */
interface AttributeOptions {
  readonly type?: DataType | undefined;
  readonly references?: { readonly table?: TableOrModel; readonly key?: string } | undefined;
}

interface AttributeToSqlOptions {
  readonly key?: string;
}

/** Sequelize's PostgreSQL query generator, with what its types leave out. */
interface Untyped {
  attributeToSQL(attribute: unknown, options: AttributeToSqlOptions): string;
  dataTypeMapping(table: TableName, column: string, definition: string): string;
}

const Host = PostgresQueryGenerator as unknown as new (
  dialect: DsqlDialect,
) => PostgresQueryGenerator & Untyped;

type InsertArguments = Parameters<PostgresQueryGenerator['insertQuery']>;
type SelectOptions<M extends Model> = FindOptions<M> & { model: ModelStatic<M> };

/** How Sequelize writes the type of an enum column for itself. */
const ENUM = /^ENUM\(((?:'(?:[^']|'')*'(?:, )?)*)\)/;

/** Sequelize's PostgreSQL query generator, on Aurora DSQL. What it writes about the schema is translated afterwards. */
export class DsqlQueryGenerator extends Host {
  readonly #mapping: ResolvedMapping;

  constructor(dialect: DsqlDialect, mapping: ResolvedMapping) {
    super(dialect);
    this.#mapping = mapping;
  }

  /**
   * `findOrCreate` asks for an INSERT whose duplicate key leaves the transaction usable; see {@link DsqlQuery} for the
   * other half.
   */
  override insertQuery(
    ...[table, values, columns, options]: InsertArguments
  ): ReturnType<PostgresQueryGenerator['insertQuery']> {
    const isGuarded = options?.exception === true;
    return super.insertQuery(
      table,
      values,
      columns,
      isGuarded ? Object.assign(options, { ignoreDuplicates: true }) : options,
    );
  }

  /** @throws UnsupportedFeatureError for a lock that Aurora DSQL has not, unless it may be strengthened */
  override selectQuery<M extends Model>(
    table: TableName,
    options?: SelectOptions<M>,
    model?: ModelStatic<M>,
  ): string {
    return withRowLocks(options ?? {}, this.#mapping, () => super.selectQuery(table, options, model));
  }

  /** The column of a foreign key is of the type that its target has in the database. */
  override attributeToSQL(attribute: AttributeOptions, options: AttributeToSqlOptions): string {
    const { table, key = 'id' } = attribute.references ?? {};
    const type =
      table !== undefined && this.#isIdentity(table, key)
        ? this.sequelize.normalizeDataType(DataTypes.BIGINT)
        : attribute.type;
    return super.attributeToSQL(type === attribute.type ? attribute : { ...attribute, type }, options);
  }

  /** An enum is text with a CHECK. */
  override dataTypeMapping(table: TableName, column: string, definition: string): string {
    const [written, labels] = ENUM.exec(definition) ?? [];
    if (written === undefined || labels === undefined)
      return super.dataTypeMapping(table, column, definition);
    const others = super.dataTypeMapping(table, column, definition.slice(written.length));
    // An array of them is refused as any other.
    if (others.startsWith('[]')) return `TEXT${others}`;
    return `TEXT CHECK (${this.quoteIdentifier(column)} IN (${labels}))${others}`;
  }

  /** There is no type to make. */
  pgEnum(): string {
    return '';
  }

  override describeTableQuery(tableOrModel: TableOrModel): string {
    const { tableName, schema } = this.extractTableDetails(tableOrModel);
    // As PostgreSQL's, but for pg_statio_all_tables and pg_enum, which have no meaning on Aurora DSQL.
    return [
      'SELECT pk.constraint_type AS "Constraint", c.column_name AS "Field", c.column_default AS "Default",',
      'c.is_nullable AS "Null",',
      `c.data_type || CASE WHEN c.character_maximum_length IS NOT NULL THEN '(' || c.character_maximum_length || ')' ELSE '' END AS "Type",`,
      'NULL AS special,',
      '(SELECT d.description FROM pg_catalog.pg_description d JOIN pg_catalog.pg_class t ON t.oid = d.objoid JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace WHERE t.relname = c.table_name AND n.nspname = c.table_schema AND d.objsubid = c.ordinal_position) AS "Comment"',
      'FROM information_schema.columns c',
      "LEFT JOIN (SELECT tc.table_schema, tc.table_name, cu.column_name, tc.constraint_type FROM information_schema.table_constraints tc JOIN information_schema.key_column_usage cu ON tc.table_schema = cu.table_schema AND tc.table_name = cu.table_name AND tc.constraint_name = cu.constraint_name AND tc.constraint_type = 'PRIMARY KEY') pk",
      'ON pk.table_schema = c.table_schema AND pk.table_name = c.table_name AND pk.column_name = c.column_name',
      `WHERE c.table_name = ${this.escape(tableName)} AND c.table_schema = ${this.escape(schema)}`,
    ].join(' ');
  }

  override listSchemasQuery(options?: { readonly skip?: string[] }): string {
    return super.listSchemasQuery({ ...options, skip: [...DSQL_SCHEMAS, ...(options?.skip ?? [])] });
  }

  override listTablesQuery(options?: { readonly schema?: string }): string {
    const inSchema =
      options?.schema === undefined
        ? `table_schema !~ '^pg_' AND table_schema NOT IN ('information_schema', ${DSQL_SCHEMAS.map((name) => `'${name}'`).join(', ')})`
        : `table_schema = ${this.escape(options.schema)}`;
    return `SELECT table_name AS "tableName", table_schema AS "schema" FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND ${inSchema} ORDER BY table_schema, table_name`;
  }

  override getUuidV4FunctionCall(): string {
    return 'gen_random_uuid()';
  }

  /** @throws UnsupportedFeatureError, as there is no such function */
  override getUuidV1FunctionCall(): string {
    throw new UnsupportedFeatureError('UUIDs of version 1', 'Use sql.uuidV4.');
  }

  /** Whether a column is an identity in the database, which is a bigint whatever its model says, or refers to one. */
  #isIdentity(table: TableOrModel, column: string, seen: readonly string[] = []): boolean {
    const place = `${this.quoteTable(table)}.${column}`;
    if (seen.includes(place)) return false;
    const model: ModelStatic | undefined = this.sequelize.models.find((each) =>
      this.isSameTable(each, table),
    );
    const attribute = model?.modelDefinition.columns.get(column);
    if (attribute === undefined) return false;
    if (attribute.autoIncrement === true) return true;
    const { table: target, key = 'id' } = attribute.references ?? {};
    return target !== undefined && this.#isIdentity(target, key, [...seen, place]);
  }
}

/** Schemas of Aurora DSQL itself. */
const DSQL_SCHEMAS = ['sys'];
