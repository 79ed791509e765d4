import type { QueryRunner, Table, TableColumn } from 'typeorm';
import type { Query } from 'typeorm/driver/Query.js';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';
import {
  defaultName,
  enumCheckOf,
  isNotNullCheck,
  notNullCheckOf,
  type CatalogTable,
  type KnownTable,
} from '../../sql';
import type { DsqlDriverParts } from '../dsql-driver-parts';
import { isEnum, isIdentity } from './column-change';
import { schemaSession } from './schema-session';
import { absentTable, pathKey, readTable, readTables, type TablePath } from './table-details';

/** What names a table to TypeORM. */
export type TableTarget = Parameters<PostgresDriver['parseTableName']>[0];

/** What the catalogue says of the tables that a query runner has loaded, until the schema is changed. */
export class KnownTables {
  readonly #queryRunner: QueryRunner;
  readonly #driver: DsqlDriverParts;
  /** By {@link pathKey}. */
  readonly #known = new Map<string, CatalogTable>();
  /** Whether columns are identities by now, where TypeORM's tables do not yet say so: by {@link pathKey} and name. */
  readonly #identities = new Map<string, boolean>();

  /** @param queryRunner - what the catalogue is read with */
  constructor(queryRunner: QueryRunner, driver: DsqlDriverParts) {
    this.#queryRunner = queryRunner;
    this.#driver = driver;
  }

  /** All that are known. */
  get all(): readonly CatalogTable[] {
    return [...this.#known.values()];
  }

  /** The schema and the name of a table. */
  pathOf(target: TableTarget): TablePath {
    const { schema, tableName } = this.#driver.parseTableName(target);
    return { schema: schema ?? this.#driver.searchSchema ?? 'public', name: tableName };
  }

  /** The same for whatever names the same table. */
  keyOf(target: TableTarget): string {
    return pathKey(this.pathOf(target));
  }

  /** What is known of a table; nothing of one that was not loaded. */
  of(target: TableTarget): CatalogTable {
    const path = this.pathOf(target);
    return this.#known.get(pathKey(path)) ?? absentTable(path);
  }

  /** What a column is in the database, if it is an enum to TypeORM. */
  enumTypeOf(target: TableTarget, column: string): string | undefined {
    return enumTypeOf(this.of(target), column);
  }

  /** Reads tables, which are known from then on. */
  async load(targets: readonly TableTarget[]): Promise<void> {
    const read = await readTables(
      schemaSession(this.#queryRunner),
      targets.map((target) => this.pathOf(target)),
    );
    for (const [path, table] of read) this.#known.set(path, table);
  }

  /** The schema is about to be changed. */
  forget(): void {
    this.#known.clear();
    this.beginPlan();
  }

  /** Changes are planned anew: nothing is known of what others would have changed. */
  beginPlan(): void {
    this.#identities.clear();
  }

  /** Notes that the change which is planned makes a column an identity, or one no longer. */
  noteIdentity(target: TableTarget, column: string, isIdentity: boolean): void {
    this.#identities.set(identityKey(this.keyOf(target), column), isIdentity);
  }

  /** A table as it is now, whatever was known of it. */
  readNow(target: TableTarget): Promise<CatalogTable> {
    return readTable(schemaSession(this.#queryRunner), this.pathOf(target));
  }

  /** What a column is in the database now, if it is an enum to TypeORM. */
  async storedTypeOf(table: Table, column: TableColumn): Promise<string | undefined> {
    return isEnum(column) ? enumTypeOf(await this.readNow(table), column.name) : undefined;
  }

  /** Identities are bigint and were created NOT NULL; a column that is not takes its values from a sequence. */
  async mayCountUp(table: Table, column: TableColumn): Promise<boolean> {
    const { columns } = await this.readNow(table);
    const known = columns.find(({ name }) => name === column.name);
    return known?.type === 'bigint' && known.notNull;
  }

  /** What translation has to know of the tables that statements name. */
  async knownIn(queries: readonly Query[], loaded: readonly Table[]): Promise<KnownTable[]> {
    const named = loaded.filter((table) => {
      const { tableName } = this.#driver.parseTableName(table);
      return queries.some(({ query }) => query.includes(tableName));
    });
    const unknown = named.filter((table) => !this.#known.has(this.keyOf(table)));
    if (unknown.length > 0) await this.load(unknown);
    return named.map((table) => this.#knownAs(table));
  }

  /** A table as TypeORM will have made it when the queries before are sent, with what the database says of it now. */
  #knownAs(table: Table): KnownTable {
    const path = this.pathOf(table);
    const known = this.of(table);
    const key = known.constraints.find(({ type }) => type === 'p');
    const columns = table.primaryColumns.map(({ name }) => name);
    // A CHECK whose validation has failed is left as it is: the schema builder validates it again.
    const others = known.constraints
      .filter(({ type }) => type !== 'p')
      .map((each) => (isNotNullCheck(each) ? { ...each, validated: true } : each));
    const name = key?.name ?? defaultName(path.name, [], 'pkey');
    return {
      ...path,
      constraints: [
        ...(columns.length > 0 ? [{ name, type: 'p' as const, columns, validated: true }] : []),
        ...others,
      ],
      columns: table.columns.map((column) => ({
        name: column.name,
        type: isEnum(column) ? 'text' : this.#driver.createFullType(column),
        notNull: !column.isNullable && notNullCheckOf(known, column.name) === undefined,
        identity: this.#identities.get(identityKey(pathKey(path), column.name)) ?? isIdentity(column),
      })),
    };
  }
}

function identityKey(table: string, column: string): string {
  return JSON.stringify([table, column]);
}

function enumTypeOf(table: CatalogTable, column: string): string | undefined {
  if (enumCheckOf(table, column) === undefined) return undefined;
  return table.columns.find(({ name }) => name === column)?.baseType;
}
