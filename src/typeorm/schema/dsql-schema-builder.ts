import { Table, TableColumn, TableForeignKey, type DataSource, type EntityMetadata } from 'typeorm';
import { RdbmsSchemaBuilder } from 'typeorm/schema-builder/RdbmsSchemaBuilder.js';
import { TableUtils } from 'typeorm/schema-builder/util/TableUtils.js';
import type { HeldLease } from '../../migrate/for-orms';
import { isComparable } from '../../schema';
import { newForms, storedForms } from './column-change';
import type { TableTarget } from './known-tables';
import { SchemaQueryRunner } from './schema-query-runner';

/**
 * TypeORM's schema builder, on Aurora DSQL: all changes are put together before the first one is sent, and foreign keys
 * are made with their tables where the order of the tables allows.
 */
export class DsqlSchemaBuilder extends RdbmsSchemaBuilder {
  readonly #dataSource: DataSource;

  constructor(dataSource: DataSource) {
    super(dataSource);
    this.#dataSource = dataSource;
  }

  /**
   * Makes the schema what the entities say, whatever the transaction mode of migrations is: no transaction can hold it.
   * One process does so at a time: what is to be changed is found out again when it has the lease of migrations.
   *
   * @throws as {@link SchemaQueryRunner.asOneChange}; where something is refused, nothing was sent
   * @throws LeaseHeldError while another process changes the schema, where `dsql.migrations.whileHeld` says `fail`
   */
  override async build(): Promise<void> {
    if (await this.#withRunner((runner) => this.#isAsWanted(runner))) return;
    const lease = await this.#takeLease();
    try {
      if (lease !== undefined) await this.#withRunner((runner) => this.#makeAsWanted(runner), lease);
    } finally {
      await lease?.release();
    }
  }

  async #isAsWanted(runner: SchemaQueryRunner): Promise<boolean> {
    if (await runner.hasUnfinishedRebuilds()) return false;
    const createMetadataTable = () => this.createMetadataTableIfNecessary(runner);
    const isMetadataMissed =
      (await this.#hasGeneratedColumnsAlready()) && (await runner.wouldChange(createMetadataTable));
    if (isMetadataMissed) return false;
    await this.#readSchema(runner);
    return !(await runner.wouldChange(() => this.#synchronize(runner)));
  }

  async #makeAsWanted(runner: SchemaQueryRunner): Promise<void> {
    await runner.finishRebuilds();
    // What a generated column is made of is read from the host's own table.
    if (await this.#hasGeneratedColumnsAlready()) await this.createMetadataTableIfNecessary(runner);
    await this.#readSchema(runner);
    await runner.asOneChange(() => this.#synchronize(runner));
  }

  async #readSchema(runner: SchemaQueryRunner): Promise<void> {
    this.tables = await runner.getTables(this.entityToSyncMetadatas.map((each) => this.#pathOf(each)));
    this.views = await runner.getViews(this.viewEntityToSyncMetadatas.map((each) => this.#pathOf(each)));
  }

  async #synchronize(runner: SchemaQueryRunner): Promise<void> {
    await this.createMetadataTableIfNecessary(runner);
    await this.executeSchemaSyncOperationsInProperOrder();
    await this.#dataSource.queryResultCache?.synchronize(runner);
  }

  async #withRunner<T>(work: (runner: SchemaQueryRunner) => Promise<T>, lease?: HeldLease): Promise<T> {
    const { driver } = this.#dataSource;
    const queryRunner = this.#dataSource.createQueryRunner();
    this.queryRunner = queryRunner;
    try {
      this.#runner.lease = lease;
      await this.#runner.knowSchema();
      // They are the host's own, and left out by its types.
      Object.assign(this, { currentDatabase: driver.database, currentSchema: driver.schema });
      await queryRunner.beforeMigration();
      return await work(this.#runner);
    } finally {
      await queryRunner.afterMigration();
      await queryRunner.release();
    }
  }

  async #takeLease(): Promise<HeldLease | undefined> {
    // Loaded by those who need it.
    const { leaseToSynchronize } = await import('../../migrate/for-orms');
    const { logger } = this.#dataSource;
    const { catalogue, mapping, options } = this.#runner.driver;
    return leaseToSynchronize({
      open: () => catalogue.open(),
      schema: options.schema,
      options: mapping.migrations,
      log: (message) => {
        logger.logSchemaBuild(message);
      },
    });
  }

  protected override async executeSchemaSyncOperationsInProperOrder(): Promise<void> {
    await this.#runner.asOneChange(async () => {
      await super.executeSchemaSyncOperationsInProperOrder();
      await this.#validateConstraints();
    });
  }

  /** Creates each table after those that its foreign keys refer to; only in a circle of tables is one added later. */
  protected override async createNewTables(): Promise<void> {
    const { driver, logger } = this.#dataSource;
    for (const metadata of this.#inDependencyOrder()) {
      // Of several entities in one table the first creates it, and what the others have more is added to it.
      if (this.#tableOf(metadata) !== undefined) continue;
      logger.logSchemaBuild(`creating a new table: ${metadata.tablePath}`);
      const table = Table.create(metadata, driver);
      table.foreignKeys = metadata.foreignKeys
        .map((foreignKey) => TableForeignKey.create(foreignKey, driver))
        .filter((foreignKey) => this.#isReferable(foreignKey, table));
      // All indexes are begun together, when there is nothing more to be done to the tables.
      table.indices = [];
      await this.queryRunner.createTable(table, false, true);
      this.#tables.push(table);
    }
  }

  // The host drops and adds again whatever has to do with a column of which anything has changed. Each of that is a job
  // on Aurora DSQL, and only a column that is dropped itself needs it.

  protected override async dropColumnReferencedForeignKeys(path: string, column: string): Promise<void> {
    if (this.#isRecreated(path, column) || this.#outgrowsReferences(path, column)) {
      await super.dropColumnReferencedForeignKeys(path, column);
    }
  }

  protected override async dropColumnCompositeIndices(path: string, column: string): Promise<void> {
    if (this.#isRecreated(path, column)) await super.dropColumnCompositeIndices(path, column);
  }

  protected override async dropColumnCompositeUniques(path: string, column: string): Promise<void> {
    if (this.#isRecreated(path, column)) await super.dropColumnCompositeUniques(path, column);
  }

  get #runner(): SchemaQueryRunner {
    const { queryRunner } = this;
    if (queryRunner instanceof SchemaQueryRunner) return queryRunner;
    throw new TypeError('The schema of a cluster is built with a query runner for it.');
  }

  /** All tables that there are, or will be; the 0.3 line leaves them with the query runner. */
  get #tables(): Table[] {
    const own: { readonly tables?: Table[] } = { tables: this.tables };
    return own.tables ?? this.#runner.loadedTables;
  }

  async #hasGeneratedColumnsAlready(): Promise<boolean> {
    const columns = (await this.queryRunner.query(
      `SELECT 1 FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid WHERE a.attgenerated <> '' AND c.relkind = 'r' LIMIT 1`,
    )) as readonly unknown[];
    return columns.length > 0;
  }

  #pathOf(metadata: EntityMetadata): string {
    const { driver } = this.#dataSource;
    const { tableName, schema } = driver.parseTableName(metadata);
    return driver.buildTableName(tableName, schema);
  }

  #tableOf(target: TableTarget): Table | undefined {
    return this.#tables.find((table) => this.#isSame(table, target));
  }

  #isSame(one: TableTarget, other: TableTarget): boolean {
    return this.#runner.keyOf(one) === this.#runner.keyOf(other);
  }

  #inDependencyOrder(): readonly EntityMetadata[] {
    const missing = this.entityToSyncMetadatas.filter((metadata) => this.#tableOf(metadata) === undefined);
    const ordered = new Set<EntityMetadata>();
    const begun = new Set<EntityMetadata>();
    const place = (metadata: EntityMetadata) => {
      if (begun.has(metadata) || !missing.includes(metadata)) return;
      begun.add(metadata);
      for (const { referencedEntityMetadata } of metadata.foreignKeys) place(referencedEntityMetadata);
      ordered.add(metadata);
    };
    missing.forEach(place);
    return [...ordered];
  }

  /** Whether the columns that a foreign key refers to are a key already. */
  #isReferable(foreignKey: TableForeignKey, owner: Table): boolean {
    const target = this.#isSame(foreignKey, owner) ? owner : this.#tableOf(foreignKey);
    if (target === undefined) return false;
    const wanted = [...foreignKey.referencedColumnNames].sort().join();
    const keys = [
      target.primaryColumns.map(({ name }) => name),
      ...target.uniques.map(({ columnNames }) => columnNames),
    ];
    return keys.some((columns) => [...columns].sort().join() === wanted);
  }

  #isRecreated(path: string, columnName: string): boolean {
    const forms = this.#newFormsOf(path, columnName);
    if (forms === undefined) return false;
    // A copy of the table keeps all of it; a generated column is made anew all the same.
    const isGenerated = (forms.before.generatedType ?? forms.after.generatedType) !== undefined;
    return isGenerated || this.#runner.driver.mapping.rebuild === false;
  }

  /** Whether no foreign key can be between a column as it was and as it is after a copy of its table. */
  #outgrowsReferences(path: string, columnName: string): boolean {
    const forms = this.#newFormsOf(path, columnName);
    return forms !== undefined && !isComparable(forms.before.type, forms.after.type);
  }

  /** A column before and after, if it becomes what no ALTER TABLE of Aurora DSQL makes of it. */
  #newFormsOf(path: string, columnName: string): ReturnType<typeof storedForms> | undefined {
    const { driver } = this.#dataSource;
    const metadata = this.entityToSyncMetadatas.find((each) => this.#isSame(each, path));
    const wanted = metadata?.findColumnWithDatabaseName(columnName);
    const table = this.#tableOf(path);
    const column = table?.findColumnByName(columnName);
    if (table === undefined || wanted === undefined || column === undefined) return undefined;
    const forms = storedForms(
      column,
      new TableColumn(TableUtils.createTableColumnOptions(wanted, driver)),
      this.#runner.driver.mapping.simplify,
      this.#runner.enumTypeOf(table, columnName),
    );
    return newForms(forms.before, forms.after) === undefined ? undefined : forms;
  }

  /** Checks the rows for which that failed, or was given up, the last time. */
  async #validateConstraints(): Promise<void> {
    for (const metadata of this.entityToSyncMetadatas) {
      const table = this.#tableOf(metadata);
      if (table === undefined) continue;
      for (const name of this.#runner.unvalidatedConstraints(table, metadata)) {
        await this.#runner.validateConstraint(table, name);
      }
    }
  }
}
