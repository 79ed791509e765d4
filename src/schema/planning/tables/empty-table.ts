import {
  defaultName,
  isNotNull,
  isNotNullCheck,
  literal,
  primaryKeyOf,
  quoted,
  quotedTable,
  statementOf,
  type CatalogColumn,
  type CatalogTable,
  type DsqlStatement,
  type Translation,
} from '../../../sql';
import { refersTo, type ReadTables } from '../../catalogue/read-tables';
import { typeIn } from '../../rebuild/table-change';

/** What a change of a type on an empty table needs. */
export interface EmptyTablePlanning {
  readonly readTables: ReadTables;
  readonly read: (sql: string) => Promise<readonly unknown[]>;
  readonly translate: (text: string, tables: readonly CatalogTable[]) => Promise<Translation>;
}

/**
 * Gives a column of an empty table another type: it is dropped and added, with its default, its constraints and its
 * indexes. It comes last among the columns then.
 *
 * That the table is empty is not only looked for: until all is done, a CHECK that no row can keep to lets nobody write one,
 * and its validation proves that there is none.
 *
 * @param action - `ALTER TABLE t ALTER COLUMN c TYPE …`, alone
 * @returns nothing where there are rows, or where more than the table depends on the column
 */
export async function retypeEmpty(
  table: CatalogTable,
  column: CatalogColumn,
  action: string,
  { readTables, read, translate }: EmptyTablePlanning,
): Promise<readonly DsqlStatement[] | undefined> {
  const { type } = typeIn(action);
  if (type === '' || column.identity || primaryKeyOf(table).includes(column.name)) return undefined;
  const written = quotedTable(table);
  const referring = await readTables(refersTo(table));
  const isReferred = referring.some(({ constraints }) =>
    constraints.some(({ target }) => target?.name === table.name && target.columns.includes(column.name)),
  );
  if (isReferred || (await read(`SELECT 1 FROM ${written} LIMIT 1`)).length > 0) return undefined;
  if ((await read(dependentsQuery(written, column.name))).length > 0) return undefined;
  const isOther = ({ columns }: { readonly columns: readonly string[] }) => !columns.includes(column.name);
  const rest: CatalogTable = {
    ...table,
    columns: table.columns.filter(({ name }) => name !== column.name),
    constraints: table.constraints.filter(isOther),
  };
  const { statements, refusals } = await translate(addingText(table, column, type), [rest]);
  if (refusals.length > 0) return undefined;
  const guard = quoted(guardOf(table));
  const ddl = (change: string, kind: DsqlStatement['kind'] = 'ddl') =>
    statementOf(`ALTER TABLE ${kind === 'ddl' ? '' : 'ASYNC '}${written} ${change}`, kind);
  return [
    ddl(`DROP CONSTRAINT IF EXISTS ${guard}, ADD CONSTRAINT ${guard} CHECK (false) NOT VALID`),
    ddl(`VALIDATE CONSTRAINT ${guard}`, 'validate'),
    ddl(`DROP COLUMN ${quoted(column.name)}`),
    ...statements,
    ddl(`DROP CONSTRAINT ${guard}`),
  ];
}

/** The name of the CHECK that lets nobody write a row: a free one, or that of an attempt that was interrupted. */
function guardOf({ name, constraints }: CatalogTable): string {
  for (let number = 1; ; number++) {
    const guard = defaultName(name, [], `no_rows${number === 1 ? '' : String(number)}`);
    const present = constraints.find((each) => each.name === guard);
    if (present === undefined || present.definition.startsWith('CHECK (false)')) return guard;
  }
}

/**
 * Asks for what DROP COLUMN would fail for: views, generated columns. That a cluster shows them in `pg_depend` as PostgreSQL
 * does is assumed.
 */
function dependentsQuery(written: string, column: string): string {
  return `SELECT 1 FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid WHERE d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = ${literal(written)}::regclass AND a.attname = ${literal(column)} AND d.deptype = 'n' AND d.classid IN ('pg_catalog.pg_rewrite'::regclass, 'pg_catalog.pg_attrdef'::regclass) LIMIT 1`;
}

/** What adds the column with its new type, and what it was a part of, as PostgreSQL writes it. */
function addingText(table: CatalogTable, column: CatalogColumn, type: string): string {
  const alter = `ALTER TABLE ${quotedTable(table)}`;
  const name = quoted(column.name);
  const value = column.default?.replace(/^('(?:[^']|'')*')::[\w ]+(?:\(\d+\))?$/, '$1');
  const isPart = ({ columns }: { readonly columns: readonly string[] }) => columns.includes(column.name);
  const parts = table.constraints.filter(isPart);
  const constraints = parts.filter((constraint) => !isNotNullCheck(constraint));
  const isPresent = isNotNull(table, column) || parts.some(isNotNullCheck);
  const owned = new Set(constraints.map((constraint) => constraint.name));
  const indexes = table.indexes.filter(
    ({ primary, name: index, keys, definition }) =>
      !primary &&
      !owned.has(index) &&
      (keys.some((key) => key.column === column.name) || definition.includes(column.name)),
  );
  return [
    `${alter} ADD COLUMN ${name} ${type}`,
    ...(value === undefined ? [] : [`${alter} ALTER COLUMN ${name} SET DEFAULT ${value}`]),
    ...(isPresent ? [`${alter} ALTER COLUMN ${name} SET NOT NULL`] : []),
    // Its validation may still be under way.
    ...constraints.map(
      (each) => `${alter} ADD CONSTRAINT ${quoted(each.name)} ${each.definition.replace(/ NOT VALID$/, '')}`,
    ),
    ...indexes.map(({ definition }) =>
      definition
        .replace(/^(CREATE (?:UNIQUE )?INDEX )/, '$1ASYNC IF NOT EXISTS ')
        .replace(/ USING \w+ \(/, ' ('),
    ),
    ...(column.comment === null
      ? []
      : [`COMMENT ON COLUMN ${quotedTable(table)}.${name} IS ${literal(column.comment)}`]),
  ].join(';\n');
}
