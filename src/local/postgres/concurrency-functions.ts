/**
 * The most that {@link concurrencySql}'s `privatize` copies, in bytes: a transaction that has lost on larger tables is
 * told so at its next statement.
 */
export const MAX_PRIVATE_BYTES = 64 * 1024 * 1024;

/**
 * The SQL of what optimistic concurrency control does inside PostgreSQL, part of the bootstrap. A session calls these
 * functions in the transaction of its client, where other transactions are in the way:
 * - `settle_locks(for_update)`: before COMMIT. Gives rows that were locked FOR UPDATE a new version, so that a
 *   transaction that writes them with an older snapshot fails, as after a write. Returns the rows that were locked FOR
 *   KEY SHARE, by FOR KEY SHARE or by a foreign key: `relation` and a `condition` that finds the row for as long as its
 *   key is there.
 * - `shared_rows(relations, conditions)`: of such rows, `present` says whether this transaction sees them, `locked`
 *   whether it has locked them FOR UPDATE; in the order given.
 * - `disagreement(tables, duplicates, references)`: what this transaction sees and its snapshot alone could not have led
 *   to, because PostgreSQL looks at newer data to check a key: `duplicate` (a key twice), `dangling` (a reference to
 *   nothing) or null; what to look for is asked.
 * - `privatize(tables)`: gives the transaction a copy of these tables and of all that foreign keys connect them with, as
 *   it sees them, under the very same name and OID; null is every table. Its catalogue rows then name other files, which
 *   nobody else sees; it must never be committed.
 * - `concerned(...)`: before DDL. The relations that a change of these relations, domains and schemas concerns.
 * - `restore_generated(relation, columns, from, to)`: in a row that this transaction inserted, puts other numbers into
 *   columns that are filled from sequences; false if there is no such row, or are no such columns.
 *
 * @param schema - the internal schema
 */
export const concurrencySql = (schema: string) => String.raw`
-- The row locks of a table. The module belongs to PostgreSQL's contrib and is not everywhere; without it a lock's
-- strength is not known, so that all rows a transaction locked count as locked FOR UPDATE if it locked any so.
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_catalog.pg_config() AS c, pg_catalog.pg_ls_dir(c.setting) AS file
              WHERE c.name = 'PKGLIBDIR' AND file LIKE 'pgrowlocks.%') THEN
    CREATE FUNCTION ${schema}.pgrowlocks(relation text, OUT locked_row tid, OUT locker xid, OUT multi boolean,
      OUT xids xid[], OUT modes text[], OUT pids integer[]) RETURNS SETOF record
    AS '$libdir/pgrowlocks', 'pgrowlocks' LANGUAGE C STRICT;
  END IF;
END $$;
CREATE FUNCTION ${schema}.row_locks(relation regclass, own xid[], for_update boolean,
  OUT locked_row tid, OUT exclusive boolean) RETURNS SETOF record LANGUAGE plpgsql SET search_path = pg_catalog
AS $$
BEGIN
  IF to_regproc('${schema}.pgrowlocks') IS NULL THEN
    RETURN QUERY EXECUTE format('SELECT ctid, $2 FROM ONLY %s WHERE xmax = ANY ($1)', relation) USING own, for_update;
  ELSE
    RETURN QUERY
      SELECT l.locked_row,
             EXISTS (SELECT FROM unnest(l.xids, l.modes) AS held (xid, mode) WHERE held.xid = ANY (own) AND held.mode = 'For Update')
        FROM ${schema}.pgrowlocks(relation::text) AS l
       WHERE l.xids && own;
  END IF;
END $$;
-- The transaction ids that rows can carry of this transaction: its own and those of its subtransactions.
CREATE FUNCTION ${schema}.own_xids() RETURNS xid[] LANGUAGE sql VOLATILE
AS $$
  SELECT coalesce(array_agg(transactionid), '{}') FROM pg_catalog.pg_locks
   WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'transactionid' AND mode = 'ExclusiveLock'
$$;
-- The columns that make up the keys of a table, which are also those that PostgreSQL locks FOR KEY SHARE for.
CREATE FUNCTION ${schema}.key_columns(relation oid) RETURNS SETOF pg_catalog.pg_attribute LANGUAGE sql STABLE
AS $$
  SELECT a.* FROM pg_catalog.pg_attribute a
   WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
     AND EXISTS (SELECT FROM ${schema}.pg_index i
                  WHERE i.indrelid = relation AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL
                    AND a.attnum = ANY ((i.indkey::int2[])[0 : i.indnkeyatts - 1]))
$$;
CREATE FUNCTION ${schema}.settle_locks(for_update boolean, OUT relation oid, OUT condition text) RETURNS SETOF record
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
  own xid[];
  locked oid[];
  target record;
  exclusive tid[];
  shared tid[];
  columns text;
BEGIN
  -- Before every COMMIT that may need it, so that it must be quick: all locks of the server are read once.
  SELECT array_agg(l.transactionid) FILTER (WHERE l.locktype = 'transactionid' AND l.mode = 'ExclusiveLock'),
         array_agg(l.relation) FILTER (WHERE l.locktype = 'relation' AND l.mode = 'RowShareLock' AND l.relation >= 16384)
    INTO own, locked
    FROM pg_locks l WHERE l.pid = pg_backend_pid();
  IF own IS NULL OR locked IS NULL THEN RETURN; END IF;
  FOR target IN SELECT c.oid, c.oid::regclass AS name FROM pg_class c WHERE c.oid = ANY (locked) AND c.relkind = 'r' LOOP
    SELECT array_agg(l.locked_row) FILTER (WHERE l.exclusive), array_agg(l.locked_row) FILTER (WHERE NOT l.exclusive)
      INTO exclusive, shared
      FROM ${schema}.row_locks(target.name, own, for_update) AS l;
    IF exclusive IS NOT NULL THEN
      -- A row that was there before its table's check constraint may fail it, and would fail the transaction.
      SELECT quote_ident(a.attname) INTO columns FROM pg_attribute a
       WHERE a.attrelid = target.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity <> 'a'
         AND NOT EXISTS (SELECT FROM pg_constraint k
                          WHERE k.conrelid = target.oid AND k.contype = 'c' AND NOT k.convalidated)
       ORDER BY EXISTS (SELECT FROM ${schema}.pg_index i
                         WHERE i.indrelid = target.oid AND a.attnum = ANY (i.indkey)), a.attnum LIMIT 1;
      IF FOUND THEN
        EXECUTE format('UPDATE ONLY %1$s SET %2$s = %2$s WHERE ctid = ANY ($1)', target.name, columns) USING exclusive;
      END IF;
    END IF;
    IF shared IS NOT NULL THEN
      -- Rows that this transaction has changed, too, say so themselves.
      EXECUTE format('SELECT array_agg(ctid) FROM ONLY %s WHERE ctid = ANY ($1) AND xmin <> ALL ($2)', target.name)
        INTO shared USING shared, own;
    END IF;
    IF shared IS NOT NULL THEN
      SELECT string_agg(
               format('CASE WHEN t.%1$I IS NULL THEN %2$L ELSE format(%3$L, t.%1$I::text) END', a.attname,
                 quote_ident(a.attname) || ' IS NULL',
                 quote_ident(a.attname) || ' = %L::' || format_type(a.atttypid, a.atttypmod)), ', ')
        INTO columns FROM ${schema}.key_columns(target.oid) a;
      relation := target.oid;
      FOR condition IN EXECUTE format('SELECT %s FROM ONLY %s t WHERE ctid = ANY ($1)',
        coalesce('concat_ws('' AND '', ' || columns || ')', 'format(''ctid = %L'', ctid)'), target.name) USING shared
      LOOP
        RETURN NEXT;
      END LOOP;
    END IF;
  END LOOP;
END $$;
CREATE FUNCTION ${schema}.shared_rows(relations oid[], conditions text[], OUT present boolean, OUT locked boolean)
RETURNS SETOF record LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
  own xid[] := ${schema}.own_xids();
BEGIN
  FOR i IN 1 .. cardinality(relations) LOOP
    present := false;
    locked := false;
    IF EXISTS (SELECT FROM pg_class WHERE oid = relations[i]) THEN
      EXECUTE format(
        'SELECT count(*) > 0, coalesce(bool_or(ctid IN (SELECT locked_row FROM ${schema}.row_locks($1, $2, true) l WHERE l.exclusive)), false)
           FROM ONLY %s WHERE %s', relations[i]::regclass, conditions[i])
        INTO present, locked USING relations[i]::regclass, own;
    END IF;
    RETURN NEXT;
  END LOOP;
END $$;
-- These tables and those that foreign keys connect them with, over any number of others.
CREATE FUNCTION ${schema}.connected(tables oid[]) RETURNS SETOF oid LANGUAGE plpgsql STABLE SET search_path = pg_catalog
AS $$
BEGIN
  RETURN QUERY WITH RECURSIVE
    -- What a view shows, it can write.
    named (id) AS (
      SELECT unnest(tables)
      UNION
      SELECT d.refobjid FROM named
        JOIN pg_rewrite r ON r.ev_class = named.id
        JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                                   AND d.refclassid = 'pg_class'::regclass
    ),
    reached (id) AS (
      SELECT id FROM named
      UNION
      SELECT CASE k.conrelid WHEN reached.id THEN k.confrelid ELSE k.conrelid END
        FROM reached
        JOIN pg_constraint k ON k.contype = 'f' AND reached.id IN (k.conrelid, k.confrelid)
    )
  SELECT c.oid FROM reached JOIN pg_class c ON c.oid = reached.id WHERE c.relkind = 'r' AND c.oid >= 16384;
END $$;
CREATE FUNCTION ${schema}.disagreement(tables oid[], duplicates boolean, dangling boolean) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
  reached oid[] := ARRAY(SELECT ${schema}.connected(tables));
  query text;
  found_one boolean;
BEGIN
  IF duplicates AND EXISTS (SELECT FROM ${schema}.pg_index i
              WHERE i.indrelid = ANY (reached) AND i.indisunique AND i.indislive
                AND ${schema}.has_duplicates(i.indexrelid)) THEN
    RETURN 'duplicate';
  END IF;
  FOR query IN
    SELECT format('SELECT EXISTS (SELECT FROM ONLY %s c WHERE %s AND NOT EXISTS (SELECT FROM ONLY %s p WHERE %s))',
             k.conrelid::regclass,
             (SELECT string_agg(format('c.%I IS NOT NULL', a.attname), ' AND ')
                FROM pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)),
             k.confrelid::regclass,
             (SELECT string_agg(format('p.%I = c.%I', p.attname, c.attname), ' AND ')
                FROM unnest(k.conkey, k.confkey) AS pair (child, parent)
                JOIN pg_attribute c ON c.attrelid = k.conrelid AND c.attnum = pair.child
                JOIN pg_attribute p ON p.attrelid = k.confrelid AND p.attnum = pair.parent))
      FROM pg_constraint k
     WHERE dangling AND k.contype = 'f' AND k.convalidated AND k.conrelid = ANY (reached)
  LOOP
    EXECUTE query INTO found_one;
    IF found_one THEN RETURN 'dangling'; END IF;
  END LOOP;
  RETURN NULL;
END $$;
CREATE FUNCTION ${schema}.privatize(tables oid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
  original record;
  index record;
  copy text;
  head text;
BEGIN
  IF tables IS NULL THEN
    tables := ARRAY(SELECT oid FROM pg_class WHERE relkind = 'r' AND oid >= 16384);
  END IF;
  IF (SELECT sum(pg_table_size(oid)) FROM ${schema}.connected(tables) AS oid) > ${MAX_PRIVATE_BYTES} THEN
    RAISE program_limit_exceeded USING MESSAGE = 'the tables are too large to be copied for one transaction';
  END IF;
  FOR original IN
    SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name,
           -- Rows must be laid out as in the original, dropped columns included.
           (SELECT string_agg(CASE WHEN a.attisdropped THEN format('NULL::integer AS %I', a.attnum::text)
                                ELSE quote_ident(a.attname) END, ', ' ORDER BY a.attnum)
              FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0) AS columns
      FROM ${schema}.connected(tables) AS id
      JOIN pg_class c ON c.oid = id
      JOIN pg_namespace n ON n.oid = c.relnamespace
     ORDER BY c.oid
  LOOP
    copy := format('private_%s_%s', pg_backend_pid(), original.oid);
    EXECUTE format('CREATE TABLE ${schema}.%I AS SELECT %s FROM ONLY %s', copy, original.columns, original.name);
    FOR index IN
      SELECT i.indexrelid, c.relname, format('CREATE %sINDEX %I ON %s ', CASE WHEN i.indisunique THEN 'UNIQUE ' END,
                                             c.relname, original.name) AS head
        FROM ${schema}.pg_index i JOIN pg_class c ON c.oid = i.indexrelid
       WHERE i.indrelid = original.oid AND i.indislive
    LOOP
      head := index.head;
      IF NOT starts_with(${schema}.pg_get_indexdef(index.indexrelid), head) THEN
        RAISE 'an index is not defined as expected: %', ${schema}.pg_get_indexdef(index.indexrelid);
      END IF;
      -- Never unique: whether the original is, its own catalogue row says.
      EXECUTE format('CREATE INDEX %I ON ${schema}.%I ', copy || '_' || index.indexrelid, copy)
        || substr(${schema}.pg_get_indexdef(index.indexrelid), length(head) + 1);
      UPDATE pg_class SET relfilenode =
          (SELECT c.relfilenode FROM pg_class c
            WHERE c.relnamespace = '${schema}'::regnamespace AND c.relname = copy || '_' || index.indexrelid)
        WHERE oid = index.indexrelid;
    END LOOP;
    UPDATE pg_class SET relfilenode =
        (SELECT c.relfilenode FROM pg_class c WHERE c.relnamespace = '${schema}'::regnamespace AND c.relname = copy)
      WHERE oid = original.oid;
  END LOOP;
END $$;
CREATE FUNCTION ${schema}.restore_generated(relation oid, columns int2[], from_values bigint[], to_values bigint[])
RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
-- The row stays what it is for foreign keys.
SET session_replication_role = replica
AS $$
DECLARE
  names text;
  expressions text;
  condition text;
  moved bigint;
BEGIN
  IF EXISTS (SELECT FROM unnest(columns) AS number
              WHERE NOT EXISTS (
                SELECT FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
                 WHERE a.attrelid = relation AND a.attnum = number
                   AND (a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%'))) THEN
    RETURN false;
  END IF;
  SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum),
         string_agg(coalesce(to_values[array_position(columns, a.attnum)]::text, quote_ident(a.attname)), ', ' ORDER BY a.attnum),
         string_agg(format('%I = %s', a.attname, from_values[array_position(columns, a.attnum)]), ' AND ')
           FILTER (WHERE a.attnum = ANY (columns))
    INTO names, expressions, condition
    FROM pg_attribute a
   WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '';
  -- An identity column that is GENERATED ALWAYS cannot be updated.
  EXECUTE format('WITH gone AS (DELETE FROM ONLY %1$s WHERE %2$s AND xmin = ANY ($1) RETURNING *)
                  INSERT INTO %1$s (%3$s) OVERRIDING SYSTEM VALUE SELECT %4$s FROM gone',
                 relation::regclass, condition, names, expressions) USING ${schema}.own_xids();
  GET DIAGNOSTICS moved = ROW_COUNT;
  RETURN moved = 1;
END $$;
-- Names come as a list of schemas, which may be null, and one of names.
CREATE FUNCTION ${schema}.concerned(relation_schemas name[], relation_names name[], domain_schemas name[],
  domain_names name[], schemas name[], cascades boolean, path name[], OUT schema name, OUT name name)
RETURNS SETOF record LANGUAGE sql STABLE SET search_path = pg_catalog
AS $$
  WITH RECURSIVE
    named (id) AS (
      SELECT (SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE c.relname = given.name AND n.nspname = coalesce(given.schema, n.nspname)
                 AND (given.schema IS NOT NULL OR n.nspname = ANY (path))
               ORDER BY array_position(path, n.nspname) LIMIT 1)
        FROM unnest(relation_schemas, relation_names) AS given (schema, name)
      UNION
      SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ANY (schemas)
      UNION
      SELECT a.attrelid
        FROM unnest(domain_schemas, domain_names) AS given (schema, name)
        JOIN pg_type t ON t.typname = given.name
        JOIN pg_namespace n ON n.oid = t.typnamespace
         AND (n.nspname = given.schema OR given.schema IS NULL AND n.nspname = ANY (path))
        JOIN pg_attribute a ON a.atttypid = t.oid
    ),
    concerned (id) AS (
      SELECT id FROM named
      UNION
      SELECT other.id FROM concerned, LATERAL (
        -- The table of an index, or that a sequence belongs to.
        SELECT d.refobjid FROM pg_depend d
         WHERE d.classid = 'pg_class'::regclass AND d.objid = concerned.id AND d.refclassid = 'pg_class'::regclass
           AND d.deptype IN ('a', 'i')
        UNION ALL
        -- Tables with a default that takes its value from a sequence.
        SELECT v.adrelid FROM pg_depend d JOIN pg_attrdef v ON v.oid = d.objid
         WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = concerned.id
        UNION ALL
        SELECT r.ev_class FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
         WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = concerned.id
        UNION ALL
        SELECT k.conrelid FROM pg_constraint k WHERE cascades AND k.contype = 'f' AND k.confrelid = concerned.id
      ) AS other (id)
    )
  SELECT n.nspname, c.relname FROM concerned JOIN pg_class c ON c.oid = concerned.id
    JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relkind IN ('r', 'v', 'S', 'i')
$$;
`;
