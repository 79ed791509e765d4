import type { CatalogTable } from './catalog-table';

const LITERAL = /E?'(?:[^']|'')*'/g;

/** How PostgreSQL shows `CHECK (column IN (…))` of a text, with `?` for each value. */
const SHOWN_ENUM =
  /^CHECK \(\(\(?(?:"(?:[^"]|"")+"|[^\s"()]+)\)?(?:::text)? = (?:\?::(?:text|character varying)(?:::text)?|\(\?::character varying\)::text|ANY \(\(?ARRAY\[(?:\(?\?::(?:text|character varying)\)?(?:::text)?(?:, )?)+\]\)?(?:::text\[\])?\))\)\)(?: NOT VALID)?$/;

/**
 * Reads the values of an enum from the CHECK that holds them.
 *
 * @param definition - as `pg_get_constraintdef()` gives it
 * @returns nothing for a CHECK that is about something else
 */
function enumValuesOf(definition: string): readonly string[] | undefined {
  if (!SHOWN_ENUM.test(definition.replace(LITERAL, '?'))) return undefined;
  return (definition.match(LITERAL) ?? []).map((literal) => {
    const text = literal.replace(/^E?'|'$/g, '').replaceAll("''", "'");
    return literal.startsWith('E') ? text.replaceAll('\\\\', '\\') : text;
  });
}

/** The CHECK that holds the values of an enum, and the values. */
export function enumCheckOf(
  { constraints }: CatalogTable,
  column: string,
): { readonly name: string; readonly values: readonly string[] } | undefined {
  for (const { name, type, columns, definition } of constraints) {
    if (type !== 'c' || columns.length !== 1 || columns[0] !== column) continue;
    const values = enumValuesOf(definition);
    if (values !== undefined) return { name, values };
  }
  return undefined;
}
