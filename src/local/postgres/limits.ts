import { INDEX_ENTRY_COST_BYTES, ROW_COST_BYTES } from '../../sql';

/** The most bytes that the columns of a key may have (AWS's troubleshooting skill, 2026-10-01). */
const KEY_BYTES = 1981;
/** What each column of a key after the first takes of that. */
const KEY_COLUMN_BYTES = 7;

/**
 * The SQL of hidden functions that tell which of a cluster's limits the current transaction exceeds. All of them look
 * only at what the transaction made itself, so that what is there already costs nothing and is never blamed.
 *
 * - `exceeded_definition()`: after DDL. Returns the id of the rule in the table of refusals and a part of its message.
 * - `exceeded_size(tables, in_all)`: after DML on these tables. Returns the id of the rule, a part of its message, and the
 *   transaction's size in bytes; whether that is too large is looked at only if asked for.
 * - `explain(statement)`: the lines of an EXPLAIN whose statement has parameters.
 * - `changed_rows()`: how many rows this session changed, cascades included, since some time; only the difference
 *   between two calls in one transaction means something.
 *
 * and for the superuser:
 * - `cascading_tables()`: tables, as `schema.name`, of which a change may change rows of others.
 * - `function_uses()`: the SQL functions of users that may write, and what calls functions without being one: views,
 *   defaults and checks of tables and domains. Each by the kind of its name, with a statement whose calls are its own.
 *
 * Sizes are those of values as PostgreSQL stores them, compressed where it does; of deleted rows nothing is counted.
 *
 * @param schema - the schema to make them in
 */
export const limitsSql = (schema: string): string => String.raw`
-- A query may use this much space on disk.
DO $$
BEGIN
  EXECUTE format('ALTER DATABASE %I SET temp_file_limit = ''131072kB''', current_database());
  -- It compresses what repeats itself as far as a cluster does; not every build of PostgreSQL has it.
  IF 'lz4' = ANY ((SELECT enumvals FROM pg_settings WHERE name = 'default_toast_compression')::text[]) THEN
    EXECUTE format('ALTER DATABASE %I SET default_toast_compression = lz4', current_database());
  END IF;
END $$;

-- The first transaction id that belongs to this transaction. Rows that are visible and not older are its own: others
-- that began later are not visible, and ids of sub-transactions follow that of their parent.
CREATE FUNCTION ${schema}.own_since() RETURNS bigint LANGUAGE sql STABLE
AS $$ SELECT pg_catalog.pg_current_xact_id_if_assigned()::text::bigint % 4294967296 $$;

-- The schemas of the user; on a server that was not made for us, OIDs do not tell.
CREATE FUNCTION ${schema}.own_schemas() RETURNS SETOF oid LANGUAGE sql STABLE
AS $$
  SELECT oid FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'sys')
$$;

-- What a type with its modifier is when its domains are taken off.
CREATE FUNCTION ${schema}.base_type(INOUT type oid, INOUT modifier integer) LANGUAGE plpgsql STABLE SET search_path = pg_catalog
AS $$
DECLARE
  domain record;
BEGIN
  LOOP
    SELECT typbasetype, typtypmod INTO domain FROM pg_type WHERE oid = type AND typtype = 'd';
    EXIT WHEN NOT FOUND;
    type := domain.typbasetype;
    modifier := domain.typtypmod;
  END LOOP;
END $$;

-- What of a type DSQL does not store: the type itself, or that of a field; null if it stores all of it.
CREATE FUNCTION ${schema}.refused_type(type oid) RETURNS text LANGUAGE plpgsql STABLE SET search_path = pg_catalog
AS $$
DECLARE
  stored record;
BEGIN
  SELECT t.* INTO stored FROM ${schema}.base_type(type, -1) AS b (type, modifier) JOIN pg_type t ON t.oid = b.type;
  IF stored.typtype = 'c' THEN
    RETURN (SELECT ${schema}.refused_type(a.atttypid) FROM pg_attribute a
             WHERE a.attrelid = stored.typrelid AND a.attnum > 0 AND NOT a.attisdropped
             ORDER BY ${schema}.refused_type(a.atttypid) IS NULL, a.attnum LIMIT 1);
  ELSIF stored.typcategory = 'A' OR stored.typnamespace = 'pg_catalog'::regnamespace AND stored.typname NOT IN (
      'int2', 'int4', 'int8', 'float4', 'float8', 'numeric', 'bpchar', 'varchar', 'text', 'date', 'time', 'timetz',
      'timestamp', 'timestamptz', 'interval', 'bool', 'bytea', 'uuid', 'json', 'jsonb') THEN
    -- As a client's search_path would show it.
    RETURN regexp_replace(format_type(stored.oid, NULL), '^.*\.', '');
  END IF;
  RETURN NULL;
END $$;

-- The bytes that a column of a key is declared with; what has no declared size counts only as it is written.
CREATE FUNCTION ${schema}.declared_size(type oid, modifier integer) RETURNS bigint LANGUAGE sql STABLE SET search_path = pg_catalog
AS $$
  SELECT CASE
           WHEN t.typname IN ('bpchar', 'varchar') THEN greatest(b.modifier - 4, 0)
           -- Two bytes for each four digits, and some for the rest: 510 for the 1,000 digits that are the most.
           WHEN t.typname = 'numeric' AND b.modifier > 4 THEN 10 + 2 * ceil((((b.modifier - 4) >> 16) & 65535) / 4.0)
           ELSE greatest(t.typlen, 0) END
    FROM ${schema}.base_type(type, modifier) AS b (type, modifier) JOIN pg_type t ON t.oid = b.type
$$;

CREATE FUNCTION ${schema}.exceeded_definition(OUT rule text, OUT part text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
  mine bigint := ${schema}.own_since();
  made record;
BEGIN
  FOR made IN SELECT oid, relkind FROM pg_class
               WHERE xmin::text::bigint >= mine AND relkind IN ('r', 'v', 'S') LOOP
    IF made.relkind = 'r' THEN
      SELECT 'stored-type', ${schema}.refused_type(a.atttypid) INTO rule, part FROM pg_attribute a
       WHERE a.attrelid = made.oid AND a.attnum > 0 AND NOT a.attisdropped AND ${schema}.refused_type(a.atttypid) IS NOT NULL
       ORDER BY a.attnum LIMIT 1;
      IF FOUND THEN RETURN; END IF;
      IF (SELECT count(*) > 256 FROM pg_attribute WHERE attrelid = made.oid AND attnum > 0 AND NOT attisdropped) THEN
        rule := CASE WHEN EXISTS (SELECT FROM ${schema}.pg_index WHERE indrelid = made.oid AND indisprimary)
                  THEN 'table-columns-with-key' ELSE 'table-columns' END;
        RETURN;
      END IF;
    END IF;
    IF (SELECT count(*) FROM pg_class
         WHERE relkind = made.relkind AND relnamespace IN (SELECT ${schema}.own_schemas()))
       > (CASE made.relkind WHEN 'r' THEN 1000 ELSE 5000 END) THEN
      rule := CASE made.relkind WHEN 'r' THEN 'table-count' WHEN 'v' THEN 'view-count' ELSE 'sequence-count' END;
      RETURN;
    END IF;
  END LOOP;
  FOR made IN SELECT indexrelid, indrelid, indnkeyatts FROM ${schema}.pg_index i
               WHERE xmin::text::bigint >= mine AND EXISTS (SELECT FROM pg_class WHERE oid = i.indrelid AND relkind = 'r') LOOP
    SELECT 'key-type', format_type(b.type, NULL) INTO rule, part
      FROM pg_attribute a, ${schema}.base_type(a.atttypid, a.atttypmod) AS b (type, modifier)
     WHERE a.attrelid = made.indexrelid AND a.attnum <= made.indnkeyatts
       AND (b.type IN ('bytea'::regtype, 'interval'::regtype, 'json'::regtype, 'jsonb'::regtype, 'timetz'::regtype)
            OR ${schema}.refused_type(b.type) IS NOT NULL)
     ORDER BY a.attnum LIMIT 1;
    IF FOUND THEN RETURN; END IF;
    IF (SELECT sum(${schema}.declared_size(atttypid, atttypmod)) > 2000 FROM pg_attribute
         WHERE attrelid = made.indexrelid AND attnum <= made.indnkeyatts) THEN
      rule := 'declared-key-size';
      RETURN;
    END IF;
    IF (SELECT count(*) > 24 FROM ${schema}.pg_index WHERE indrelid = made.indrelid) THEN
      rule := 'index-count';
      RETURN;
    END IF;
  END LOOP;
  IF EXISTS (SELECT FROM pg_namespace WHERE xmin::text::bigint >= mine)
     AND (SELECT count(*) > 10 FROM ${schema}.own_schemas() AS id WHERE id <> 'public'::regnamespace) THEN
    rule := 'schema-count';
  ELSIF EXISTS (SELECT FROM pg_statistic_ext s WHERE xmin::text::bigint >= mine
                   AND (SELECT count(*) > 5 FROM pg_statistic_ext o WHERE o.stxrelid = s.stxrelid)) THEN
    rule := 'statistics-count';
  END IF;
END $$;

-- Of each index of a table, as expressions on its rows: which of them are in it, and how large its keys are. A secondary
-- index carries the columns of the primary key, too. Texts count as they are, not as they are compressed.
CREATE FUNCTION ${schema}.index_keys(relation oid, OUT secondary boolean, OUT condition text, OUT size text,
  OUT most bigint, OUT variable boolean) RETURNS SETOF record LANGUAGE sql STABLE SET search_path = pg_catalog
AS $$
  SELECT NOT i.indisprimary, coalesce(pg_get_expr(i.indpred, i.indrelid), 'true'), k.size,
         ${KEY_BYTES} - ${KEY_COLUMN_BYTES} * (k.columns - 1), k.variable
    FROM ${schema}.pg_index i
    LEFT JOIN ${schema}.pg_index p ON p.indrelid = i.indrelid AND p.indisprimary AND NOT i.indisprimary,
    LATERAL (
      SELECT count(*) AS columns, bool_or(key.attlen < 0) AS variable,
             string_agg(format(
               CASE WHEN t.typcategory = 'S' THEN 'coalesce(octet_length((%s)::text), 0)'
                 ELSE 'coalesce(pg_column_size((%s)), 0)' END, key.expression), ' + ') AS size
        FROM (
          SELECT a.atttypid, a.attlen, ${schema}.pg_get_indexdef(i.indexrelid, a.attnum::integer, false) AS expression
            FROM pg_attribute a WHERE a.attrelid = i.indexrelid AND a.attnum <= i.indnkeyatts
          UNION ALL
          SELECT a.atttypid, a.attlen, ${schema}.pg_get_indexdef(p.indexrelid, a.attnum::integer, false)
            FROM pg_attribute a
           WHERE a.attrelid = p.indexrelid AND a.attnum <= p.indnkeyatts
             AND p.indkey[a.attnum - 1] <> ALL ((i.indkey::int2[])[0 : i.indnkeyatts - 1])) AS key
        JOIN pg_type t ON t.oid = key.atttypid) AS k
   WHERE i.indrelid = relation
$$;

CREATE FUNCTION ${schema}.exceeded_size(tables oid[], in_all boolean, OUT rule text, OUT part text, OUT total bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
  mine bigint := ${schema}.own_since();
  relation oid;
  sizes text[];
  values_over text;
  keys_over text;
  entries text;
  found record;
BEGIN
  total := 0;
  -- Nothing was written, as by an INSERT that found every row there.
  IF mine IS NULL THEN RETURN; END IF;
  -- A table may have been named with its schema and without.
  FOR relation IN SELECT DISTINCT unnest(tables) LOOP
    SELECT array_agg(s.size), string_agg(format('WHEN %s > 1048576 THEN %L', s.size, t.typname), ' ') FILTER (WHERE a.attlen < 0)
      INTO sizes, values_over
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid,
           ${schema}.base_type(a.atttypid, -1) AS b (type, modifier) JOIN pg_type t ON t.oid = b.type,
           -- What consists of little but repetitions, pglz makes 90 times smaller, and a cluster at least 255 times.
           format(CASE WHEN a.attlen < 0 THEN
                    'CASE WHEN pg_column_size(%1$I) > 1048576 AND pg_column_size(%1$I) < octet_length(%1$I::text) / 80
                       THEN octet_length(%1$I::text) / 255 ELSE coalesce(pg_column_size(%1$I), 0) END'
                    ELSE 'coalesce(pg_column_size(%1$I), 0)' END, attname) AS s (size)
     WHERE a.attrelid = relation AND c.relkind = 'r' AND attnum > 0 AND NOT attisdropped;
    CONTINUE WHEN sizes IS NULL;
    SELECT string_agg(format('(%s) AND %s > %s', condition, size, most), ' OR ') FILTER (WHERE variable),
           string_agg(format('CASE WHEN %s THEN %s + ${INDEX_ENTRY_COST_BYTES} ELSE 0 END', condition, size), ' + ')
             FILTER (WHERE secondary)
      INTO keys_over, entries
      FROM ${schema}.index_keys(relation);
    EXECUTE format(
      'SELECT bool_or(%s) AS key, min(CASE %s END) AS type, max(%s) AS line, coalesce(sum(%3$s + %s), 0) AS written '
      || 'FROM ONLY %s WHERE xmin::text::bigint >= %s',
      coalesce(keys_over, 'false'), coalesce(values_over, 'WHEN false THEN NULL::text'), array_to_string(sizes, ' + '),
      CASE WHEN in_all THEN '${ROW_COST_BYTES} + ' || coalesce(entries, '0') ELSE '0' END, relation::regclass, mine)
      INTO found;
    total := total + found.written;
    part := found.type;
    rule := CASE WHEN found.key THEN 'key-size' WHEN found.type IS NOT NULL THEN 'value-size'
              WHEN found.line > 2097152 THEN 'row-size' WHEN in_all AND total > 10485760 THEN 'size-limit' END;
    IF rule IS NOT NULL THEN RETURN; END IF;
  END LOOP;
END $$;

-- EXPLAIN (GENERIC_PLAN) of a statement with parameters, which only a text without any protocol around it can do.
CREATE FUNCTION ${schema}.explain(statement text) RETURNS SETOF text LANGUAGE plpgsql
AS $$
DECLARE
  line text;
BEGIN
  FOR line IN EXECUTE statement LOOP
    RETURN NEXT line;
  END LOOP;
END $$;

CREATE FUNCTION ${schema}.changed_rows() RETURNS bigint LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog
AS $$
  SELECT coalesce(sum(pg_stat_get_xact_tuples_inserted(oid) + pg_stat_get_xact_tuples_updated(oid)
                      + pg_stat_get_xact_tuples_deleted(oid)), 0)::bigint
    FROM pg_class WHERE relkind = 'r' AND oid >= 16384
$$;

CREATE FUNCTION ${schema}.cascading_tables() RETURNS SETOF text LANGUAGE sql STABLE
AS $$
  SELECT DISTINCT ${schema}.qualified_name(confrelid) FROM pg_catalog.pg_constraint
   WHERE contype = 'f' AND (confdeltype IN ('c', 'n', 'd') OR confupdtype IN ('c', 'n', 'd'))
$$;
CREATE FUNCTION ${schema}.function_uses(OUT kind text, OUT name name, OUT text text) RETURNS SETOF record
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN QUERY
    SELECT 'function', p.proname, pg_catalog.pg_get_functiondef(p.oid) FROM pg_catalog.pg_proc p
     WHERE p.pronamespace IN (SELECT ${schema}.own_schemas()) AND p.prokind = 'f' AND p.provolatile = 'v'
       AND p.prolang = (SELECT oid FROM pg_catalog.pg_language WHERE lanname = 'sql');
  IF NOT FOUND THEN RETURN; END IF;
  RETURN QUERY
    SELECT 'relation', c.relname, pg_catalog.pg_get_viewdef(c.oid) FROM pg_catalog.pg_class c
     WHERE c.relnamespace IN (SELECT ${schema}.own_schemas()) AND c.relkind = 'v'
    UNION ALL
    SELECT 'table', c.relname, 'SELECT ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid)
      FROM pg_catalog.pg_attrdef d JOIN pg_catalog.pg_class c ON c.oid = d.adrelid
    UNION ALL
    SELECT 'table', c.relname, 'SELECT NULL::' || pg_catalog.format_type(t.oid, NULL)
      FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
      JOIN pg_catalog.pg_type t ON t.oid = a.atttypid AND t.typtype = 'd'
     WHERE c.relkind = 'r' AND c.relnamespace IN (SELECT ${schema}.own_schemas())
    UNION ALL
    SELECT 'table', c.relname, 'SELECT ' || pg_catalog.pg_get_expr(k.conbin, k.conrelid)
      FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid WHERE k.contype = 'c'
    UNION ALL
    SELECT 'type', t.typname, 'SELECT ' || pg_catalog.pg_get_expr(k.conbin, 0)
      FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_type t ON t.oid = k.contypid WHERE k.contype = 'c'
    UNION ALL
    SELECT 'type', t.typname, 'SELECT ' || pg_catalog.pg_get_expr(t.typdefaultbin, 0)
      FROM pg_catalog.pg_type t WHERE t.typtype = 'd' AND t.typdefaultbin IS NOT NULL;
END $$;
REVOKE ALL ON FUNCTION ${schema}.cascading_tables, ${schema}.function_uses FROM PUBLIC;
`;
