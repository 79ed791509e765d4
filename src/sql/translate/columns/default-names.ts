import type { KnownConstraint } from '../../catalogue/known-table';

const MAX_NAME_BYTES = 63;

/**
 * The name that PostgreSQL gives an unnamed constraint or index: table, columns and a label joined by `_`, the longer of
 * the two shortened until all fits into 63 bytes, and a number after the label when the name is taken.
 *
 * @param isTaken - Tells whether a name is in use already.
 */
export function defaultName(
  table: string,
  columns: readonly string[],
  label: string,
  isTaken: (name: string) => boolean = () => false,
): string {
  for (let attempt = 0; ; attempt++) {
    const suffix = attempt === 0 ? label : `${label}${String(attempt)}`;
    const name = joinShortened(table, columns.join('_'), suffix);
    if (!isTaken(name)) return name;
  }
}

function joinShortened(table: string, columns: string, label: string): string {
  const overhead = Buffer.byteLength(label) + 1 + (columns === '' ? 0 : 1);
  let first = Buffer.byteLength(table);
  let second = Buffer.byteLength(columns);
  while (first + second + overhead > MAX_NAME_BYTES) {
    if (first > second) first--;
    else second--;
  }
  const parts = [clip(table, first), clip(columns, second), label];
  return parts.filter((part) => part !== '').join('_');
}

/** The start of a name in at most so many bytes of UTF-8, whole characters only. */
function clip(name: string, bytes: number): string {
  if (Buffer.byteLength(name) <= bytes) return name;
  let clipped = '';
  for (const character of name) {
    if (Buffer.byteLength(clipped) + Buffer.byteLength(character) > bytes) break;
    clipped += character;
  }
  return clipped;
}

/** What PostgreSQL ends the name of an unnamed constraint with. */
const LABELS: Readonly<Record<KnownConstraint['type'], string>> = {
  c: 'check',
  f: 'fkey',
  p: 'pkey',
  u: 'key',
};

/**
 * The name that PostgreSQL gives an unnamed constraint.
 *
 * @param columns - those that the constraint is about
 * @param type - as in `pg_constraint`
 * @param isTaken - as for {@link defaultName}
 */
export function defaultConstraintName(
  table: string,
  columns: readonly string[],
  type: KnownConstraint['type'],
  isTaken: (name: string) => boolean,
): string {
  // A CHECK is named after its column only if it has just one, and a primary key after none.
  const isAfterNone = type === 'p' || (type === 'c' && columns.length !== 1);
  return defaultName(table, isAfterNone ? [] : columns, LABELS[type], isTaken);
}

/**
 * The name of the CHECK that stands for NOT NULL on a column that was created without it.
 *
 * @param isTaken - as for {@link defaultName}
 */
export function notNullCheckName(table: string, column: string, isTaken?: (name: string) => boolean): string {
  return defaultName(table, [column], 'not_null', isTaken);
}

/**
 * The name of the CHECK that stands for an enum type on a column. By it the columns of a type are found again: there is
 * nothing else in the database that remembers the type.
 *
 * What TypeORM calls `<table>_<column>_enum` has the name that PostgreSQL gives a CHECK, and what Sequelize calls
 * `enum_<table>_<column>` its own, as both ORMs name them on DSQL; a type of another name is named in that of the CHECK.
 *
 * @param isTaken - as for {@link defaultName}
 */
export function enumCheckName(
  type: string,
  table: string,
  column: string,
  isTaken?: (name: string) => boolean,
): string {
  if (type === clip(`${table}_${column}_enum`, MAX_NAME_BYTES)) {
    return defaultName(table, [column], 'check', isTaken);
  }
  if (type === clip(`enum_${table}_${column}`, MAX_NAME_BYTES)) return type;
  return defaultName(type, [column], 'enum', isTaken);
}

/** The name of the enum type that the name of a CHECK says it stands for; nothing where it says none. */
export function enumTypeIn(check: string, column: string): string | undefined {
  const name = check.replace(/\d+$/, '');
  const end = `_${column}_enum`;
  return name.length > end.length && name.endsWith(end) ? name.slice(0, -end.length) : undefined;
}

/** Whether the CHECK of a column is one that stands for an enum type, also after its table was renamed. */
export function isEnumCheckOf(type: string, table: string, column: string, check: string): boolean {
  const withoutNumber = (name: string) =>
    check.startsWith(name) && /^\d*$/.test(check.slice(name.length)) ? name : '';
  const name = enumCheckName(type, table, column);
  if (withoutNumber(name) !== '') return true;
  const renamed = /^enum_(.+)$/.exec(type) ?? /^(.+)_enum$/.exec(type);
  return renamed !== null && (check === type || withoutNumber(`${renamed[1] ?? ''}_check`) !== '');
}
