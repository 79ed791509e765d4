import {
  QueryTypes,
  type QueryRawOptions,
  type Sequelize,
  type TableName,
  type TableOrModel,
} from '@sequelize/core';
import { PostgresQueryInterface } from '@sequelize/postgres';
import { UnsupportedFeatureError } from '../occ';
import type { ResolvedMapping } from '../schema';
import type { DsqlDialect } from './dsql-dialect';
import { SchemaChanges } from './schema-changes';
import type { StatementOptions } from './statement';

type DropTableOptions = NonNullable<Parameters<PostgresQueryInterface['dropTable']>[1]>;
type TruncateOptions = NonNullable<Parameters<PostgresQueryInterface['truncate']>[1]>;

/** Sequelize's PostgreSQL query interface, on Aurora DSQL: there are no enum types, and TRUNCATE deletes. */
export class DsqlQueryInterface extends PostgresQueryInterface<DsqlDialect> {
  readonly #sequelize: Sequelize<DsqlDialect>;

  constructor(dialect: DsqlDialect, mapping: ResolvedMapping) {
    super(dialect);
    const sequelize = dialect.sequelize;
    const schema = new SchemaChanges(mapping, (sql, options) => sequelize.queryRaw(sql, options));
    const queryRaw = async (sql: string, options: StatementOptions = {}): Promise<unknown> => {
      if (!schema.concerns(sql, options)) return sequelize.queryRaw(sql, options);
      const { transaction = sequelize.getCurrentClsTransaction() ?? null } = options;
      return schema.run(sql, { ...options, transaction });
    };
    // The instance in everything else: what is asked for here, and not what the application itself sends, is translated.
    this.#sequelize = Object.create(sequelize, { queryRaw: { value: queryRaw } }) as Sequelize<DsqlDialect>;
  }

  override get sequelize(): Sequelize<DsqlDialect> {
    return this.#sequelize;
  }

  async ensureEnums(): Promise<void> {
    // An enum column is text with a CHECK.
  }

  async dropEnum(): Promise<void> {
    // No type was made.
  }

  override async dropAllEnums(): Promise<void> {
    // No type was made.
  }

  async pgListEnums(): Promise<readonly object[]> {
    return Promise.resolve([]);
  }

  override async dropTable(table: TableOrModel, options?: DropTableOptions): Promise<void> {
    await this.sequelize.queryRaw(this.queryGenerator.dropTableQuery(table, options), options);
  }

  /**
   * Deletes all rows, at most 3,000 in a transaction: an interruption leaves some of them. With `cascade`, those of the
   * tables that refer to the table go first.
   *
   * @throws UnsupportedFeatureError without `cascade`, where other tables refer to it: what DELETE would do to their rows
   *   is not what was asked for
   */
  override async truncate(table: TableOrModel, options: TruncateOptions = {}): Promise<void> {
    const { cascade, ...others } = options;
    const tables = await this.#withReferring(table, options);
    if (cascade !== true && tables.length > 1) {
      throw new UnsupportedFeatureError(
        `TRUNCATE of a table that others refer to (${this.queryGenerator.quoteTable(table)})`,
        'PostgreSQL refuses it, too. With `cascade: true` those are emptied first.',
      );
    }
    for (const each of tables) {
      const sql = this.queryGenerator.truncateTableQuery(each, others);
      await this.sequelize.queryRaw(sql, { ...others, raw: true, type: QueryTypes.RAW });
    }
  }

  /** @throws UnsupportedFeatureError, as Sequelize sets the type of the column anew, whatever is to be changed */
  override changeColumn(
    ...[table, column]: Parameters<PostgresQueryInterface['changeColumn']>
  ): Promise<void> {
    return Promise.reject(
      new UnsupportedFeatureError(
        `changeColumn and sync({ alter }), which set the type of a column anew (${this.queryGenerator.quoteTable(table)}.${column})`,
        'Add a column, copy and drop the old one; send ALTER TABLE … ALTER COLUMN … SET DEFAULT, DROP DEFAULT or DROP NOT NULL by itself.',
      ),
    );
  }

  /** Every transaction is REPEATABLE READ, and a level that is another was refused before. */
  override async _setIsolationLevel(): Promise<void> {
    // Nothing is to be sent.
  }

  /** A table and all that refer to it, those that refer first. */
  async #withReferring(table: TableOrModel, { logging }: QueryRawOptions): Promise<TableName[]> {
    const { tableName, schema } = this.queryGenerator.extractTableDetails(table);
    const references = await this.sequelize.queryRaw<ReferenceRow>(
      "SELECT rn.nspname AS schema, r.relname AS name, tn.nspname AS target_schema, t.relname AS target FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class r ON r.oid = k.conrelid JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace JOIN pg_catalog.pg_class t ON t.oid = k.confrelid JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace WHERE k.contype = 'f'",
      { raw: true, type: QueryTypes.SELECT, ...(logging !== undefined && { logging }) },
    );
    const ordered = new Map<string, TableName>();
    const visit = (name: string, inSchema: string, path: readonly string[]): void => {
      const key = JSON.stringify([inSchema, name]);
      if (ordered.has(key) || path.includes(key)) return;
      for (const reference of references) {
        if (reference.target === name && reference.target_schema === inSchema) {
          visit(reference.name, reference.schema, [...path, key]);
        }
      }
      ordered.set(key, { tableName: name, schema: inSchema });
    };
    visit(tableName, schema, []);
    return [...ordered.values()];
  }
}

interface ReferenceRow {
  readonly schema: string;
  readonly name: string;
  readonly target_schema: string;
  readonly target: string;
}
