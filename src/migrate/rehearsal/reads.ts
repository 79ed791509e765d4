import { parseQuery, strings, tablesNamed, walk, type NodeBody } from '../../sql';

/** Functions that only compute, or look something up. */
const LOOKS =
  /^(?:(?:json|jsonb|pg_get|regexp|array|string|date|to|col|obj|has|current|row|percentile)_\w+|pg_(?:table|column|relation)_\w+|count|max|min|sum|avg|every|bool_(?:or|and)|exists|coalesce|nullif|greatest|least|lower|upper|initcap|length|char_length|octet_length|concat|concat_ws|replace|translate|substring|substr|position|strpos|left|right|lpad|rpad|btrim|ltrim|rtrim|split_part|starts_with|reverse|repeat|format|format_type|quote_ident|quote_literal|quote_nullable|md5|sha256|encode|decode|abs|round|ceil|ceiling|floor|trunc|power|sqrt|mod|random|now|clock_timestamp|statement_timestamp|transaction_timestamp|timezone|extract|age|make_\w+|generate_\w+|gen_random_uuid|unnest|cardinality|rank|dense_rank|lag|lead|first_value|last_value|ntile|version|schema|concat_op|oid|regclass)$/;

/** The relations of the catalogue. */
const OF_CATALOGUE = /^(?:pg_|sql_)/;

/** What a query looks at. */
export interface Looked {
  /** The names of tables, and of what the text names besides. */
  readonly tables: readonly string[];
  readonly isAtCatalogue: boolean;
  /** Whether all that it calls surely leaves nothing behind. */
  readonly isHarmless: boolean;
}

/** Finds out what a text that only reads looks at. */
export function lookedAt(text: string): Looked {
  const parsed = parseQuery(text);
  const named = tablesNamed(parsed);
  let isHarmless = parsed.statements.length === 1;
  for (const { node, tree } of parsed.statements) {
    isHarmless &&= node === 'SelectStmt';
    walk(node, tree as object, ({ name, body }) => {
      if (name !== 'FuncCall') return true;
      const called = strings((body as NodeBody<'FuncCall'>).funcname);
      const isOwn = called.length === 1 || called[0] === 'pg_catalog';
      isHarmless &&= isOwn && LOOKS.test(called.at(-1) ?? '');
      return isHarmless;
    });
  }
  return {
    tables: named.map(({ name }) => name),
    isAtCatalogue: named.some(
      ({ schema, name }) =>
        schema === 'pg_catalog' || schema === 'information_schema' || OF_CATALOGUE.test(name),
    ),
    isHarmless,
  };
}
