import { enumCheckOf, isNotNull, primaryKeyOf, type CatalogColumn, type CatalogTable } from '../../sql';

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
