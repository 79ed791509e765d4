/**
 * The SQL of hidden functions that tell which of a cluster's limits the current transaction exceeds. All of them look
 * only at what the transaction made itself, so that what is there already costs nothing and is never blamed.
 *
 * - `exceeded_definition()`: after DDL. Returns the id of the rule in the table of refusals and a part of its message.
 * - `exceeded_size(tables)`: after DML on these tables. Returns the id of the rule, and the transaction's size in bytes.
 * - `changed_rows()`: how many rows this session changed, cascades included, since some time; only the difference
 *   between two calls in one transaction means something.
 *
 * and for the superuser:
 * - `cascading_tables()`: tables, as `schema.name`, of which a change may change rows of others.
 *
 * Sizes are those of values as PostgreSQL stores them, compressed where it does; of deleted rows nothing is counted.
 *
 * @param schema - the schema to make them in
 */
export const limitsSql = (schema: string): string => String.raw`
-- The first transaction id that belongs to this transaction. Rows that are visible and not older are its own: others
-- that began later are not visible, and ids of sub-transactions follow that of their parent.
CREATE FUNCTION ${schema}.own_since() RETURNS bigint LANGUAGE sql STABLE
AS $$ SELECT pg_catalog.pg_current_xact_id_if_assigned()::text::bigint % 4294967296 $$;

-- The schemas of the user; on a server that was not made for us, OIDs do not tell.
CREATE FUNCTION ${schema}.own_schemas() RETURNS SETOF oid LANGUAGE sql STABLE
AS $$
  SELECT oid FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'sys')
$$;

CREATE FUNCTION ${schema}.exceeded_definition(OUT rule text, OUT part text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
  mine bigint := ${schema}.own_since();
  made record;
BEGIN
  FOR made IN SELECT oid, relkind, pg_get_viewdef(oid) AS view_text FROM pg_class
               WHERE xmin::text::bigint >= mine AND relkind IN ('r', 'v', 'S') LOOP
    IF made.relkind = 'r' THEN
      SELECT 'domain-array', format_type(a.atttypid, NULL) INTO rule, part
        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid JOIN pg_type e ON e.oid = t.typelem
       WHERE a.attrelid = made.oid AND a.attnum > 0 AND NOT a.attisdropped AND t.typcategory = 'A' AND e.typtype = 'd';
      IF FOUND THEN RETURN; END IF;
      IF (SELECT count(*) > 255 FROM pg_attribute WHERE attrelid = made.oid AND attnum > 0 AND NOT attisdropped) THEN
        rule := 'table-columns';
        RETURN;
      END IF;
    ELSIF length(made.view_text) > 2097152 THEN
      rule := 'view-size';
      RETURN;
    END IF;
    IF (SELECT count(*) FROM pg_class
         WHERE relkind = made.relkind AND relnamespace IN (SELECT ${schema}.own_schemas()))
       > (CASE made.relkind WHEN 'r' THEN 1000 ELSE 5000 END) THEN
      rule := CASE made.relkind WHEN 'r' THEN 'table-count' WHEN 'v' THEN 'view-count' ELSE 'sequence-count' END;
      RETURN;
    END IF;
  END LOOP;
  FOR made IN SELECT indexrelid, indrelid, indnkeyatts FROM ${schema}.pg_index WHERE xmin::text::bigint >= mine LOOP
    SELECT 'key-type', format_type(atttypid, NULL) INTO rule, part FROM pg_attribute
     WHERE attrelid = made.indexrelid AND attnum <= made.indnkeyatts
       AND (SELECT coalesce(nullif(typbasetype, 0), oid) FROM pg_type WHERE oid = atttypid)
           IN ('bytea'::regtype, 'interval'::regtype, 'json'::regtype, 'jsonb'::regtype, 'timetz'::regtype);
    IF FOUND THEN RETURN; END IF;
    IF (SELECT count(*) > 24 FROM ${schema}.pg_index WHERE indrelid = made.indrelid) THEN
      rule := 'index-count';
      RETURN;
    END IF;
  END LOOP;
  IF EXISTS (SELECT FROM pg_namespace WHERE xmin::text::bigint >= mine)
     AND (SELECT count(*) > 10 FROM ${schema}.own_schemas()) THEN
    rule := 'schema-count';
  ELSIF EXISTS (SELECT FROM pg_statistic_ext s WHERE xmin::text::bigint >= mine
                   AND (SELECT count(*) > 5 FROM pg_statistic_ext o WHERE o.stxrelid = s.stxrelid)) THEN
    rule := 'statistics-count';
  END IF;
END $$;

CREATE FUNCTION ${schema}.exceeded_size(tables oid[], OUT rule text, OUT total bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
  mine bigint := ${schema}.own_since();
  relation oid;
  sizes text[];
  keys text;
  found record;
BEGIN
  total := 0;
  -- Nothing was written, as by an INSERT that found every row there.
  IF mine IS NULL THEN RETURN; END IF;
  FOREACH relation IN ARRAY tables LOOP
    SELECT array_agg(format('coalesce(pg_column_size(%I), 0)', attname)) INTO sizes
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
     WHERE a.attrelid = relation AND c.relkind = 'r' AND attnum > 0 AND NOT attisdropped;
    CONTINUE WHEN sizes IS NULL;
    -- Keys of fixed size are never too large. Those of text count as it is, not as it is compressed.
    SELECT string_agg(format('(%s) AND %s > 1024', coalesce(pg_get_expr(indpred, indrelid), 'true'), key_size), ' OR ')
      INTO keys
      FROM ${schema}.pg_index i, LATERAL (
        SELECT string_agg(format(
                 CASE WHEN t.typcategory = 'S' THEN 'coalesce(octet_length((%s)::text), 0)'
                   ELSE 'coalesce(pg_column_size((%s)), 0)' END,
                 ${schema}.pg_get_indexdef(i.indexrelid, a.attnum::integer, false)), ' + ')
          FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
         WHERE a.attrelid = i.indexrelid AND a.attnum <= i.indnkeyatts
        HAVING bool_or(a.attlen < 0)) AS k (key_size)
     WHERE i.indrelid = relation;
    EXECUTE format(
      'SELECT bool_or(%s) AS key, max(greatest(%s)) AS value, max(%s) AS line, coalesce(sum(%3$s), 0) AS written '
      || 'FROM ONLY %s WHERE xmin::text::bigint >= %s',
      coalesce(keys, 'false'), array_to_string(sizes, ', '), array_to_string(sizes, ' + '), relation::regclass, mine)
      INTO found;
    total := total + found.written;
    rule := CASE WHEN found.key THEN 'key-size' WHEN found.value > 1048576 THEN 'column-size'
              WHEN found.line > 2097152 THEN 'row-size' WHEN total > 10485760 THEN 'size-limit' END;
    IF rule IS NOT NULL THEN RETURN; END IF;
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
REVOKE ALL ON FUNCTION ${schema}.cascading_tables FROM PUBLIC;
`;
