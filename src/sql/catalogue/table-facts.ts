import type { ColumnFacts, RestrictingKey, TableFacts } from './catalog-facts';
import type { CatalogColumn, CatalogIndex, CatalogTable } from './catalog-table';
import { notNullCheckOf } from './checks';
import { restrictsDelete } from './emptying-plan';

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
    restrictingKeys: restrictingKeysOf(table),
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

function restrictingKeysOf(table: CatalogTable): readonly RestrictingKey[] {
  const takesNull = (name: string) =>
    table.columns.some((column) => column.name === name && !isNotNull(table, column));
  return table.constraints.flatMap(({ target, onDelete, columns }) => {
    const isOwn = target?.schema === table.schema && target.name === table.name;
    if (target === null || isOwn || !restrictsDelete(onDelete)) return [];
    return [{ target: { schema: target.schema, name: target.name }, nullable: columns.find(takesNull) }];
  });
}

/** Whether an index is what a build has left that failed, or was given up. */
export function isBroken({ valid, buildJobId }: CatalogIndex): boolean {
  return !valid && buildJobId === null;
}
