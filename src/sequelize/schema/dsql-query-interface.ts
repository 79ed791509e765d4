import { DatabaseError, QueryTypes, type Model, type ModelStatic, type Sequelize } from 'sequelize';
import type { TableBatches } from '../../migrate/for-orms';
import { planCascade, requireOwnRowsOnly, type ResolvedMapping } from '../../schema';
import { enumCheckOf, quotedTable, type CatalogTable } from '../../sql';
import { AddedColumn, isUnfinished } from './added-column';
import { BulkQueryInterface } from '../writes/bulk-query-interface';
import { runInBatches } from '../writes/run-in-batches';
import { ColumnChange, withoutIdentity } from './column-change';
import { enumValues, warnOfRounding, withoutConversion, type ColumnAttribute } from './column-types';
import {
  describeEnums,
  describeForeignKeys,
  describeIndexes,
  describeTable,
  type DescribedColumn,
} from './describe-table';
import type { DsqlQueryGenerator } from '../dialect/dsql-query-generator';
import { nameOf, type NewTable, type TableIdentifier } from './dsql-schema-generator';
import { withNewValues } from './enum-checks';
import { RecreatedColumn } from './recreated-column';
import { ReferringColumns } from './referring-columns';
import type { SchemaChanges } from './schema-changes';

/** Options of a method of the query interface, as far as they are looked at here. */
interface CallOptions extends NewTable {
  readonly schema?: string | undefined;
  readonly alter?: unknown;
  readonly force?: boolean | undefined;
  readonly cascade?: boolean | undefined;
  readonly truncate?: boolean | undefined;
  readonly restartIdentity?: boolean | undefined;
}

type Attributes = Readonly<Record<string, unknown>>;

/** A model, as far as a change of its table needs it. */
type TableModel = ModelStatic<Model> & {
  readonly _schema?: string;
  readonly uniqueKeys?: NewTable['uniqueKeys'];
};

/**
 * Sequelize's PostgreSQL query interface, on Aurora DSQL.
 *
 * What Sequelize writes goes through {@link SchemaChanges} on its way to the database. Here is what Sequelize itself has to
 * do in another way: enums are texts with a CHECK, a column is changed only in what is different, and tables are described
 * by `pg_catalog`.
 */
export class DsqlQueryInterface extends BulkQueryInterface {
  declare readonly queryGenerator: DsqlQueryGenerator;
  /** What carries out the changes of this instance. */
  readonly changes: SchemaChanges;
  readonly #mapping: ResolvedMapping;
  readonly #referring: ReferringColumns;

  constructor(
    sequelize: Sequelize,
    queryGenerator: DsqlQueryGenerator,
    mapping: ResolvedMapping,
    changes: SchemaChanges,
  ) {
    super(sequelize, queryGenerator, mapping);
    this.changes = changes;
    this.#mapping = mapping;
    this.#referring = new ReferringColumns(sequelize, queryGenerator, (tables, options) =>
      changes.readTables(tables, options),
    );
  }

  /** The same, for methods of Sequelize's: what they send goes through {@link SchemaChanges}. */
  writing(): DsqlQueryInterface {
    const { changes } = this;
    const query = (sql: unknown, options?: object) => changes.runWritten(sql, options);
    const sequelize = Object.create(this.sequelize, { query: { value: query } }) as Sequelize;
    return new DsqlQueryInterface(sequelize, this.queryGenerator, this.#mapping, changes);
  }

  /** @throws UnsupportedFeatureError before anything is sent, for a type that Aurora DSQL cannot store */
  override async createTable(
    tableName: TableIdentifier,
    attributes: Attributes,
    options: CallOptions = {},
    model?: TableModel,
  ): Promise<void> {
    const schema = model?._schema ?? options.schema;
    const table =
      (typeof tableName === 'string' || tableName.schema === undefined) && schema !== undefined
        ? this.queryGenerator.addSchema({ tableName: nameOf(tableName), _schema: schema })
        : tableName;
    const normalized = Object.fromEntries(
      Object.entries(attributes).map(([key, attribute]) => [
        key,
        this.sequelize.normalizeAttribute(attribute),
      ]),
    );
    const columns = await this.#referring.widened(table, normalized, options);
    warnOfRounding(this.sequelize, nameOf(table), columns, options);
    const sql = this.queryGenerator.createTableStatements(table, columns, {
      ...options,
      uniqueKeys: options.uniqueKeys ?? model?.uniqueKeys,
    });
    await this.#query(sql, options);
  }

  /** Without the types of enums, which DSQL lacks. */
  override async dropTable(tableName: TableIdentifier, options: CallOptions = {}): Promise<void> {
    const { cascade = false, force = false } = options;
    const sql = this.queryGenerator.dropTableQuery(tableName, { cascade: cascade || force });
    await this.#query(sql, options);
  }

  /** One after the other: changes of the schema that run at the same time conflict. */
  override async dropAllSchemas(options: CallOptions = {}): Promise<void> {
    for (const schema of await this.showAllSchemas(options)) await this.dropSchema(schema, options);
  }

  /**
   * Adds a column, or finishes the same call where that was interrupted: see {@link AddedColumn}.
   *
   * @throws UnsupportedFeatureError before anything is sent, for a type that Aurora DSQL cannot store
   */
  override async addColumn(
    table: TableIdentifier,
    key: string,
    attribute: unknown,
    options: CallOptions = {},
  ): Promise<void> {
    if (!table || !key || !attribute) return super.addColumn(table, key, attribute, options);
    const { schema, tableName: name } = this.queryGenerator.extractTableDetails(table);
    // A migration in its dry run was not begun.
    const [known] = this.changes.isDryRun
      ? []
      : await this.changes.readTables([{ schema, name }], { ...options, logging: false });
    const column = await this.#addedColumn(table, key, attribute, known, options);
    await this.changes.runWritten(column.text, options, column);
  }

  async #addedColumn(
    table: TableIdentifier,
    key: string,
    given: unknown,
    known: CatalogTable | undefined,
    options: CallOptions,
  ): Promise<AddedColumn> {
    const normalized = this.sequelize.normalizeAttribute(given);
    const { [key]: attribute = normalized } = await this.#referring.widened(
      table,
      { [key]: normalized },
      options,
    );
    const details = this.queryGenerator.extractTableDetails(table);
    warnOfRounding(this.sequelize, details.tableName, { [key]: attribute }, options);
    const toAdd = {
      table: details.tableName,
      column: key,
      alterTable: `ALTER TABLE ${this.queryGenerator.quoteTable(details)}`,
      quotedColumn: this.quoteIdentifier(key),
      text: this.queryGenerator.addColumnQuery(table, key, attribute),
      repeatableText: this.queryGenerator.addColumnQuery(table, key, attribute, true),
    };
    return new AddedColumn(toAdd, known);
  }

  /**
   * Changes a column in what is different from what it is; where `addColumn` was interrupted that was to make it so, it is
   * finished.
   *
   * @throws UnsupportedFeatureError before anything is sent, for another type: unless there is no value in the column, or
   *   `dsql: { destructive: true }` allows to lose them
   */
  override async changeColumn(
    table: TableIdentifier,
    name: string,
    given: unknown,
    options: CallOptions = {},
  ): Promise<void> {
    await this.#changeColumn(table, name, given, options, this.#mapping.rebuild !== false);
  }

  async #changeColumn(
    table: TableIdentifier,
    name: string,
    given: unknown,
    options: CallOptions,
    mayCopy: boolean,
  ): Promise<void> {
    const known = await this.#table(table, options);
    const column = known.columns.find((each) => each.name === name);
    if (column === undefined) {
      throw new Error(`Table ${nameOf(table)} doesn't have the column ${name}`);
    }
    if (isUnfinished(known, name) && (await this.#addedColumn(table, name, given, known, options)).isBegun) {
      return this.addColumn(table, name, given, options);
    }
    const normalized = this.normalizeAttribute(given);
    const isBigint = column.type === 'bigint';
    const followed = isBigint ? await this.#referring.widened(table, { [name]: normalized }, options) : {};
    const { [name]: attribute = normalized } = followed;
    const change = new ColumnChange(this.queryGenerator, known, column, { ...attribute, field: name });
    const ofType = change.ofType;
    const { statements, refusals } =
      ofType === undefined ? NO_CHANGE : await this.changes.plan(ofType, [known]);
    if (refusals.length > 0 && mayCopy && ofType !== undefined) {
      await this.#query(withoutIdentity(known, column, ofType), options);
      // What else is different is changed in place.
      return this.#changeColumn(table, name, given, options, false);
    }
    if (refusals.length > 0) {
      const recreated = new RecreatedColumn(this.changes, this.queryGenerator, known, column, attribute);
      await recreated.recreate(refusals, this.#mapping.destructive, options, () =>
        this.addColumn(table, name, withoutConversion(attribute), options),
      );
      return;
    }
    const isSame = async (one: string, other: string) => {
      const [row] = await this.sequelize.query<{ readonly same: boolean }>(
        `SELECT ${one} IS NOT DISTINCT FROM ${other} AS same`,
        { ...options, type: QueryTypes.SELECT, raw: true },
      );
      return row?.same === true;
    };
    const texts = [...statements.map(({ sql }) => `${sql};`), ...(await change.statements(isSame))];
    if (texts.length > 0) await this.#query(texts.join(' '), options);
  }

  /**
   * Carries out an ALTER TABLE, by a copy of the table where it needs one: see `rebuildTable` of `aurora-dsql-orm/migrate`.
   *
   * @throws UnsupportedFeatureError when something is in the way
   */
  async alterByCopy(sql: string): Promise<void> {
    await this.#query(sql, {});
  }

  /** Changes rows in batches: see `inBatches` of `aurora-dsql-orm/migrate`. */
  async runInBatches(batches: TableBatches): Promise<void> {
    const read = (sql: string) => this.changes.select(sql, { logging: false });
    await runInBatches(this.sequelize, batches, { mapping: this.#mapping, read });
  }

  /** As on PostgreSQL, and whether the column counts by itself; NOT NULL also where a validated CHECK says so. */
  override async describeTable(
    tableName: TableIdentifier,
    options?: CallOptions | string | null,
  ): Promise<Record<string, DescribedColumn>> {
    const given = typeof options === 'string' ? { schema: options } : (options ?? {});
    return describeTable(await this.#table(tableName, given));
  }

  /** Of an index that is being built or could not be built, `valid` is false. */
  override async showIndex(tableName: TableIdentifier, options: CallOptions = {}): Promise<object[]> {
    const table = await this.#find(tableName, options);
    // `sync` is to build what is not built.
    const shown = (table?.indexes ?? []).filter(({ valid }) => valid || !this.changes.isTogether(options));
    return describeIndexes(shown);
  }

  override async getForeignKeyReferencesForTable(
    tableName: TableIdentifier,
    options: CallOptions = {},
  ): Promise<object[]> {
    // `sync({ alter })` asks in order to make each of them anew; `changeColumn` changes what is different.
    if (Boolean(options.alter) && options.force !== true && this.changes.isTogether(options)) return [];
    const table = await this.#find(tableName, options);
    return table === undefined ? [] : describeForeignKeys(table, this.sequelize.config.database);
  }

  /** Adds to the enums of a table what the model has more than they. */
  override async ensureEnums(
    tableName: TableIdentifier,
    attributes: Readonly<Record<string, ColumnAttribute>>,
    options: CallOptions = {},
    model?: TableModel,
  ): Promise<void> {
    const enums = Object.entries(attributes).flatMap(([key, attribute]) => {
      const values = enumValues(attribute);
      return values === undefined ? [] : [{ column: attribute.field ?? key, attribute, values }];
    });
    if (enums.length === 0 || model === undefined) return;
    const table = await this.#find(tableName, options);
    if (table === undefined) return;
    const statements = enums.flatMap(({ column, attribute, values }) => {
      const check = enumCheckOf(table, column);
      const extended = check && withNewValues(check.values, values);
      if (check === undefined || extended === undefined) return [];
      return this.queryGenerator.replaceEnumCheck(table, check.name, attribute, column, extended);
    });
    if (statements.length > 0) await this.#query(statements.join(' '), options);
  }

  /** The enums of a schema: the columns with a CHECK that holds their values, by the names that PostgreSQL's types have. */
  override async pgListEnums(
    tableName?: TableIdentifier | null,
    options: CallOptions = {},
  ): Promise<{ enum_name: string; enum_value: string }[]> {
    const { schema } = this.queryGenerator.extractTableDetails(tableName ?? undefined, options);
    const tables = await this.changes.readTablesWhere(
      `n.nspname = ${this.queryGenerator.escape(schema)}`,
      options,
    );
    return tables.flatMap(describeEnums);
  }

  /**
   * There is nothing to be dropped: the values of an enum are in the CHECK of its column, and gone with the column.
   *
   * @throws DatabaseError for the enum of a column that is there, as on PostgreSQL
   */
  override async dropEnum(enumName: string, options: CallOptions = {}): Promise<void> {
    const enums = await this.pgListEnums(null, options);
    if (enums.every(({ enum_name: name }) => name !== enumName)) return;
    const sql = `DROP TYPE IF EXISTS ${this.quoteIdentifier(enumName)}`;
    const message = `cannot drop type ${enumName} because other objects depend on it`;
    throw new DatabaseError(Object.assign(new Error(message), { code: '2BP01', sql, parameters: {} }));
  }

  /** There is nothing to be dropped: the values of an enum are in the CHECK of its column. */
  override dropAllEnums(): Promise<void> {
    return Promise.resolve();
  }

  /** TRUNCATE becomes DELETE in batches; with `cascade`, of the tables that refer to this one first. */
  override async bulkDelete(
    tableName: TableIdentifier,
    where: object | null | undefined,
    options: CallOptions = {},
    model?: Parameters<BulkQueryInterface['bulkDelete']>[3],
  ): Promise<unknown> {
    if (options.truncate !== true) return super.bulkDelete(tableName, where, options, model);
    const { schema, tableName: name } = this.queryGenerator.extractTableDetails(tableName, options);
    const emptied = { schema, name };
    const readTables = (where: string) => this.changes.readTablesWhere(where, options);
    if (options.cascade !== true) await requireOwnRowsOnly(emptied, readTables, EMPTY_OTHERS_FIRST);
    const tables = options.cascade === true ? (await planCascade(emptied, readTables)).order : [emptied];
    const restart = options.restartIdentity === true ? ' RESTART IDENTITY' : '';
    await this.#query(`TRUNCATE ${tables.map(quotedTable).join(', ')}${restart};`, {
      ...options,
      type: QueryTypes.RAW,
    });
    return 0;
  }

  async #query(sql: string, options: object): Promise<void> {
    await this.changes.runWritten(sql, options);
  }

  async #table(tableName: TableIdentifier, options: CallOptions): Promise<CatalogTable> {
    const table = await this.#find(tableName, options);
    if (table !== undefined) return table;
    throw new Error(
      `No description found for "${nameOf(tableName)}" table. Check the table name and schema; remember, they _are_ case sensitive.`,
    );
  }

  /** A table by its name: where none is said, in the schema of the options, or `public`. */
  async #find(tableName: TableIdentifier, options: CallOptions): Promise<CatalogTable | undefined> {
    const { schema, tableName: name } = this.queryGenerator.extractTableDetails(tableName, options);
    return (await this.changes.readTables([{ schema, name }], options))[0];
  }
}

/** The other methods that send what Sequelize itself writes. */
const WRITING = [
  'createDatabase',
  'dropDatabase',
  'createSchema',
  'dropSchema',
  'renameTable',
  'removeColumn',
  'renameColumn',
  'addIndex',
  'removeIndex',
  'addConstraint',
  'removeConstraint',
  'createTrigger',
  'dropTrigger',
  'renameTrigger',
  'createFunction',
  'dropFunction',
  'renameFunction',
] as const;

type HostMethod = (this: BulkQueryInterface, ...args: unknown[]) => Promise<unknown>;

for (const name of WRITING) {
  const inherited = Reflect.get(BulkQueryInterface.prototype, name) as HostMethod;
  Object.defineProperty(DsqlQueryInterface.prototype, name, {
    configurable: true,
    writable: true,
    value(this: DsqlQueryInterface, ...args: unknown[]): Promise<unknown> {
      return inherited.apply(this.writing(), args);
    },
  });
}

const EMPTY_OTHERS_FIRST = 'Pass `cascade: true` to empty that table first, or use destroy().';

const NO_CHANGE = { statements: [], refusals: [] } as const;
