import type { EntityMetadata, Table, TableColumn } from 'typeorm';
import type { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata.js';
import { isOneOf, readTablesWhere, type SchemaSession } from '../../schema';
import {
  defaultName,
  enumCheckOf,
  isBroken,
  isNotNullCheck,
  notNullCheckOf,
  type CatalogTable,
  type EnumCheck,
} from '../../sql';
import { hasIdentityValues, isNumber } from '../writes/identity-keys';
import type { DsqlDriverParts } from '../dsql-driver-parts';
import { isEnum, isTextType } from './column-change';
import { isKeptAsText } from './column-types';
import { enumNameOf } from './enum-change';

/** A table by its schema and name. */
export interface TablePath {
  readonly schema: string;
  readonly name: string;
}

/** One name for a table in every map. */
export function pathKey({ schema, name }: TablePath): string {
  return JSON.stringify([schema, name]);
}

/**
 * Reads what the catalogue says of tables.
 *
 * @returns the tables by {@link pathKey}; one without columns for a table that there is not
 */
export async function readTables(
  session: SchemaSession,
  paths: readonly TablePath[],
): Promise<ReadonlyMap<string, CatalogTable>> {
  const read = await readTablesWhere(isOneOf(paths), async (sql) => (await session.query(sql)).rows);
  const tables = new Map(paths.map((path) => [pathKey(path), absentTable(path)]));
  for (const table of read) tables.set(pathKey(table), table);
  return tables;
}

/** Reads what the catalogue says of one table. */
export async function readTable(session: SchemaSession, path: TablePath): Promise<CatalogTable> {
  return (await readTables(session, [path])).get(pathKey(path)) ?? absentTable(path);
}

/** A table of which the catalogue says nothing. */
export function absentTable({ schema, name }: TablePath): CatalogTable {
  return { schema, name, columns: [], constraints: [], indexes: [] };
}

/** The names of the constraints that an entity wants and that not all rows were found to keep to. */
export function unvalidatedConstraints(table: CatalogTable, metadata: EntityMetadata): readonly string[] {
  const named = [...metadata.checks, ...metadata.foreignKeys];
  return table.constraints
    .filter((constraint) => {
      const { validated, name, columns } = constraint;
      if (validated) return false;
      if (named.some((wanted) => wanted.name === name)) return true;
      const [column = '', another] = columns;
      const wanted = another === undefined ? metadata.findColumnWithDatabaseName(column) : undefined;
      if (wanted === undefined) return false;
      if (isNotNullCheck(constraint)) return !wanted.isNullable;
      const labels = (wanted.enum ?? []).map(String);
      const check = enumCheckOf(table, column);
      return check?.name === name && JSON.stringify(check.values) === JSON.stringify(labels);
    })
    .map(({ name }) => name);
}

/**
 * Makes of a table as TypeORM has read it what it would have read on PostgreSQL: NOT NULL, enums, types that are kept as
 * text, and indexes without the columns that they only include.
 *
 * @param table - changed
 * @param metadata - of the entity that is kept in the table, if there is one
 */
export function completeTable(
  table: Table,
  known: CatalogTable,
  metadata: EntityMetadata | undefined,
  driver: DsqlDriverParts,
): void {
  const hidden = new Set<string>();
  const tableName = table.name.slice(table.name.lastIndexOf('.') + 1);
  for (const column of table.columns) {
    const notNull = notNullCheckOf(known, column.name);
    if (notNull !== undefined && !isOwnCheck(metadata, notNull.name)) {
      column.isNullable = false;
      hidden.add(notNull.name);
    }
    // What PostgreSQL keeps as serial: the host renames its sequence with the table, and finds the strategy it knows.
    if (column.generatedIdentity === 'BY DEFAULT' && !wantsIdentity(metadata, column.name)) {
      column.generationStrategy = 'increment';
    }
    const wanted = metadata?.findColumnWithDatabaseName(column.name);
    completeInteger(column, wanted);
    completeText(column, wanted, driver);
    // A default of 1.5 is compared as '1.5', as the host does it with whole numbers.
    if (/^-?\d+\.\d+$/.test(String(column.default))) column.default = `'${String(column.default)}'`;
    const check = enumCheckOf(known, column.name);
    if (completeEnum(tableName, column, check, metadata) && check !== undefined) hidden.add(check.name);
  }
  table.checks = table.checks.filter(({ name }) => name === undefined || !hidden.has(name));
  for (const index of table.indices) {
    const built = known.indexes.find(({ name }) => name === index.name);
    if (built === undefined) continue;
    // An index without columns is never the one that an entity wants, so a broken one is dropped and built anew.
    index.columnNames = isBroken(built) ? [] : built.keys.flatMap(({ column }) => column ?? []);
    // The 0.3 line knows no types of indexes. Aurora DSQL calls its only one `btree_index`.
    if ((index as { type?: string }).type === 'btree_index') index.type = 'btree';
  }
}

/** Whether the entity itself says `identity` and not `increment`. */
function wantsIdentity(metadata: EntityMetadata | undefined, column: string): boolean {
  // The host's type leaves the value out.
  const strategy: string | undefined = metadata?.findColumnWithDatabaseName(column)?.generationStrategy;
  return strategy === 'identity';
}

/** Whether the entity itself asks for a CHECK of that name. */
function isOwnCheck(metadata: EntityMetadata | undefined, name: string): boolean {
  return metadata?.checks.some((check) => check.name === name) === true;
}

/** A wider integer than the entity asks for keeps its values as well, and so does a narrower one that counts up. */
function completeInteger(column: TableColumn, wanted: ColumnMetadata | undefined): void {
  if (wanted === undefined || !isNumber(wanted)) return;
  if (hasIdentityValues(wanted)) {
    if (/^(?:integer|smallint)$/.test(column.type)) column.type = 'bigint';
  } else if (column.type === 'bigint') {
    column.type = /^(?:int2|smallint)$/.test(String(wanted.type)) ? 'smallint' : 'integer';
  }
}

/** A text is what the entity says, where that is kept as text. */
function completeText(
  column: TableColumn,
  wanted: ColumnMetadata | undefined,
  driver: DsqlDriverParts,
): void {
  if (wanted === undefined || !isTextType(column.type)) return;
  if (!isKeptAsText(wanted.type, driver.mapping.simplify)) return;
  column.type = driver.normalizeType(wanted);
  column.length = driver.getColumnLength(wanted);
}

/** @returns whether the column is one of an enum type to TypeORM */
function completeEnum(
  tableName: string,
  column: TableColumn,
  check: EnumCheck | undefined,
  metadata: EntityMetadata | undefined,
): boolean {
  if (check === undefined || isOwnCheck(metadata, check.name)) return false;
  const wanted = metadata?.findColumnWithDatabaseName(column.name);
  // Where the entity does not say that it is an enum, it is one by the name that its CHECK was given.
  const own = defaultName(tableName, [column.name], 'check');
  if (wanted !== undefined && !isEnum(wanted) && check.name.replace(/\d*$/, '') !== own) return false;
  column.type = 'enum';
  column.length = '';
  column.enum = [...check.values];
  const enumName = enumNameOf(tableName, column.name, check.name, wanted?.enumName);
  if (enumName !== undefined) column.enumName = enumName;
  return true;
}
