import { SCHEMA_CONFLICT } from '../session/client-error';

/**
 * The SQL of asynchronous jobs: `sys.jobs`, `sys.wait_for_job`, and hidden functions, for the session of a client:
 * - `begin_index_build(is_unique)`: after a CREATE INDEX in the same transaction; the index becomes invalid until its
 *   job is done. Returns the job's id, or null when the transaction created no index (IF NOT EXISTS). A unique index is
 *   to be created without UNIQUE and `is_unique` passed, so that duplicates fail the job and not the statement.
 * - `begin_validation(table, constraint)`: in place of ALTER TABLE … VALIDATE CONSTRAINT. Returns the job's id.
 *
 * and for the superuser:
 * - `start_job(id)`: the job is being worked on. Returns it.
 * - `finish_job(id, failure)`: does the job's work, or fails it with the given details. Returns its status; `processing`
 *   means that another transaction has the table locked and that the job is to be finished later.
 * - `forget_job(id)`: removes a job.
 *
 * @param schema - the schema of what is hidden
 */
export const jobsSql = (schema: string): string => String.raw`
-- Asynchronous jobs: columns as recorded from a cluster, 2026-09.
CREATE TABLE ${schema}.job (
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
    FROM ${schema}.job j
    LEFT JOIN pg_catalog.pg_class c ON c.oid = j.object_id
    LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace;
GRANT SELECT ON sys.jobs TO PUBLIC;
-- A UUID in 26 digits of lower-case base 32.
CREATE FUNCTION ${schema}.new_job_id() RETURNS text LANGUAGE sql VOLATILE
AS $$
  SELECT string_agg(substr('abcdefghijklmnopqrstuvwxyz234567', 1 + substring(bits FROM 1 + 5 * digit FOR 5)::bit(5)::integer, 1), ''
                    ORDER BY digit)
    FROM (SELECT ('x' || replace(pg_catalog.gen_random_uuid()::text, '-', ''))::bit(128)::bit(130) AS bits) AS id,
         generate_series(0, 25) AS digit
$$;
CREATE FUNCTION ${schema}.qualified_name(relation oid) RETURNS text LANGUAGE sql STABLE
AS $$
  SELECT n.nspname || '.' || c.relname FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1
$$;
-- Names are looked up in the catalogue of now, rows in the transaction's snapshot: a table can be newer than that.
CREATE FUNCTION ${schema}.require_seen(relation oid) RETURNS void LANGUAGE plpgsql STABLE
AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = relation) THEN
    RAISE serialization_failure USING MESSAGE = '${SCHEMA_CONFLICT.message}';
  END IF;
END $$;
CREATE FUNCTION ${schema}.begin_index_build(is_unique boolean DEFAULT false) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
  index record;
  id text;
BEGIN
  -- The newest index that can be seen. When it is not of a transaction in progress, which can only be this one, the
  -- statement created none.
  SELECT indexrelid, indrelid, xmin::text::xid8 AS creator INTO index
    FROM ${schema}.pg_index ORDER BY indexrelid DESC LIMIT 1;
  IF pg_xact_status(index.creator) IS DISTINCT FROM 'in progress' THEN RETURN NULL; END IF;
  PERFORM ${schema}.require_seen(index.indrelid);
  UPDATE ${schema}.pg_index SET indisvalid = false, indisunique = indisunique OR is_unique
   WHERE indexrelid = index.indexrelid;
  id := ${schema}.new_job_id();
  INSERT INTO ${schema}.job (job_id, job_type, object_id, object_name, table_id, table_name)
    VALUES (id, 'INDEX_BUILD', index.indexrelid, ${schema}.qualified_name(index.indexrelid),
            index.indrelid, ${schema}.qualified_name(index.indrelid));
  RETURN id;
END $$;
CREATE FUNCTION ${schema}.begin_validation(target regclass, constraint_name name) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
  relation record;
  kind "char";
  id text;
BEGIN
  PERFORM ${schema}.require_seen(target);
  SELECT relname, relowner INTO relation FROM pg_class WHERE oid = target;
  IF NOT pg_has_role(${schema}.invoker(), relation.relowner, 'USAGE') THEN
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
  id := ${schema}.new_job_id();
  INSERT INTO ${schema}.job (job_id, job_type, object_id, object_name, table_id, table_name, constraint_name)
    VALUES (id, 'VALIDATE_CONSTRAINT', target, ${schema}.qualified_name(target),
            target, ${schema}.qualified_name(target), constraint_name);
  RETURN id;
END $$;
CREATE FUNCTION ${schema}.start_job(id text) RETURNS SETOF ${schema}.job LANGUAGE sql
AS $$
  UPDATE ${schema}.job SET status = 'processing', update_time = pg_catalog.clock_timestamp()
   WHERE job_id = id AND status = 'submitted' RETURNING *
$$;
-- Whether a unique index covers rows that differ in nothing it looks at.
CREATE FUNCTION ${schema}.has_duplicates(index_oid oid) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog
AS $$
DECLARE
  index record;
  keys text[];
  found_one boolean;
BEGIN
  SELECT * INTO index FROM ${schema}.pg_index WHERE indexrelid = index_oid;
  SELECT array_agg('(' || ${schema}.pg_get_indexdef(index_oid, position, false) || ')') INTO keys
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
CREATE FUNCTION ${schema}.finish_job(id text, failure text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog SET lock_timeout = '5ms'
AS $$
DECLARE
  job ${schema}.job;
  result text := 'completed';
  explanation text;
BEGIN
  SELECT * INTO job FROM ${schema}.job WHERE job_id = id;
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
      ELSIF NOT EXISTS (SELECT FROM ${schema}.pg_index WHERE indexrelid = job.object_id) THEN
        explanation := format('relation "%s" does not exist', job.object_name);
      ELSIF (SELECT indisunique FROM ${schema}.pg_index WHERE indexrelid = job.object_id)
            AND ${schema}.has_duplicates(job.object_id) THEN
        result := 'failed';
        explanation := 'Found duplicate key while validating index for UCVs';
      ELSE
        UPDATE ${schema}.pg_index SET indisvalid = true WHERE indexrelid = job.object_id;
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
  UPDATE ${schema}.job SET status = result, details = explanation, update_time = clock_timestamp() WHERE job_id = id;
  RETURN result;
END $$;
CREATE FUNCTION ${schema}.forget_job(id text) RETURNS void LANGUAGE sql
AS $$ DELETE FROM ${schema}.job WHERE job_id = id $$;
REVOKE ALL ON FUNCTION ${schema}.start_job, ${schema}.finish_job, ${schema}.forget_job,
  ${schema}.has_duplicates FROM PUBLIC;
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
END $$;`;
