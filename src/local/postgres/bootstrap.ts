import { concurrencySql } from './concurrency-functions';
import { jobsSql } from './jobs';
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
 * - `iam_grant(role, arn)` and `iam_revoke(role, arn)`: AWS IAM GRANT and REVOKE.
 *
 * And what {@link jobsSql} says of asynchronous jobs, and {@link concurrencySql} of concurrency control.
 * `client_min_messages`, by which PostgreSQL tells us that a statement waits, is reported as clients have it.
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

${jobsSql(INTERNAL_SCHEMA)}
${concurrencySql(INTERNAL_SCHEMA)}
${limitsSql(INTERNAL_SCHEMA)}`;
