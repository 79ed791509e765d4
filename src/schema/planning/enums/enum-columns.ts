import {
  enumArrayCheckOf,
  enumCheckName,
  enumCheckOf,
  isEnumCheckOf,
  literal,
  MAX_TRANSACTION_ROWS,
  primaryKeyOf,
  quoted,
  quotedTable,
  statementOf,
  type CatalogColumn,
  type CatalogTable,
  type DsqlStatement,
  type EnumCheck,
  type TableName,
} from '../../../sql';
import type { ReadTables } from '../../catalogue/read-tables';

/** A column that has taken the place of one of an enum type, or of an array of one. */
export interface EnumColumn {
  readonly table: CatalogTable;
  readonly column: CatalogColumn;
  readonly check: EnumCheck;
}

/** The CHECK that holds the labels: of an array, which is jsonb, those of its members. */
export function checkOf(table: CatalogTable, column: CatalogColumn): EnumCheck | undefined {
  return isArray(column) ? enumArrayCheckOf(table, column.name) : enumCheckOf(table, column.name);
}

function isArray({ type }: CatalogColumn): boolean {
  return type === 'jsonb';
}

function condition(column: CatalogColumn, labels: readonly string[]): string {
  const name = quoted(column.name);
  if (isArray(column)) return `${name} <@ ${literal(JSON.stringify(labels))}::jsonb`;
  return `${name} IN (${labels.map(literal).join(', ')})`;
}

/** What a value becomes when a label gets another name. */
function renamedLabel(column: CatalogColumn, from: string, to: string): string {
  if (!isArray(column)) return literal(to);
  return `(SELECT jsonb_agg(CASE WHEN member = ${literal(from)} THEN ${literal(to)} ELSE member END ORDER BY place) FROM jsonb_array_elements_text(${quoted(column.name)}) WITH ORDINALITY AS members(member, place))`;
}

/** The default of a column when a label gets another name; nothing where it stays. */
function defaultWith(column: CatalogColumn, from: string, to: string): string | undefined {
  const [, text = ''] =
    /^'((?:[^']|'')*)'::(?:text|character varying|jsonb)$/.exec(column.default ?? '') ?? [];
  const value = text.replaceAll("''", "'");
  if (!isArray(column)) return value === from ? literal(to) : undefined;
  const members: unknown = value === '' ? [] : JSON.parse(value);
  if (!Array.isArray(members) || !members.includes(from)) return undefined;
  return literal(JSON.stringify(members.map((member: unknown) => (member === from ? to : member))));
}

/** The columns of a type: in its schema, or anywhere if there is none. */
export async function columnsOf(type: TableName, read: ReadTables): Promise<readonly EnumColumn[]> {
  const plain = type.name.replace(/^enum_|_enum$/g, '');
  // Of a name that was cut off only the beginning is the same.
  const beginnings = [type.name, plain].map(
    (name) => `starts_with(o.conname::text, ${literal(name.slice(0, 24))})`,
  );
  const tables = await read(
    `EXISTS (SELECT FROM pg_catalog.pg_constraint o WHERE o.conrelid = c.oid AND o.contype = 'c' AND (${beginnings.join(' OR ')}))`,
  );
  const columns = tables.flatMap((table) =>
    table.columns.flatMap((column): EnumColumn[] => {
      const check = checkOf(table, column);
      if (check === undefined || !isEnumCheckOf(type.name, table.name, column.name, check.name)) return [];
      return [{ table, column, check }];
    }),
  );
  const own = columns.filter(({ table }) => table.schema === (type.schema ?? 'public'));
  return own.length > 0 ? own : columns;
}

/**
 * Gives a column the CHECK of a type. The new one is validated before the old one goes, so that no value is let through;
 * where it allows all that the old one does it takes its place at once.
 */
export function relabelled(
  type: string,
  { table, column, check }: Omit<EnumColumn, 'check'> & { readonly check: EnumColumn['check'] | undefined },
  labels: readonly string[],
): readonly DsqlStatement[] {
  const name = enumCheckName(type, table.name, column.name);
  const definition = `CHECK (${condition(column, labels)}) NOT VALID`;
  const validate = (added: string) =>
    statementOf(`ALTER TABLE ASYNC ${quotedTable(table)} VALIDATE CONSTRAINT ${quoted(added)}`, 'validate');
  if (check === undefined) {
    const added = freeName(table, name);
    return [statementOf(alterTable(table, `ADD CONSTRAINT ${quoted(added)} ${definition}`)), validate(added)];
  }
  const drop = `DROP CONSTRAINT ${quoted(check.name)}`;
  if (check.values.every((value) => labels.includes(value))) {
    const isNamed = isEnumCheckOf(type, table.name, column.name, check.name);
    const added = isNamed ? check.name : freeName(table, name);
    return [
      statementOf(alterTable(table, `${drop}, ADD CONSTRAINT ${quoted(added)} ${definition}`)),
      validate(added),
    ];
  }
  const added = freeName(table, name);
  return [
    statementOf(alterTable(table, `ADD CONSTRAINT ${quoted(added)} ${definition}`)),
    validate(added),
    statementOf(alterTable(table, drop)),
  ];
}

/** Renames a label, and with it the values of the rows; meanwhile both names are allowed. */
export function relabelledRows(
  type: string,
  each: EnumColumn,
  from: string,
  to: string,
): readonly DsqlStatement[] {
  const { table, column, check } = each;
  const written = quotedTable(table);
  const name = quoted(column.name);
  const key = primaryKeyOf(table).map(quoted).join(', ');
  const isOld = isArray(column) ? `${name} ? ${literal(from)}` : `${name} = ${literal(from)}`;
  const renamed = renamedLabel(column, from, to);
  const rows =
    key === ''
      ? isOld
      : `(${key}) IN (SELECT ${key} FROM ${written} WHERE ${isOld} LIMIT ${MAX_TRANSACTION_ROWS})`;
  const newDefault = defaultWith(column, from, to);
  const both = [...check.values, to];
  const [replace] = relabelled(type, each, both);
  const last = relabelled(
    type,
    { table, column, check: { name: check.name, values: both } },
    check.values.map((label) => (label === from ? to : label)),
  );
  return [
    ...(replace === undefined ? [] : [replace]),
    ...(newDefault === undefined
      ? []
      : [statementOf(alterTable(table, `ALTER COLUMN ${name} SET DEFAULT ${newDefault}`))]),
    {
      ...statementOf(`UPDATE ${written} SET ${name} = ${renamed} WHERE ${rows}`, 'dml'),
      repeat: { maxRows: MAX_TRANSACTION_ROWS, table, key: primaryKeyOf(table) },
    },
    ...last,
  ];
}

export function freeName({ constraints }: CatalogTable, name: string): string {
  const isTaken = (wanted: string) => constraints.some((constraint) => constraint.name === wanted);
  for (let number = 0; ; number++) {
    const free = number === 0 ? name : `${name.slice(0, 60)}${number}`;
    if (!isTaken(free)) return free;
  }
}

export function alterTable(table: CatalogTable, action: string): string {
  return `ALTER TABLE ${quotedTable(table)} ${action}`;
}
