import type * as typeormPackage from 'typeorm';
import type {
  DataSource,
  DataSourceOptions,
  QueryRunner,
  Table as HostTable,
  TableColumn,
  View,
} from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';
import type { PostgresQueryRunner } from 'typeorm/driver/postgres/PostgresQueryRunner.js';
import { foreignKeysOf, REFERENTIAL_ACTIONS, type TableName } from '../../sql';
import { rowsFor } from './answers';
import { ownIndexes, type DeclaredColumn, type DeclaredTable } from '../catalogue/table';
import { requireFrom } from '../sources/load-module';
import type { Recording } from './recording';

/** The TypeORM of the project at hand. */
export interface TypeOrm {
  readonly package: typeof typeormPackage;
  readonly PostgresQueryRunner: typeof PostgresQueryRunner;
}

/** Finds the TypeORM that a file of a project uses. */
export function typeOrmOf(file: string): TypeOrm | undefined {
  const loaded = requireFrom(file, 'typeorm') as TypeOrm['package'] | undefined;
  const runner = requireFrom(file, 'typeorm/driver/postgres/PostgresQueryRunner.js') as
    { readonly PostgresQueryRunner: typeof PostgresQueryRunner } | undefined;
  return loaded && runner && { package: loaded, PostgresQueryRunner: runner.PostgresQueryRunner };
}

/** A data source that is never connected, with entities if a migration uses their repositories. */
export async function unconnectedDataSource(
  typeorm: TypeOrm,
  options: Pick<DataSourceOptions, 'entities' | 'entityPrefix' | 'namingStrategy'>,
): Promise<DataSource> {
  const dataSource = new typeorm.package.DataSource({
    type: 'postgres',
    driver: {},
    logging: false,
    ...options,
  });
  await buildMetadatas(dataSource);
  return dataSource;
}

/** Makes a data source read its entities, as connecting does; TypeORM's types hide how. */
export function buildMetadatas(dataSource: DataSource): Promise<void> {
  return (dataSource as unknown as { buildMetadatas(): Promise<void> }).buildMetadatas();
}

/** What a driver would have learnt by connecting. */
const CONNECTED = { database: 'postgres', schema: 'public', searchSchema: 'public', version: '16.0' };

/**
 * A query runner of TypeORM's own that sends nothing: what its methods make of a call goes to a recording, and what they
 * ask the database for is answered from the catalogue.
 *
 * @param dataSource - one that is not connected; it is made to give out this runner
 */
export function recordingQueryRunner(
  typeorm: TypeOrm,
  dataSource: DataSource,
  recording: Recording,
): QueryRunner {
  const driver = dataSource.driver as unknown as PostgresDriver;
  const known: Record<string, unknown> = driver as never;
  for (const [name, value] of Object.entries(CONNECTED)) known[name] ??= value;

  class RecordingQueryRunner extends typeorm.PostgresQueryRunner {
    #transaction: object | undefined;

    override connect(): Promise<unknown> {
      return Promise.resolve({});
    }

    override release(): Promise<void> {
      return Promise.resolve();
    }

    override startTransaction(): Promise<void> {
      this.isTransactionActive = true;
      this.#transaction ??= {};
      recording.begin(this.#transaction, false);
      return Promise.resolve();
    }

    override commitTransaction(): Promise<void> {
      this.isTransactionActive = false;
      if (this.#transaction) recording.end(this.#transaction);
      this.#transaction = undefined;
      return Promise.resolve();
    }

    override rollbackTransaction(): Promise<void> {
      return this.commitTransaction();
    }

    // The host's return type depends on its third parameter.
    // eslint-disable-next-line @typescript-eslint/no-explicit-any
    override query(sql: string, parameters?: unknown[], isStructured = false): Promise<any> {
      const { judgement } = recording.send(sql, {
        transaction: this.#transaction,
        hasParameters: (parameters?.length ?? 0) > 0,
        isTranslated: true,
        isSentByRunner: true,
      });
      const records = rowsFor(judgement.parsed);
      return Promise.resolve(isStructured ? { records, raw: records, affected: 0 } : records);
    }

    override getCurrentSchema(): Promise<string> {
      return Promise.resolve('public');
    }

    override getCurrentDatabase(): Promise<string> {
      return Promise.resolve('postgres');
    }

    override getVersion(): Promise<string> {
      return Promise.resolve('16.0');
    }

    override hasSchema(): Promise<boolean> {
      return Promise.resolve(true);
    }

    override hasTable(table: HostTable | string): Promise<boolean> {
      return Promise.resolve(recording.catalog.table(this.#named(table)) !== undefined);
    }

    override hasColumn(table: HostTable | string, column: string): Promise<boolean> {
      const { columns } = recording.catalog.table(this.#named(table)) ?? {};
      return Promise.resolve(columns?.some(({ name }) => name === column) ?? false);
    }

    /** Enum types that are gone with their table would be made again; one that is there is not. */
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- TableColumn of the project's own TypeORM
    protected override hasEnumType(table: HostTable, column: any): Promise<boolean> {
      const name = (
        this as unknown as {
          buildEnumName(table: HostTable, column: unknown, withSchema: boolean, plain: boolean): string;
        }
      ).buildEnumName(table, column, false, true);
      return Promise.resolve(recording.catalog.enum({ name }) !== undefined);
    }

    protected override getUserDefinedTypeName(
      table: HostTable,
      column: { readonly name: string },
    ): Promise<{ schema: string; name: string }> {
      const known = recording.catalog.table(this.#named(table));
      const type = known?.columns.find(({ name }) => name === column.name)?.enum;
      return Promise.resolve({ schema: type?.schema ?? 'public', name: type?.name ?? column.name });
    }

    /**
     * TypeORM by itself drops the column and adds another one, with its values gone; createDsqlDataSource refuses that
     * unless `destructive` allows it.
     */
    override async changeColumn(
      target: HostTable | string,
      oldColumn: TableColumn | string,
      newColumn: TableColumn,
    ): Promise<void> {
      const table = typeof target === 'string' ? await this.getCachedTable(target) : target;
      const old = typeof oldColumn === 'string' ? table.findColumnByName(oldColumn) : oldColumn;
      const type = this.#storedType(newColumn);
      if (!old || old.type === 'enum' || newColumn.type === 'enum' || this.#storedType(old) === type) {
        return super.changeColumn(table, oldColumn, newColumn);
      }
      await this.query(`ALTER TABLE ${this.escapePath(table)} ALTER COLUMN "${old.name}" TYPE ${type}`);
      this.loadedTables = [];
    }

    #storedType(column: TableColumn): string {
      const { isGenerated, generationStrategy } = column;
      if (isGenerated && generationStrategy !== 'uuid') return 'bigint';
      const copy = column.clone();
      copy.type = driver.normalizeType({ type: column.type as never });
      return driver.createFullType(copy);
    }

    protected override loadTables(names?: string[]): Promise<HostTable[]> {
      const tables = names
        ? names.flatMap((name) => recording.catalog.table(this.#named(name)) ?? [])
        : recording.catalog.tables();
      return Promise.resolve(tables.map((table) => hostTable(typeorm, table)));
    }

    protected override loadViews(names?: string[]): Promise<View[]> {
      const views = (names ?? []).filter((name) => recording.catalog.hasView(this.#named(name)));
      return Promise.resolve(views.map((name) => new typeorm.package.View({ name, expression: '' })));
    }

    /** TypeORM keeps the text of a view in a table of its own, which is not what is looked at here. */
    protected override insertViewDefinitionSql(): never {
      return { query: 'SELECT 1', parameters: [] } as never;
    }

    protected override deleteViewDefinitionSql(): never {
      return { query: 'SELECT 1', parameters: [] } as never;
    }

    #named(table: HostTable | string): TableName {
      const { schema, tableName } = driver.parseTableName(table);
      return { ...(schema !== undefined && schema !== 'public' && { schema }), name: tableName };
    }
  }

  const runner = new RecordingQueryRunner(driver, 'master');
  const watched = recording.watched<QueryRunner>(runner);
  Object.assign(runner, { manager: dataSource.createEntityManager(watched) });
  dataSource.createQueryRunner = () => watched;
  return watched;
}

function hostTable({ package: typeorm }: TypeOrm, table: DeclaredTable): HostTable {
  const { columns, constraints } = table;
  const primaryKey = constraints.find(({ type }) => type === 'p');
  const uniques = constraints.filter(({ type }) => type === 'u');
  return new typeorm.Table({
    name: table.schema === undefined ? table.name : `${table.schema}.${table.name}`,
    schema: table.schema ?? 'public',
    database: 'postgres',
    columns: columns.map((column) => ({
      ...hostColumn(column),
      isPrimary: primaryKey?.columns.includes(column.name) ?? false,
      ...(primaryKey?.columns.includes(column.name) && { primaryKeyConstraintName: primaryKey.name }),
      isUnique: uniques.some((unique) => unique.columns.length === 1 && unique.columns[0] === column.name),
    })),
    uniques: uniques.map((unique) => ({ name: unique.name, columnNames: [...unique.columns] })),
    checks: constraints.filter(({ type }) => type === 'c').map(({ name }) => ({ name, expression: 'true' })),
    indices: ownIndexes(table).map((index) => ({
      name: index.name,
      columnNames: index.keys.flatMap(({ column }) => column ?? []),
      isUnique: index.unique,
      ...(index.partial && { where: 'true' }),
    })),
    foreignKeys: foreignKeysOf(table).map(({ name, columns: keys, target, onDelete, onUpdate }) => ({
      name,
      columnNames: [...keys],
      referencedTableName: target.name,
      referencedColumnNames: [...target.columns],
      onDelete: REFERENTIAL_ACTIONS[onDelete ?? 'a'],
      onUpdate: REFERENTIAL_ACTIONS[onUpdate ?? 'a'],
    })),
  });
}

function hostColumn({
  name,
  type = 'text',
  enum: enumType,
  isArray,
  notNull,
  sequence,
  defaultFunction,
}: DeclaredColumn) {
  const [, base = type, modifiers, rest = ''] = /^([^(]*)\(([^)]*)\)(.*)$/.exec(type) ?? [];
  const [first, second] = (modifiers ?? '').split(',');
  const isText = base.startsWith('character');
  const isUuid =
    defaultFunction !== undefined && /^(?:gen_random_uuid|uuid_generate_v4)$/.test(defaultFunction);
  return {
    name,
    type: enumType ? 'enum' : (base + rest).trim(),
    ...(enumType && { enum: [...enumType.labels], enumName: enumType.name }),
    isArray,
    isNullable: !notNull,
    ...(first !== undefined && first !== '' && (isText ? { length: first } : { precision: Number(first) })),
    ...(second !== undefined && { scale: Number(second) }),
    ...(sequence && {
      isGenerated: true,
      generationStrategy: sequence.kind === 'identity' ? ('identity' as const) : ('increment' as const),
    }),
    ...(isUuid && { isGenerated: true, generationStrategy: 'uuid' as const }),
    ...(defaultFunction !== undefined && !isUuid && !sequence && { default: `${defaultFunction}()` }),
  };
}
