import { Deferrable } from 'sequelize';
import {
  enumCheckOf,
  isNotNull,
  primaryKeyOf,
  type CatalogColumn,
  type CatalogIndex,
  type CatalogTable,
} from '../../sql';
import { arrayText, enumCheckName } from './enum-checks';

/** A column as `describeTable` describes it: as on PostgreSQL, and whether it counts by itself. */
export interface DescribedColumn {
  readonly type: string;
  readonly allowNull: boolean;
  readonly defaultValue: string | boolean | null;
  readonly comment: string | null;
  /** The values of an enum. */
  readonly special: string[];
  readonly primaryKey: boolean;
  readonly autoIncrement: boolean;
}

/** What `describeTable` says of a table. */
export function describeTable(table: CatalogTable): Record<string, DescribedColumn> {
  const primaryKey = primaryKeyOf(table);
  return Object.fromEntries(
    table.columns.map((column) => {
      const length = column.length === null ? '' : `(${column.length})`;
      const described: DescribedColumn = {
        type: `${column.baseType}${length}`.toUpperCase(),
        allowNull: !isNotNull(table, column),
        defaultValue: shownDefault(column),
        comment: column.comment,
        special: [...(enumCheckOf(table, column.name)?.values ?? [])],
        primaryKey: primaryKey.includes(column.name),
        autoIncrement: column.identity || column.default?.startsWith('nextval(') === true,
      };
      return [column.name, described];
    }),
  );
}

/** As Sequelize shows it: without quotes, and without the type it is cast to; of an identity, as of a serial column. */
function shownDefault({ baseType, default: expression, sequence }: CatalogColumn): string | boolean | null {
  if (sequence !== null) return `nextval(${sequence.replace(/^public\./, '')}::regclass)`;
  if (expression === null) return null;
  if (baseType === 'boolean') return { true: true, false: false }[expression] ?? null;
  const text = expression.replaceAll("'", '');
  const [value = '', type] = text.split('::');
  return type === undefined || type.toLowerCase() === 'regclass)' ? text : value;
}

/** What `showIndex` says of indexes. */
export function describeIndexes(indexes: readonly CatalogIndex[]): object[] {
  return indexes.map(({ name, primary, unique, valid, indkey, definition, keys }) => ({
    name,
    primary,
    unique,
    valid,
    indkey,
    definition,
    fields: keys.flatMap(({ column, descending }) =>
      column === null
        ? []
        : [
            {
              attribute: column,
              collate: undefined,
              order: descending ? 'DESC' : undefined,
              length: undefined,
            },
          ],
    ),
  }));
}

/**
 * What `getForeignKeyReferencesForTable` says of a table.
 *
 * @param database - its name
 */
export function describeForeignKeys(table: CatalogTable, database: string | null): object[] {
  return table.constraints.flatMap(({ name, columns, target, deferrable, deferred }) =>
    target === null
      ? []
      : columns.map((columnName, at) => ({
          constraintName: name,
          constraintSchema: table.schema,
          constraintCatalog: database,
          tableName: table.name,
          tableSchema: table.schema,
          tableCatalog: database,
          columnName,
          referencedTableSchema: target.schema,
          referencedTableCatalog: database,
          referencedTableName: target.name,
          referencedColumnName: target.columns[at],
          deferrable: !deferrable
            ? Deferrable.NOT
            : deferred
              ? Deferrable.INITIALLY_DEFERRED
              : Deferrable.INITIALLY_IMMEDIATE,
        })),
  );
}

/** What `pgListEnums` says of a table: the columns with a CHECK that holds their values, by the names of PostgreSQL's types. */
export function describeEnums(table: CatalogTable): { enum_name: string; enum_value: string }[] {
  return table.columns.flatMap(({ name }) => {
    const check = enumCheckOf(table, name);
    return check === undefined
      ? []
      : [{ enum_name: enumCheckName(table.name, name), enum_value: arrayText(check.values) }];
  });
}
