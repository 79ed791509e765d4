import { literal, quoted } from '../text/quoting';
import type { KnownColumn, KnownConstraint, KnownTable } from './known-table';

/** A CHECK that holds the values of an enum. */
export interface EnumCheck {
  readonly name: string;
  /** In the order of the enum. */
  readonly values: readonly string[];
}

/** The CHECKs that name one column only. */
function checksOf({ constraints }: KnownTable, column: string): readonly KnownConstraint[] {
  return constraints.filter(
    ({ type, columns }) => type === 'c' && columns.length === 1 && columns[0] === column,
  );
}

const IS_NOT_NULL = /^CHECK \(\((?:"(?:[^"]|"")+"|[^\s"]+) IS NOT NULL\)\)(?: NOT VALID)?$/;

/** Whether this is `CHECK (column IS NOT NULL)`. */
export function isNotNullCheck({ type, definition = '' }: KnownConstraint): boolean {
  return type === 'c' && IS_NOT_NULL.test(definition);
}

/**
 * The CHECK by which a column is NOT NULL that was created without it: there is no SET NOT NULL. Until it is validated,
 * rows from before it may be NULL.
 */
export function notNullCheckOf(table: KnownTable, column: string): KnownConstraint | undefined {
  return checksOf(table, column).find(isNotNullCheck);
}

/** Whether a column takes no NULL: DSQL makes an existing column NOT NULL by a CHECK. */
export function isNotNull(table: KnownTable, column: KnownColumn): boolean {
  return column.notNull || notNullCheckOf(table, column.name)?.validated === true;
}

const LITERAL = /E?'(?:[^']|'')*'/g;

/** How PostgreSQL shows `CHECK (column IN (…))` of a text, with `?` for each value. */
const SHOWN_ENUM =
  /^CHECK \(\(\(?(?:"(?:[^"]|"")+"|[^\s"()]+)\)?(?:::text)? = (?:\?::(?:text|character varying)(?:::text)?|\(\?::character varying\)::text|ANY \(\(?ARRAY\[(?:\(?\?::(?:text|character varying)\)?(?:::text)?(?:, )?)+\]\)?(?:::text\[\])?\))\)\)(?: NOT VALID)?$/;

/** The values in the CHECK of an enum, as `pg_get_constraintdef()` gives it; nothing for one that is about something else. */
export function enumValuesOf(definition: string): readonly string[] | undefined {
  if (!SHOWN_ENUM.test(definition.replace(LITERAL, '?'))) return undefined;
  return (definition.match(LITERAL) ?? []).map(textOfLiteral);
}

/** The CHECK of an enum of such values, as `pg_get_constraintdef()` gives it. */
export function shownEnumCheck(column: string, values: readonly string[]): string {
  return `CHECK ((${quoted(column)} = ANY (ARRAY[${values.map((value) => `${literal(value)}::text`).join(', ')}])))`;
}

/** The CHECK that holds the values of the enum that a column is. */
export function enumCheckOf(table: KnownTable, column: string): EnumCheck | undefined {
  for (const { name, definition = '' } of checksOf(table, column)) {
    const values = enumValuesOf(definition);
    if (values !== undefined) return { name, values };
  }
  return undefined;
}

/** How PostgreSQL shows the CHECK of a column of arrays of an enum, which is jsonb, with `?` for the list. */
const SHOWN_ENUM_ARRAY = /^CHECK \(\((?:"(?:[^"]|"")+"|[^\s"()]+) <@ \?::jsonb\)\)(?: NOT VALID)?$/;

/** The CHECK that holds the values of the members of a column of arrays. */
export function enumArrayCheckOf(table: KnownTable, column: string): EnumCheck | undefined {
  for (const { name, definition = '' } of checksOf(table, column)) {
    if (!SHOWN_ENUM_ARRAY.test(definition.replace(LITERAL, '?'))) continue;
    const [list = ''] = definition.match(LITERAL) ?? [];
    const values: unknown = JSON.parse(textOfLiteral(list));
    if (Array.isArray(values)) return { name, values: values.map(String) };
  }
  return undefined;
}

function textOfLiteral(literal: string): string {
  const text = literal.replace(/^E?'|'$/g, '').replaceAll("''", "'");
  return literal.startsWith('E') ? text.replaceAll('\\\\', '\\') : text;
}
