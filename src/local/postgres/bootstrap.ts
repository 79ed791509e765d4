import { SCHEMA_CONFLICT } from '../session/client-error';
import { concurrencySql } from './concurrency-functions';
import { limitsSql } from './limits';

/**
 * The schema of what the local DSQL keeps for itself. ORMs and psql leave `pg_…` schemas out of their listings, so it
 * does not show up where a cluster has nothing.
 */
export const INTERNAL_SCHEMA = 'pg_dsql_local';

/** What a cluster reports about itself (recorded from a cluster, 2026-09). */
export const REPORTED_VERSION = { serverVersion: '16.15', serverVersionNum: '160015' } as const;

/**
 * The SQL that makes a fresh database of PostgreSQL look like a cluster's from the inside. A superuser runs it once,
 * as one query, with `allow_system_table_mods` on. Everything that PostgreSQL's own code reads stays as it is: where
 * clients shall see something else, the original moves to the internal schema, where C code still finds it by OID, and
 * a view or function takes its name.
 *
 * Hidden functions, all in {@link INTERNAL_SCHEMA}, for the session of a client:
 * - `begin_index_build(is_unique)`: after a CREATE INDEX in the same transaction; the index becomes invalid until its
 *   job is done. Returns the job's id, or null when the transaction created no index (IF NOT EXISTS). A unique index is
 *   to be created without UNIQUE and `is_unique` passed, so that duplicates fail the job and not the statement.
 * - `begin_validation(table, constraint)`: in place of ALTER TABLE … VALIDATE CONSTRAINT. Returns the job's id.
 * - `iam_grant(role, arn)` and `iam_revoke(role, arn)`: AWS IAM GRANT and REVOKE.
 *
 * and for the superuser:
 * - `start_job(id)`: the job is being worked on. Returns it.
 * - `finish_job(id, failure)`: does the job's work, or fails it with the given details. Returns its status; `processing`
 *   means that another transaction has the table locked and that the job is to be finished later.
 * - `forget_job(id)`: removes a job.
 *
 * And, for the session of a client, what {@link concurrencySql} says of concurrency control. `client_min_messages`, by
 * which PostgreSQL tells us that a statement waits, is reported as clients have it.
 *
 * `gen_random_uuid()` gives the same values again when a transaction is replayed: they depend on the setting
 * `dsql_local.uuid_seed` of the session, the time the transaction began, and a count within the transaction. Without a
 * seed they are random.
 *
 * Not imitated: the INCLUDE columns of a primary key have no rows of their own in `pg_attribute`; the jobs ANALYZE and
 * DROP that a cluster starts by itself; SHOW, which PostgreSQL answers from its own constants.
 */
export const bootstrapSql = String.raw`
CREATE SCHEMA ${INTERNAL_SCHEMA};
GRANT USAGE ON SCHEMA ${INTERNAL_SCHEMA} TO PUBLIC;
CREATE SCHEMA sys;
GRANT USAGE ON SCHEMA sys TO PUBLIC;

-- Roles. On a cluster only admin can use the schema public (AWS user guide, 2026-09-15).
DO $$
BEGIN
  CREATE ROLE admin LOGIN CREATEROLE;
EXCEPTION WHEN duplicate_object THEN NULL;
END $$;
ALTER SCHEMA public OWNER TO admin;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
DO $$
BEGIN
  EXECUTE format('GRANT ALL ON DATABASE %I TO admin', current_database());
END $$;

-- Versions (recorded from a cluster, 2026-09).
ALTER FUNCTION pg_catalog.version() SET SCHEMA ${INTERNAL_SCHEMA};
CREATE FUNCTION pg_catalog.version() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT 'PostgreSQL 16' $$;
ALTER FUNCTION pg_catalog.current_setting(text) SET SCHEMA ${INTERNAL_SCHEMA};
ALTER FUNCTION pg_catalog.current_setting(text, boolean) SET SCHEMA ${INTERNAL_SCHEMA};
-- Not STRICT, because the planner would then not inline them; null is null either way.
CREATE FUNCTION pg_catalog.current_setting(setting_name text) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT CASE lower($1)
    WHEN 'server_version' THEN '${REPORTED_VERSION.serverVersion}'
    WHEN 'server_version_num' THEN '${REPORTED_VERSION.serverVersionNum}'
    WHEN 'client_min_messages' THEN 'notice'
    WHEN 'disable_sync_create_index' THEN ${INTERNAL_SCHEMA}.current_setting('dsql.disable_sync_create_index')
    ELSE ${INTERNAL_SCHEMA}.current_setting($1) END
$$;
CREATE FUNCTION pg_catalog.current_setting(setting_name text, missing_ok boolean) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT CASE lower($1)
    WHEN 'server_version' THEN '${REPORTED_VERSION.serverVersion}'
    WHEN 'server_version_num' THEN '${REPORTED_VERSION.serverVersionNum}'
    WHEN 'client_min_messages' THEN 'notice'
    WHEN 'disable_sync_create_index' THEN ${INTERNAL_SCHEMA}.current_setting('dsql.disable_sync_create_index', $2)
    ELSE ${INTERNAL_SCHEMA}.current_setting($1, $2) END
$$;
CREATE FUNCTION ${INTERNAL_SCHEMA}.reported_setting(setting_name text, setting text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT CASE $1
    WHEN 'server_version' THEN '${REPORTED_VERSION.serverVersion}'
    WHEN 'server_version_num' THEN '${REPORTED_VERSION.serverVersionNum}'
    WHEN 'client_min_messages' THEN 'notice'
    ELSE $2 END
$$;
CREATE OR REPLACE VIEW pg_catalog.pg_settings AS
  SELECT name, ${INTERNAL_SCHEMA}.reported_setting(name, setting) AS setting, unit, category, short_desc, extra_desc,
         context, vartype, source, min_val, max_val, enumvals,
         ${INTERNAL_SCHEMA}.reported_setting(name, boot_val) AS boot_val,
         ${INTERNAL_SCHEMA}.reported_setting(name, reset_val) AS reset_val,
         sourcefile, sourceline, pending_restart
    FROM pg_catalog.pg_show_all_settings();

-- UUIDs that come again when a transaction is replayed.
ALTER FUNCTION pg_catalog.gen_random_uuid() SET SCHEMA ${INTERNAL_SCHEMA};
CREATE FUNCTION pg_catalog.gen_random_uuid() RETURNS uuid LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
AS $$
DECLARE
  seed text := ${INTERNAL_SCHEMA}.current_setting('dsql_local.uuid_seed', true);
  n bigint;
  digits text;
BEGIN
  IF seed IS NULL OR seed = '' THEN RETURN ${INTERNAL_SCHEMA}.gen_random_uuid(); END IF;
  n := coalesce(nullif(${INTERNAL_SCHEMA}.current_setting('dsql_local.uuid_count', true), ''), '0')::bigint + 1;
  -- Local to the transaction, so that it is rolled back with it.
  PERFORM pg_catalog.set_config('dsql_local.uuid_count', n::text, true);
  digits := pg_catalog.md5(seed || ' ' || pg_catalog.now()::text || ' ' || n::text);
  -- Version 4, variant 10: the thirteenth digit is 4, the seventeenth one of 8, 9, a, b.
  RETURN (substr(digits, 1, 12) || '4' || substr(digits, 14, 3)
    || translate(substr(digits, 17, 1), '0123456789abcdef', '89ab89ab89ab89ab') || substr(digits, 18))::uuid;
END $$;

-- A cluster has no advisory locks (reported, 2026-08), wherever they are called from.
DO $$
DECLARE
  lock_function record;
BEGIN
  FOR lock_function IN
    SELECT proname AS name, pg_get_function_identity_arguments(oid) AS arguments, pg_get_function_result(oid) AS result
      FROM pg_catalog.pg_proc
     WHERE pronamespace = 'pg_catalog'::regnamespace AND proname ~ '^pg_(try_)?advisory_'
  LOOP
    -- PostgreSQL finds its own by OID, so that they cannot be replaced in place.
    EXECUTE format('ALTER FUNCTION pg_catalog.%1$I(%2$s) SET SCHEMA ${INTERNAL_SCHEMA}',
      lock_function.name, lock_function.arguments);
    EXECUTE format('REVOKE ALL ON FUNCTION ${INTERNAL_SCHEMA}.%1$I(%2$s) FROM PUBLIC',
      lock_function.name, lock_function.arguments);
    EXECUTE format(
      'CREATE FUNCTION pg_catalog.%I(%s) RETURNS %s LANGUAGE plpgsql VOLATILE AS %L',
      lock_function.name, lock_function.arguments, lock_function.result,
      format('BEGIN RAISE feature_not_supported USING MESSAGE = %L; END',
        'function ' || lock_function.name || ' not supported'));
  END LOOP;
END $$;

-- A cluster has no text search configuration but "simple" (recorded, 2026-09: "english" does not exist).
DELETE FROM pg_catalog.pg_ts_config_map WHERE mapcfg IN (SELECT oid FROM pg_catalog.pg_ts_config WHERE cfgname <> 'simple');
DELETE FROM pg_catalog.pg_ts_config WHERE cfgname <> 'simple';

-- The access method is called btree_index (AWS user guide, "Asynchronous indexes", 2026-09-15).
ALTER TABLE pg_catalog.pg_am SET SCHEMA ${INTERNAL_SCHEMA};
CREATE VIEW pg_catalog.pg_am AS
  SELECT oid, CASE amname WHEN 'btree' THEN 'btree_index'::name ELSE amname END AS amname, amhandler, amtype, tableoid
    FROM ${INTERNAL_SCHEMA}.pg_am;
GRANT SELECT ON pg_catalog.pg_am TO PUBLIC;

-- A primary key includes every other column of its table, also those added later. Tables of the system, whose OIDs
-- are below 16384, are left alone, because they would only make listings slower.
ALTER TABLE pg_catalog.pg_index SET SCHEMA ${INTERNAL_SCHEMA};
CREATE VIEW pg_catalog.pg_index AS
  SELECT i.indexrelid, i.indrelid,
         CASE WHEN i.indisprimary AND i.indrelid >= 16384 THEN
           (SELECT count(*)::smallint FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = i.indrelid AND a.attnum > 0 AND NOT a.attisdropped)
         ELSE i.indnatts END AS indnatts,
         i.indnkeyatts, i.indisunique, i.indnullsnotdistinct, i.indisprimary, i.indisexclusion, i.indimmediate,
         i.indisclustered, i.indisvalid, i.indcheckxmin, i.indisready, i.indislive, i.indisreplident,
         CASE WHEN i.indisprimary AND i.indrelid >= 16384 THEN
           (SELECT string_agg(a.attnum::text, ' '
                     ORDER BY coalesce(array_position(i.indkey::int2[], a.attnum), 32767), a.attnum)
              FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = i.indrelid AND a.attnum > 0 AND NOT a.attisdropped)::int2vector
         ELSE i.indkey END AS indkey,
         i.indcollation, i.indclass, i.indoption, i.indexprs, i.indpred
    FROM ${INTERNAL_SCHEMA}.pg_index i;
GRANT SELECT ON pg_catalog.pg_index TO PUBLIC;

CREATE FUNCTION ${INTERNAL_SCHEMA}.primary_key_include(index_oid oid) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
DECLARE
  key record;
  columns text;
BEGIN
  SELECT indrelid, indkey::int2[] AS attnums, indnkeyatts INTO key
    FROM ${INTERNAL_SCHEMA}.pg_index WHERE indexrelid = index_oid AND indisprimary AND indrelid >= 16384;
  IF NOT FOUND THEN RETURN NULL; END IF;
  SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO columns
    FROM pg_catalog.pg_attribute
   WHERE attrelid = key.indrelid AND attnum > 0 AND NOT attisdropped
     AND attnum <> ALL (key.attnums[0 : key.indnkeyatts - 1]);
  RETURN coalesce(' INCLUDE (' || columns || ')', '');
END $$;
ALTER FUNCTION pg_catalog.pg_get_indexdef(oid) SET SCHEMA ${INTERNAL_SCHEMA};
ALTER FUNCTION pg_catalog.pg_get_indexdef(oid, integer, boolean) SET SCHEMA ${INTERNAL_SCHEMA};
CREATE FUNCTION ${INTERNAL_SCHEMA}.reported_indexdef(index_oid oid, definition text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
DECLARE
  reported text := regexp_replace(definition, ' USING btree \(', ' USING btree_index (');
  include text;
BEGIN
  IF reported LIKE 'CREATE UNIQUE %' THEN include := ${INTERNAL_SCHEMA}.primary_key_include(index_oid); END IF;
  IF include IS NULL THEN RETURN reported; END IF;
  RETURN regexp_replace(reported, ' INCLUDE \(.*$', '') || include;
END $$;
CREATE FUNCTION pg_catalog.pg_get_indexdef(index_oid oid) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT ${INTERNAL_SCHEMA}.reported_indexdef($1, ${INTERNAL_SCHEMA}.pg_get_indexdef($1)) $$;
CREATE FUNCTION pg_catalog.pg_get_indexdef(index_oid oid, column_number integer, pretty boolean) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT CASE WHEN $2 = 0 THEN ${INTERNAL_SCHEMA}.reported_indexdef($1, ${INTERNAL_SCHEMA}.pg_get_indexdef($1, $2, $3))
    ELSE ${INTERNAL_SCHEMA}.pg_get_indexdef($1, $2, $3) END
$$;
CREATE OR REPLACE VIEW pg_catalog.pg_indexes AS
  SELECT n.nspname AS schemaname, c.relname AS tablename, i.relname AS indexname, t.spcname AS tablespace,
         pg_catalog.pg_get_indexdef(i.oid) AS indexdef
    FROM ${INTERNAL_SCHEMA}.pg_index x
    JOIN pg_catalog.pg_class c ON c.oid = x.indrelid
    JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
    LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_catalog.pg_tablespace t ON t.oid = i.reltablespace
   WHERE c.relkind IN ('r', 'm', 'p') AND i.relkind IN ('i', 'I');

ALTER FUNCTION pg_catalog.pg_get_constraintdef(oid) SET SCHEMA ${INTERNAL_SCHEMA};
ALTER FUNCTION pg_catalog.pg_get_constraintdef(oid, boolean) SET SCHEMA ${INTERNAL_SCHEMA};
CREATE FUNCTION ${INTERNAL_SCHEMA}.reported_constraintdef(constraint_oid oid, definition text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
  IF definition NOT LIKE 'PRIMARY KEY%' THEN RETURN definition; END IF;
  RETURN regexp_replace(definition, ' INCLUDE \(.*$', '')
    || coalesce((SELECT ${INTERNAL_SCHEMA}.primary_key_include(conindid)
                   FROM pg_catalog.pg_constraint WHERE oid = constraint_oid), '');
END $$;
CREATE FUNCTION pg_catalog.pg_get_constraintdef(constraint_oid oid) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT ${INTERNAL_SCHEMA}.reported_constraintdef($1, ${INTERNAL_SCHEMA}.pg_get_constraintdef($1)) $$;
CREATE FUNCTION pg_catalog.pg_get_constraintdef(constraint_oid oid, pretty boolean) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT ${INTERNAL_SCHEMA}.reported_constraintdef($1, ${INTERNAL_SCHEMA}.pg_get_constraintdef($1, $2)) $$;

CREATE FUNCTION sys.dsql_major_version() RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT 1 $$;

-- Who called a SECURITY DEFINER function: the role of SET ROLE, else that of the session.
CREATE FUNCTION ${INTERNAL_SCHEMA}.invoker() RETURNS name LANGUAGE sql STABLE
AS $$
  SELECT coalesce(nullif(${INTERNAL_SCHEMA}.current_setting('role'), 'none'), session_user::text)::name
$$;

-- IAM identities that may connect as a role.
CREATE TABLE ${INTERNAL_SCHEMA}.iam_role_mapping (
  iam_oid bigint GENERATED ALWAYS AS IDENTITY (START 16384),
  arn text NOT NULL,
  pg_role_oid oid NOT NULL,
  grantor_pg_role_oid oid NOT NULL,
  PRIMARY KEY (pg_role_oid, arn)
);
CREATE VIEW sys.iam_pg_role_mappings AS
  SELECT m.iam_oid::oid AS iam_oid, m.arn, m.pg_role_oid, r.rolname AS pg_role_name,
         m.grantor_pg_role_oid, g.rolname AS grantor_pg_role_name
    FROM ${INTERNAL_SCHEMA}.iam_role_mapping m
    JOIN pg_catalog.pg_roles r ON r.oid = m.pg_role_oid
    LEFT JOIN pg_catalog.pg_roles g ON g.oid = m.grantor_pg_role_oid;
GRANT SELECT ON sys.iam_pg_role_mappings TO PUBLIC;
-- The messages are those of the troubleshooting guide (2026-09-15); their SQLSTATEs were never recorded.
CREATE FUNCTION ${INTERNAL_SCHEMA}.check_iam_role(role_name text, OUT role_oid oid, OUT grantor oid) LANGUAGE plpgsql
AS $$
DECLARE
  can_login boolean;
BEGIN
  SELECT oid INTO grantor FROM pg_catalog.pg_roles WHERE rolname = ${INTERNAL_SCHEMA}.invoker();
  IF ${INTERNAL_SCHEMA}.invoker() <> 'admin' THEN
    RAISE insufficient_privilege USING MESSAGE = format('permission denied to grant IAM trust with role %s', role_name);
  END IF;
  SELECT oid, rolcanlogin INTO role_oid, can_login FROM pg_catalog.pg_roles WHERE rolname = role_name AND NOT rolsuper;
  IF NOT FOUND THEN RAISE undefined_object USING MESSAGE = format('Role %s does not exist', role_name); END IF;
  IF role_name = 'admin' THEN
    RAISE feature_not_supported USING MESSAGE = format('Cannot establish trust with role %s', role_name);
  END IF;
  IF NOT can_login THEN
    RAISE invalid_grant_operation USING MESSAGE = format('role %s must have the LOGIN attribute', role_name);
  END IF;
END $$;
CREATE FUNCTION ${INTERNAL_SCHEMA}.iam_grant(role_name text, arn text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
  target record := ${INTERNAL_SCHEMA}.check_iam_role(role_name);
BEGIN
  IF arn !~ '^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/.' THEN
    RAISE invalid_parameter_value USING MESSAGE = 'IAM role must look like an IAM ARN';
  END IF;
  INSERT INTO ${INTERNAL_SCHEMA}.iam_role_mapping (arn, pg_role_oid, grantor_pg_role_oid)
    VALUES (arn, target.role_oid, target.grantor) ON CONFLICT DO NOTHING;
  -- The privilege makes the mapping an object that the role cannot be dropped before.
  EXECUTE format('GRANT SELECT ON sys.iam_pg_role_mappings TO %I', role_name);
END $$;
CREATE FUNCTION ${INTERNAL_SCHEMA}.iam_revoke(role_name text, arn text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
  target record := ${INTERNAL_SCHEMA}.check_iam_role(role_name);
BEGIN
  DELETE FROM ${INTERNAL_SCHEMA}.iam_role_mapping m WHERE m.pg_role_oid = target.role_oid AND m.arn = iam_revoke.arn;
  IF NOT EXISTS (SELECT FROM ${INTERNAL_SCHEMA}.iam_role_mapping WHERE pg_role_oid = target.role_oid) THEN
    EXECUTE format('REVOKE SELECT ON sys.iam_pg_role_mappings FROM %I', role_name);
  END IF;
END $$;

-- Asynchronous jobs: columns as recorded from a cluster, 2026-09.
CREATE TABLE ${INTERNAL_SCHEMA}.job (
  job_id text PRIMARY KEY,
  status text NOT NULL DEFAULT 'submitted',
  details text,
  job_type text NOT NULL,
  object_id oid NOT NULL,
  object_name text NOT NULL,
  table_id oid NOT NULL,
  table_name text NOT NULL,
  constraint_name name,
  start_time timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
  update_time timestamptz
);
CREATE VIEW sys.jobs AS
  SELECT j.job_id, j.status, j.details, j.job_type, 1259::oid AS class_id, j.object_id,
         n.nspname || '.' || c.relname AS object_name, j.start_time, j.update_time
    FROM ${INTERNAL_SCHEMA}.job j
    LEFT JOIN pg_catalog.pg_class c ON c.oid = j.object_id
    LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace;
GRANT SELECT ON sys.jobs TO PUBLIC;
-- A UUID in 26 digits of lower-case base 32.
CREATE FUNCTION ${INTERNAL_SCHEMA}.new_job_id() RETURNS text LANGUAGE sql VOLATILE
AS $$
  SELECT string_agg(substr('abcdefghijklmnopqrstuvwxyz234567', 1 + substring(bits FROM 1 + 5 * digit FOR 5)::bit(5)::integer, 1), ''
                    ORDER BY digit)
    FROM (SELECT ('x' || replace(pg_catalog.gen_random_uuid()::text, '-', ''))::bit(128)::bit(130) AS bits) AS id,
         generate_series(0, 25) AS digit
$$;
CREATE FUNCTION ${INTERNAL_SCHEMA}.qualified_name(relation oid) RETURNS text LANGUAGE sql STABLE
AS $$
  SELECT n.nspname || '.' || c.relname FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1
$$;
-- Names are looked up in the catalogue of now, rows in the transaction's snapshot: a table can be newer than that.
CREATE FUNCTION ${INTERNAL_SCHEMA}.require_seen(relation oid) RETURNS void LANGUAGE plpgsql STABLE
AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = relation) THEN
    RAISE serialization_failure USING MESSAGE = '${SCHEMA_CONFLICT.message}';
  END IF;
END $$;
CREATE FUNCTION ${INTERNAL_SCHEMA}.begin_index_build(is_unique boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
  index record;
  id text;
BEGIN
  -- The newest index that can be seen. When it is not of a transaction in progress, which can only be this one, the
  -- statement created none.
  SELECT indexrelid, indrelid, xmin::text::xid8 AS creator INTO index
    FROM ${INTERNAL_SCHEMA}.pg_index ORDER BY indexrelid DESC LIMIT 1;
  IF pg_xact_status(index.creator) IS DISTINCT FROM 'in progress' THEN RETURN NULL; END IF;
  PERFORM ${INTERNAL_SCHEMA}.require_seen(index.indrelid);
  UPDATE ${INTERNAL_SCHEMA}.pg_index SET indisvalid = false, indisunique = indisunique OR is_unique
   WHERE indexrelid = index.indexrelid;
  id := ${INTERNAL_SCHEMA}.new_job_id();
  INSERT INTO ${INTERNAL_SCHEMA}.job (job_id, job_type, object_id, object_name, table_id, table_name)
    VALUES (id, 'INDEX_BUILD', index.indexrelid, ${INTERNAL_SCHEMA}.qualified_name(index.indexrelid),
            index.indrelid, ${INTERNAL_SCHEMA}.qualified_name(index.indrelid));
  RETURN id;
END $$;
CREATE FUNCTION ${INTERNAL_SCHEMA}.begin_validation(target regclass, constraint_name name) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
  relation record;
  kind "char";
  id text;
BEGIN
  PERFORM ${INTERNAL_SCHEMA}.require_seen(target);
  SELECT relname, relowner INTO relation FROM pg_class WHERE oid = target;
  IF NOT pg_has_role(${INTERNAL_SCHEMA}.invoker(), relation.relowner, 'USAGE') THEN
    RAISE insufficient_privilege USING MESSAGE = format('must be owner of table %s', relation.relname);
  END IF;
  SELECT contype INTO kind FROM pg_constraint c
   WHERE c.conrelid = target AND c.conname = begin_validation.constraint_name;
  IF NOT FOUND THEN
    RAISE undefined_object USING
      MESSAGE = format('constraint "%s" of relation "%s" does not exist', constraint_name, relation.relname);
  END IF;
  IF kind NOT IN ('c', 'f') THEN
    RAISE wrong_object_type USING
      MESSAGE = format('constraint "%s" of relation "%s" is not a foreign key or check constraint',
                       constraint_name, relation.relname);
  END IF;
  id := ${INTERNAL_SCHEMA}.new_job_id();
  INSERT INTO ${INTERNAL_SCHEMA}.job (job_id, job_type, object_id, object_name, table_id, table_name, constraint_name)
    VALUES (id, 'VALIDATE_CONSTRAINT', target, ${INTERNAL_SCHEMA}.qualified_name(target),
            target, ${INTERNAL_SCHEMA}.qualified_name(target), constraint_name);
  RETURN id;
END $$;
CREATE FUNCTION ${INTERNAL_SCHEMA}.start_job(id text) RETURNS SETOF ${INTERNAL_SCHEMA}.job LANGUAGE sql
AS $$
  UPDATE ${INTERNAL_SCHEMA}.job SET status = 'processing', update_time = pg_catalog.clock_timestamp()
   WHERE job_id = id AND status = 'submitted' RETURNING *
$$;
-- Whether a unique index covers rows that differ in nothing it looks at.
CREATE FUNCTION ${INTERNAL_SCHEMA}.has_duplicates(index_oid oid) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog
AS $$
DECLARE
  index record;
  keys text[];
  found_one boolean;
BEGIN
  SELECT * INTO index FROM ${INTERNAL_SCHEMA}.pg_index WHERE indexrelid = index_oid;
  SELECT array_agg('(' || ${INTERNAL_SCHEMA}.pg_get_indexdef(index_oid, position, false) || ')') INTO keys
    FROM generate_series(1, index.indnkeyatts) AS position;
  EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE %s AND %s GROUP BY ROW(%s) HAVING count(*) > 1)',
    index.indrelid::regclass,
    coalesce(pg_get_expr(index.indpred, index.indrelid), 'true'),
    CASE WHEN index.indnullsnotdistinct THEN 'true'
      ELSE (SELECT string_agg(key || ' IS NOT NULL', ' AND ') FROM unnest(keys) AS key) END,
    array_to_string(keys, ', ')) INTO found_one;
  RETURN found_one;
END $$;
-- Nobody would send a client's transaction away for it, so it does not wait for one: such as one that has the table
-- locked that a foreign key refers to.
CREATE FUNCTION ${INTERNAL_SCHEMA}.finish_job(id text, failure text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog SET lock_timeout = '5ms'
AS $$
DECLARE
  job ${INTERNAL_SCHEMA}.job;
  result text := 'completed';
  explanation text;
BEGIN
  SELECT * INTO job FROM ${INTERNAL_SCHEMA}.job WHERE job_id = id;
  IF NOT FOUND OR job.status IN ('completed', 'failed') THEN RETURN job.status; END IF;
  BEGIN
    IF failure IS NOT NULL THEN
      result := 'failed';
      explanation := failure;
    ELSIF NOT EXISTS (SELECT FROM pg_class WHERE oid = job.table_id) THEN
      explanation := format('relation "%s" does not exist', job.table_name);
    ELSE
      EXECUTE format('LOCK TABLE %s IN SHARE UPDATE EXCLUSIVE MODE NOWAIT', job.table_id::regclass);
      IF job.job_type = 'VALIDATE_CONSTRAINT' THEN
        EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', job.table_id::regclass, job.constraint_name);
      ELSIF NOT EXISTS (SELECT FROM ${INTERNAL_SCHEMA}.pg_index WHERE indexrelid = job.object_id) THEN
        explanation := format('relation "%s" does not exist', job.object_name);
      ELSIF (SELECT indisunique FROM ${INTERNAL_SCHEMA}.pg_index WHERE indexrelid = job.object_id)
            AND ${INTERNAL_SCHEMA}.has_duplicates(job.object_id) THEN
        result := 'failed';
        explanation := 'Found duplicate key while validating index for UCVs';
      ELSE
        UPDATE ${INTERNAL_SCHEMA}.pg_index SET indisvalid = true WHERE indexrelid = job.object_id;
      END IF;
    END IF;
  EXCEPTION
    WHEN lock_not_available THEN
      result := 'processing';
    WHEN check_violation THEN
      result := 'failed';
      explanation := format('check constraint "%s" is violated by some row', job.constraint_name);
    WHEN OTHERS THEN
      result := 'failed';
      explanation := SQLERRM;
  END;
  UPDATE ${INTERNAL_SCHEMA}.job SET status = result, details = explanation, update_time = clock_timestamp() WHERE job_id = id;
  RETURN result;
END $$;
CREATE FUNCTION ${INTERNAL_SCHEMA}.forget_job(id text) RETURNS void LANGUAGE sql
AS $$ DELETE FROM ${INTERNAL_SCHEMA}.job WHERE job_id = id $$;
REVOKE ALL ON FUNCTION ${INTERNAL_SCHEMA}.start_job, ${INTERNAL_SCHEMA}.finish_job, ${INTERNAL_SCHEMA}.forget_job,
  ${INTERNAL_SCHEMA}.has_duplicates FROM PUBLIC;

${concurrencySql(INTERNAL_SCHEMA)}
-- Ends when the job has ended; a transaction sees only what was done before it began, so this one ends its own.
CREATE PROCEDURE sys.wait_for_job(job_id text, INOUT succeeded boolean DEFAULT NULL) LANGUAGE plpgsql
AS $$
DECLARE
  job_status text;
BEGIN
  IF job_id !~ '^[a-z2-7]{26}$' THEN
    RAISE invalid_text_representation USING MESSAGE = 'Unable to convert text to UUID';
  END IF;
  LOOP
    SELECT status INTO job_status FROM sys.jobs j WHERE j.job_id = wait_for_job.job_id;
    IF NOT FOUND THEN RETURN; END IF;
    IF job_status IN ('completed', 'failed') THEN
      succeeded := job_status = 'completed';
      RETURN;
    END IF;
    COMMIT;
    PERFORM pg_catalog.pg_sleep(0.01);
  END LOOP;
END $$;
${limitsSql(INTERNAL_SCHEMA)}`;
