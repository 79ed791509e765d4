import { AsyncLocalStorage } from 'node:async_hooks';
import type { EntityMetadata, ReplicationMode, Table, TableColumn } from 'typeorm';
import { Query } from 'typeorm/driver/Query.js';
import { PostgresQueryRunner } from 'typeorm/driver/postgres/PostgresQueryRunner.js';
import { InstanceChecker } from 'typeorm/util/InstanceChecker.js';
import type { DsqlClient } from '../../connection';
import type { HeldLease } from '../../migrate/for-orms';
import {
  exceededIndexLimits,
  progressLine,
  SchemaRunner,
  unsupportedChanges,
  type PlannedChange,
  type SchemaProgress,
} from '../../schema';
import { isRoundingNote, type EnumFacts } from '../../sql';
import type { DsqlDriverParts } from '../dsql-driver-parts';
import { planByCopy, unfinishedCopies } from './copied-tables';
import { isEnum, isIdentity, newForms, refusedChange, storedForms, typeChange } from './column-change';
import { enumChange, enumRename, type EnumChange } from './enum-change';
import { KnownTables, type TableTarget } from './known-tables';
import { SchemaPlan } from './schema-plan';
import { CopyQuery, SchemaQuery, translateDownQueries, translateQueries, undoneByCopy } from './schema-query';
import { schemaSession } from './schema-session';
import { completeTable, unvalidatedConstraints } from './table-details';
import { dataSourceOf } from '../transactions/transactions';

/** The change that some work belongs to: others may be put together at the same time, also for one query runner. */
const plans = new AsyncLocalStorage<SchemaPlan>();

/**
 * The part of TypeORM's PostgreSQL query runner that is about the schema, on Aurora DSQL: its DDL goes through the translation in
 * one place, whether it is sent or written into a migration, and tables are read back as PostgreSQL would show them.
 */
export abstract class SchemaQueryRunner extends PostgresQueryRunner {
  declare driver: DsqlDriverParts;
  /** Whether its statements are those of a migration, which is journalled. */
  abstract readonly isMigrating: boolean;
  /** What has to be held right before anything is sent. */
  lease: Pick<HeldLease, 'hold'> | undefined;
  readonly #tables: KnownTables;

  constructor(driver: DsqlDriverParts, mode: ReplicationMode) {
    super(driver, mode);
    this.#tables = new KnownTables(this, driver);
  }

  /**
   * Puts together all changes of the schema that some work asks for, and then carries them out: jobs run at the same
   * time where they are independent, and all have ended when this is done.
   *
   * @throws UnsupportedFeatureError with everything that Aurora DSQL does not do; then nothing was sent
   * @throws SchemaJobError when an index was not built or rows violate a constraint
   */
  async asOneChange(work: () => Promise<unknown>): Promise<void> {
    if (this.#plan !== undefined) {
      await work();
      return;
    }
    const { queries } = await this.#planned(work);
    // Before anything is sent; what comes behind other changes is planned when they are made.
    const [first] = queries;
    const isFirst = first instanceof CopyQuery && !this.isMigrating;
    await this.#carryOut(
      queries,
      isFirst ? await planByCopy(this, this.driver.mapping, first.query) : undefined,
    );
  }

  /**
   * Puts together the changes that some work asks for, and sends none of them.
   *
   * @returns whether there are any
   * @throws UnsupportedFeatureError as {@link asOneChange}
   */
  async wouldChange(work: () => Promise<unknown>): Promise<boolean> {
    return (await this.#planned(work)).queries.length > 0;
  }

  async #planned(work: () => Promise<unknown>): Promise<SchemaPlan> {
    await this.knowSchema();
    const plan = new SchemaPlan(this);
    this.#tables.beginPlan();
    await plans.run(plan, work);
    const statements = plan.queries.flatMap((query) => (query instanceof SchemaQuery ? query.statement : []));
    plan.unsupported.push(...exceededIndexLimits(statements, this.#tables.all));
    if (plan.unsupported.length > 0) throw unsupportedChanges(plan.unsupported);
    return plan;
  }

  /** Finds out the schema that names without one lead to, unless it is known. */
  async knowSchema(): Promise<void> {
    await this.driver.knowSchema((await this.connect()) as DsqlClient);
  }

  get #plan(): SchemaPlan | undefined {
    const plan = plans.getStore();
    return plan?.queryRunner === this ? plan : undefined;
  }

  /** The same for whatever names the same table. */
  keyOf(target: TableTarget): string {
    return this.#tables.keyOf(target);
  }

  /**
   * The constraints of a loaded table that its entity wants, and whose rows were never all found to keep to them, because
   * a job failed or was not waited for.
   */
  unvalidatedConstraints(table: Table, metadata: EntityMetadata): readonly string[] {
    return unvalidatedConstraints(this.#tables.of(table), metadata);
  }

  /** What a column of a loaded table is in the database, if it is an enum to TypeORM. */
  enumTypeOf(table: Table, column: string): string | undefined {
    return this.#tables.enumTypeOf(table, column);
  }

  /** Has the rows of a table checked against a constraint that was added without. */
  async validateConstraint(table: Table, name: string): Promise<void> {
    await this.executeQueries(
      new Query(`ALTER TABLE ${this.escapePath(table)} VALIDATE CONSTRAINT "${name}"`),
      [],
    );
  }

  /** Carries out the changes that were put into memory, with their jobs and batches. */
  override async executeMemoryUpSql(): Promise<void> {
    await this.#carryOut(this.sqlInMemory.upQueries);
  }

  /** The same for what undoes them; the last is undone first. */
  override async executeMemoryDownSql(): Promise<void> {
    await this.#carryOut(this.sqlInMemory.downQueries.reverse());
  }

  /** Translates what TypeORM would send to PostgreSQL, keeps it for `migration:generate`, and carries it out. */
  protected override async executeQueries(up: Query | Query[], down: Query | Query[]): Promise<void> {
    const upQueries = [up].flat();
    const downQueries = [down].flat();
    if (upQueries.length === 0) return;
    await this.asOneChange(async () => {
      const options = await this.#translationOf([...upQueries, ...downQueries]);
      const mayCopy = this.driver.mapping.rebuild !== false;
      const { queries, copies, unsupported, omitted } = await translateQueries(upQueries, options, mayCopy);
      const enums = this.loadedTables.flatMap((table) => this.#enumsOf(table));
      const catalog = { ...options.catalog, enums };
      this.sqlInMemory.upQueries.push(...queries);
      const undoing =
        copies.length > 0
          ? undoneByCopy(downQueries)
          : await translateDownQueries(downQueries, upQueries, { ...options, catalog }, mayCopy);
      for (const query of undoing) {
        if (query instanceof CopyQuery) this.#plan?.addUndoingCopy(query, this.sqlInMemory.downQueries);
        else this.sqlInMemory.downQueries.push(query);
      }
      this.#plan?.unsupported.push(...unsupported);
      for (const why of omitted) dataSourceOf(this).logger.log('warn', why, this);
      if (!this.sqlMemoryMode) this.#plan?.queries.push(...queries);
      for (const copy of copies) this.#plan?.addCopy(copy, this.sqlInMemory.upQueries, this.sqlMemoryMode);
    });
  }

  /** Reads tables as PostgreSQL would show them. */
  protected override async loadTables(tableNames?: string[]): Promise<Table[]> {
    await this.knowSchema();
    const tables = await super.loadTables(tableNames);
    if (tables.length === 0) return tables;
    await this.#tables.load(tables);
    const dataSource = dataSourceOf(this);
    for (const table of tables) {
      const path = this.keyOf(table);
      const metadata = dataSource.entityMetadatas.find(
        (each) => each.tableType !== 'view' && this.keyOf(each) === path,
      );
      completeTable(table, this.#tables.of(table), metadata, this.driver);
    }
    return tables;
  }

  /** There are no enum types: their columns are text with a CHECK. */
  protected override hasEnumType(): Promise<boolean> {
    return Promise.resolve(false);
  }

  /**
   * Changes a column.
   *
   * @throws UnsupportedFeatureError where the column would have to be dropped, unless `dsql.destructive` allows it
   */
  override async changeColumn(
    tableOrName: Table | string,
    oldColumnOrName: TableColumn | string,
    newColumn: TableColumn,
  ): Promise<void> {
    const table = InstanceChecker.isTable(tableOrName) ? tableOrName : await this.getCachedTable(tableOrName);
    const oldColumn = InstanceChecker.isTableColumn(oldColumnOrName)
      ? oldColumnOrName
      : table.findColumnByName(oldColumnOrName);
    // The host says that there is no such column.
    if (oldColumn === undefined) return super.changeColumn(table, oldColumnOrName, newColumn);
    const changesKey = oldColumn.isPrimary !== newColumn.isPrimary;
    if (changesKey && oldColumn.name !== newColumn.name && this.driver.mapping.rebuild !== false) {
      // The copy is of a table in which the column has its name.
      const renamed = oldColumn.clone();
      renamed.name = newColumn.name;
      await this.changeColumn(table, oldColumn, renamed);
      return this.changeColumn(table, table.findColumnByName(newColumn.name) ?? renamed, newColumn);
    }
    await this.asOneChange(async () => {
      const { before, after } = storedForms(
        oldColumn,
        newColumn,
        this.driver.mapping.simplify,
        await this.#tables.storedTypeOf(table, oldColumn),
      );
      const forms = newForms(before, after);
      if (forms !== undefined) {
        if (this.driver.mapping.rebuild !== false && !after.isArray && !before.isArray) {
          const enums = enumChange(await this.#tables.readNow(table), oldColumn, newColumn);
          await this.#changeByCopy(table, before, after, enums);
          oldColumn.name = before.name;
          return;
        }
        if (!this.driver.mapping.destructive) {
          this.#plan?.unsupported.push(refusedChange(table.name, oldColumn.name, forms));
          return;
        }
        await this.dropColumn(table, oldColumn);
        await this.addColumn(table, newColumn);
        return;
      }
      await this.#changeEnum(table, oldColumn, newColumn);
      await this.#changeIdentity(table, before, after);
      await super.changeColumn(table, before, after);
      oldColumn.name = before.name;
    });
  }

  /**
   * Carries out an ALTER TABLE, by a copy of the table where it needs one: see `rebuildTable` of `aurora-dsql-orm/migrate`.
   *
   * @throws UnsupportedFeatureError in a transaction that is not a migration's, or when something is in the way
   */
  async alterByCopy(sql: string): Promise<void> {
    // A migration plans its statements itself.
    if (this.isMigrating) {
      await this.query(sql);
      return;
    }
    const planned = await planByCopy(this, this.driver.mapping, sql);
    this.#tables.forget();
    await this.#withRunner((runner) => runner.run(planned.statements));
  }

  /** Finishes what a rebuild has left undone that was interrupted: until then its table is not there, or not whole. */
  async finishRebuilds(): Promise<void> {
    for (const { left } of await unfinishedCopies(this)) await this.#withRunner((runner) => runner.run(left));
  }

  /** Whether a rebuild was interrupted. */
  async hasUnfinishedRebuilds(): Promise<boolean> {
    return (await unfinishedCopies(this)).length > 0;
  }

  /**
   * Gives a column another type in a copy of its table, with the default and the CHECK of an enum that go with it, and
   * changes the rest of it in place.
   */
  async #changeByCopy(
    table: Table,
    before: TableColumn,
    after: TableColumn,
    enums: EnumChange,
  ): Promise<void> {
    const isGenerated = after.generatedType === 'STORED';
    if (isGenerated || before.generatedType === 'STORED') {
      // The values of a generated column are made anew; those of one that is no more have to be dropped with it.
      await this.dropColumn(table, before);
      await this.addColumn(table, after);
      return;
    }
    const typeOf = (column: TableColumn) => this.driver.createFullType(column);
    const { becomesUuid, changesDefault, changed, restored } = typeChange(before, after, typeOf);
    // One ALTER TABLE with the type: no CHECK compares what the column no longer is, or is not yet, with labels.
    const alter = (actions: readonly string[]) =>
      new Query(`ALTER TABLE ${this.escapePath(table)} ${actions.join(', ')}`);
    const undo = alter([...enums.withdrawn, ...restored, ...enums.restored]);
    const up = becomesUuid
      ? [alter([`ALTER COLUMN "${before.name}" DROP IDENTITY`]), alter(changed)]
      : alter([...enums.dropped, ...changed, ...enums.added]);
    await this.executeQueries(up, undo);
    const { type, length, precision, scale, collation } = after;
    Object.assign(before, { type, length, precision, scale, collation });
    if (changesDefault) Object.assign(before, { default: after.default as unknown });
    if (becomesUuid) {
      before.isGenerated = false;
      this.#tables.noteIdentity(table, before.name, false);
    }
    await this.#changeIdentity(table, before, after);
    await super.changeColumn(table, before, after);
  }

  /** Renames a table; there are no enum types to rename with it. */
  override async renameTable(tableOrName: Table | string, newTableName: string): Promise<void> {
    const table = InstanceChecker.isTable(tableOrName) ? tableOrName : await this.getCachedTable(tableOrName);
    const withoutEnums = table.clone();
    const { simplify } = this.driver.mapping;
    withoutEnums.columns = table.columns.map((column) => storedForms(column, column, simplify).before);
    await super.renameTable(withoutEnums, newTableName);
  }

  /**
   * Drops all tables and views, each in a transaction of its own. In a transaction of the caller's, which takes one DDL
   * statement, all tables go in one, and with them the views of them.
   */
  override async clearDatabase(): Promise<void> {
    const { entityMetadatas } = dataSourceOf(this);
    const schemas = new Set(entityMetadatas.flatMap(({ schema }) => schema ?? []));
    schemas.add(this.driver.options.schema ?? (await this.getCurrentSchema()));
    const parameters = [...schemas];
    const searched = parameters.map((_, index) => `$${index + 1}`).join(', ');
    const isOneTransaction = this.isTransactionActive && !this.isMigrating;
    for (const [kind, catalogue, column] of [
      ['TABLE', 'pg_tables', 'tablename'],
      ['VIEW', 'pg_views', 'viewname'],
    ] as const) {
      const found = (await this.query(
        `SELECT quote_ident(schemaname) || '.' || quote_ident(${column}) AS name FROM pg_catalog.${catalogue} WHERE schemaname IN (${searched})`,
        parameters,
      )) as { readonly name: string }[];
      const names = found.map(({ name }) => name);
      const lists = isOneTransaction && names.length > 0 ? [names.join(', ')] : names;
      for (const list of lists) await this.query(`DROP ${kind} IF EXISTS ${list} CASCADE`);
    }
    this.#tables.forget();
  }

  /** @param planned - what the first one is carried out by, where that is known */
  async #carryOut(queries: readonly Query[], planned?: PlannedChange): Promise<void> {
    if (queries.length === 0) return;
    this.#warnOfRounding(queries);
    this.#tables.forget();
    // In a transaction nothing can be waited for: it sees sys.jobs as it was when it began. A migration waits itself.
    const isByCopy = queries.some((query) => query instanceof CopyQuery);
    if (this.isMigrating || (this.isTransactionActive && !isByCopy)) {
      for (const { query, parameters } of queries) await this.query(query, parameters);
      return;
    }
    await this.#withRunner(async (runner) => {
      for (const change of queries) {
        const { query, parameters = [] } = change;
        if (change instanceof CopyQuery) {
          await runner.settle();
          const isPlanned = planned !== undefined && change === queries[0];
          await runner.run(
            (isPlanned ? planned : await planByCopy(this, this.driver.mapping, query)).statements,
          );
        } else if (change instanceof SchemaQuery && parameters.length === 0)
          await runner.run([change.statement]);
        else await this.query(query, parameters);
      }
    });
  }

  /** What changes a value is said, of each column once. */
  #warnOfRounding(queries: readonly Query[]): void {
    for (const change of queries) {
      if (!(change instanceof SchemaQuery)) continue;
      const { sql, notes } = change.statement;
      for (const note of notes.filter(isRoundingNote)) {
        dataSourceOf(this).logger.log('warn', `${note} ${sql}`, this);
      }
    }
  }

  /** All jobs that are begun meanwhile have ended when this is done. */
  async #withRunner(work: (runner: SchemaRunner) => Promise<void>): Promise<void> {
    const runner = new SchemaRunner(schemaSession(this), {
      onProgress: (progress) => {
        this.#tell(progress);
      },
    });
    try {
      await work(runner);
    } catch (error) {
      await runner.settle().catch(() => undefined);
      throw error;
    }
    await runner.settle();
  }

  #tell(progress: SchemaProgress): void {
    this.driver.mapping.onSchemaProgress?.(progress);
    const line = progressLine(progress);
    if (line !== undefined) dataSourceOf(this).logger.logSchemaBuild(line, this);
  }

  /** How these statements are translated, with what is known of the tables that they name. */
  async #translationOf(queries: readonly Query[]) {
    const { arrays, capabilities, simplify, identityCache } = this.driver.mapping;
    return {
      arrays,
      catalog: { tables: await this.#tables.knownIn(queries, this.loadedTables) },
      ...(capabilities !== undefined && { capabilities }),
      simplify,
      // The order of this table's ids says which migration is undone first.
      identityCache: queries.some(({ query }) => this.#createsMigrationsTable(query)) ? 1 : identityCache,
    };
  }

  #createsMigrationsTable(query: string): boolean {
    const { migrationsTableName = 'migrations' } = dataSourceOf(this).options;
    return query.startsWith('CREATE TABLE ') && query.includes(`"${migrationsTableName}" (`);
  }

  #enumsOf(table: Table): EnumFacts[] {
    const { schema } = this.driver.parseTableName(table);
    return table.columns.filter(isEnum).map((column) => ({
      ...(schema !== undefined && { schema }),
      name: this.buildEnumName(table, column, false, true),
      labels: column.enum ?? [],
    }));
  }

  async #changeEnum(table: Table, oldColumn: TableColumn, newColumn: TableColumn): Promise<void> {
    const known = await this.#tables.readNow(table);
    const change = enumChange(known, oldColumn, newColumn);
    const renamed = enumRename(known, oldColumn, newColumn);
    const alter = (action: string) => new Query(`ALTER TABLE ${this.escapePath(table)} ${action}`);
    if (renamed !== undefined) {
      const rename = (from: string, to: string) => alter(`RENAME CONSTRAINT "${from}" TO "${to}"`);
      await this.executeQueries(rename(renamed.from, renamed.to), rename(renamed.to, renamed.from));
    }
    await this.executeQueries(
      [...change.added, ...change.dropped].map(alter),
      [...change.withdrawn, ...change.restored].map(alter),
    );
  }

  /** An identity is added and dropped as such; TypeORM knows only how a default of a sequence is. */
  async #changeIdentity(table: Table, before: TableColumn, after: TableColumn): Promise<void> {
    if (before.isGenerated === after.isGenerated) return;
    const alter = (action: string) =>
      new Query(`ALTER TABLE ${this.escapePath(table)} ALTER COLUMN "${before.name}" ${action}`);
    const add = (column: TableColumn) =>
      alter(`ADD GENERATED ${column.generatedIdentity ?? 'BY DEFAULT'} AS IDENTITY`);
    if (isIdentity(before)) {
      await this.executeQueries(alter('DROP IDENTITY'), add(before));
      this.#tables.noteIdentity(table, before.name, false);
    } else if (
      after.isGenerated &&
      after.generationStrategy !== 'uuid' &&
      (await this.#tables.mayCountUp(table, before))
    ) {
      await this.executeQueries(add(after), alter('DROP IDENTITY'));
      this.#tables.noteIdentity(table, before.name, true);
    } else return;
    before.isGenerated = after.isGenerated;
    if (after.generationStrategy !== undefined) before.generationStrategy = after.generationStrategy;
  }
}
