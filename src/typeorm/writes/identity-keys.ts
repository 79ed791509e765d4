import type { DataSource, EntityMetadata } from 'typeorm';
import type { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata.js';
import type { FindIdentityColumn } from '../../schema';

/** A column as the driver gets it: metadata, or only a type. */
export type AskedColumn = Partial<
  Pick<ColumnMetadata, 'type' | 'isGenerated' | 'generationStrategy' | 'referencedColumn'>
>;

/** The types that the database gives numbers for on PostgreSQL. */
const NUMBERS: ReadonlySet<unknown> = new Set([Number, 'int', 'int2', 'int4', 'integer', 'smallint']);

/** The column that a foreign key, or a chain of them, refers to in the end. */
function targetOf(column: AskedColumn): AskedColumn {
  const seen = new Set<AskedColumn>();
  let target = column;
  while (target.referencedColumn !== undefined && !seen.has(target)) {
    seen.add(target);
    target = target.referencedColumn;
  }
  return target;
}

/** Whether a column takes its values from an identity column: it is one, or refers to one. */
export function hasIdentityValues(column: AskedColumn): boolean {
  const { isGenerated, generationStrategy } = targetOf(column);
  return isGenerated === true && generationStrategy !== 'uuid';
}

/**
 * Whether a column of a view was declared a number. The host knows no types of such columns, and where they are keys of
 * tables, PostgreSQL gives numbers for them.
 */
export function isNumberOfView({ entityMetadata, target, propertyName }: ColumnMetadata): boolean {
  if (entityMetadata.tableType !== 'view' || typeof target !== 'function') return false;
  const { getMetadata } = Reflect as {
    getMetadata?: (key: string, target: object, property: string) => unknown;
  };
  return getMetadata?.('design:type', target.prototype as object, propertyName) === Number;
}

/**
 * Whether values of a column are numbers for the application although they may be bigint in the database: identity columns
 * are bigint only (recorded from a cluster, 2026-09), and an entity that says `Number` or `int` means a number.
 */
export function isNumber(column: AskedColumn): boolean {
  return NUMBERS.has(targetOf(column).type);
}

/** A table, as a statement or the catalogue names it. */
interface NamedTable {
  /** Nothing for the one that names without a schema lead to. */
  readonly schema?: string | undefined;
  readonly tableName: string;
  /** Whether names without a schema lead to its schema; without it they are taken to lead to `public`. */
  readonly isInCurrentSchema?: boolean;
}

/** The entities that are stored in a table: several where they inherit from each other. */
export function entitiesOf(
  { driver, entityMetadatas }: DataSource,
  { schema, tableName, isInCurrentSchema }: NamedTable,
): EntityMetadata[] {
  const current = driver.schema ?? (isInCurrentSchema === undefined ? 'public' : undefined);
  return entityMetadatas.filter((metadata) => {
    const parsed = driver.parseTableName(metadata);
    if (parsed.tableName !== tableName) return false;
    const schemaOfEntity = parsed.schema ?? current;
    return schemaOfEntity === undefined ? isInCurrentSchema === true : schemaOfEntity === (schema ?? current);
  });
}

/** Finds the identity columns of the tables that the entities of a data source are stored in. */
export function identityColumnsOf(dataSource: DataSource): FindIdentityColumn {
  return (table) => {
    const key = entitiesOf(dataSource, table)
      .flatMap(({ columns }) => columns)
      .find((column) => column.referencedColumn === undefined && hasIdentityValues(column));
    return key && { table: key.entityMetadata.tablePath, column: key.databaseName };
  };
}
