import type { ColumnFacts, TableFacts } from './catalog-facts';
import type { CatalogColumn, CatalogIndex, CatalogTable } from './catalog-table';
import { notNullCheckOf } from './checks';

/** Whether a column takes no NULL: DSQL makes an existing column NOT NULL by a CHECK. */
export function isNotNull(table: CatalogTable, column: CatalogColumn): boolean {
  return column.notNull || notNullCheckOf(table, column.name)?.validated === true;
}

/** The primary key, in its order. */
export function primaryKeyOf({ constraints }: CatalogTable): readonly string[] {
  return constraints.find(({ type }) => type === 'p')?.columns ?? [];
}

/** What the translator can use of a table. */
export function factsOf(table: CatalogTable): TableFacts {
  const primaryKeyName = table.constraints.find(({ type }) => type === 'p')?.name;
  return {
    schema: table.schema,
    name: table.name,
    primaryKey: primaryKeyOf(table),
    ...(primaryKeyName !== undefined && { primaryKeyName }),
    constraints: table.constraints.map(({ name }) => name),
    columns: table.columns.map((column): ColumnFacts => {
      const check = notNullCheckOf(table, column.name);
      const { name, type, notNull, identity } = column;
      return {
        name,
        type,
        notNull,
        identity,
        ...(check?.validated === true && { notNullCheck: check.name }),
      };
    }),
  };
}

/** Whether an index is what a build has left that failed, or was given up. */
export function isBroken({ valid, buildJobId }: CatalogIndex): boolean {
  return !valid && buildJobId === null;
}
