import { parseQuery, strings, tablesNamed, walk, type NodeBody, type TableName } from '../../sql';

/** Functions of PostgreSQL that only compute, or look something up; those of users may write. */
const LOOKS: ReadonlySet<string> = new Set(
  (
    'count max min sum avg every bool_and bool_or string_agg array_agg json_agg jsonb_agg json_object_agg jsonb_object_agg ' +
    'percentile_cont percentile_disc row_number rank dense_rank lag lead first_value last_value ntile ' +
    'coalesce nullif greatest least lower upper initcap length char_length octet_length concat concat_ws replace translate ' +
    'substring substr position strpos left right lpad rpad btrim ltrim rtrim split_part starts_with reverse repeat format ' +
    'regexp_replace regexp_match regexp_matches regexp_count string_to_array array_to_string quote_ident quote_literal ' +
    'quote_nullable md5 sha256 encode decode to_char to_date to_number to_timestamp abs round ceil ceiling floor trunc power ' +
    'sqrt mod random now clock_timestamp statement_timestamp transaction_timestamp timezone date_trunc date_part extract age ' +
    'make_date make_interval make_timestamp make_timestamptz generate_series gen_random_uuid unnest cardinality array_length ' +
    'array_append array_remove array_position json_build_object jsonb_build_object json_build_array jsonb_build_array to_json ' +
    'to_jsonb row_to_json json_array_elements jsonb_array_elements json_array_elements_text jsonb_array_elements_text ' +
    'json_array_length jsonb_array_length jsonb_typeof json_typeof jsonb_set jsonb_each jsonb_each_text jsonb_object_keys ' +
    'jsonb_extract_path jsonb_extract_path_text jsonb_strip_nulls to_regclass to_regtype to_regnamespace to_regproc format_type ' +
    'obj_description col_description pg_get_constraintdef pg_get_indexdef pg_get_expr pg_get_viewdef pg_get_serial_sequence ' +
    'pg_get_functiondef pg_table_is_visible pg_table_size pg_column_size pg_relation_size current_schema current_schemas ' +
    'current_database current_setting has_table_privilege has_schema_privilege has_column_privilege version'
  ).split(' '),
);

/** The relations of the catalogue. */
const OF_CATALOGUE = /^(?:pg_|sql_)/;

/** What a query looks at. */
export interface Looked {
  /** The names of tables, and of what the text names besides. */
  readonly tables: readonly string[];
  readonly isAtCatalogue: boolean;
  /** Whether it looks at rows of others than the catalogue. */
  readonly isAtRows: boolean;
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
      isHarmless &&= isOwn && LOOKS.has(called.at(-1) ?? '');
      return isHarmless;
    });
  }
  return {
    tables: named.map(({ name }) => name),
    isAtCatalogue: named.some(isOfCatalogue),
    isAtRows: !named.every(isOfCatalogue),
    isHarmless,
  };
}

function isOfCatalogue({ schema, name }: TableName): boolean {
  return schema === 'pg_catalog' || schema === 'information_schema' || OF_CATALOGUE.test(name);
}
