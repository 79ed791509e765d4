import { Client } from 'pg';
import type { QueryResult } from 'pg';
import { startLocalDsql } from 'aurora-dsql-orm/local';
import type { LocalDsql } from 'aurora-dsql-orm/local';
import { launchPostgres } from '../../src/local/postgres';
import type { PostgresServer } from '../../src/local/postgres';
import { readTablesWhere } from '../../src/schema';
import type { CatalogFacts, DsqlStatement } from '../../src/sql';
import { connect } from '../local/local-client';

/** A local DSQL, and a database that is PostgreSQL's own, to compare what they make of one text. */
export interface Databases {
  readonly dsql: Client;
  readonly plain: Client;
  stop(): Promise<void>;
}

export async function startDatabases(): Promise<Databases> {
  const local: LocalDsql = await startLocalDsql({ maxConnections: 20 });
  const postgres: PostgresServer = await launchPostgres();
  const endpoint = { host: postgres.directory, port: 5432, user: postgres.superuser };
  // The server's own database looks like a cluster's; one made from the template looks like PostgreSQL's.
  const superuser = new Client({ ...endpoint, database: 'postgres' });
  await superuser.connect();
  await superuser.query('CREATE DATABASE plain TEMPLATE template0');
  await superuser.end();
  const plain = new Client({ ...endpoint, database: 'plain' });
  await plain.connect();
  const dsql = await connect(local);
  return {
    dsql,
    plain,
    stop: async () => {
      await dsql.end();
      await plain.end();
      await postgres.stop();
      await local.stop();
    },
  };
}

const OWN_SCHEMAS = `n.nspname NOT IN ('pg_catalog', 'information_schema', 'sys') AND n.nspname !~ '^pg_'`;

/** Drops all that tests have made. */
export async function empty({ dsql, plain }: Pick<Databases, 'dsql' | 'plain'>): Promise<void> {
  for (const client of [dsql, plain]) {
    const drops = await rows(
      client,
      `SELECT format('DROP %s IF EXISTS %I.%I CASCADE', CASE relkind WHEN 'r' THEN 'TABLE' WHEN 'v' THEN 'VIEW' WHEN
         'm' THEN 'MATERIALIZED VIEW' ELSE 'SEQUENCE' END, n.nspname, relname) AS sql
       FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
       WHERE relkind IN ('r', 'v', 'm', 'S') AND ${OWN_SCHEMAS} ORDER BY relkind DESC`,
    );
    const types = await rows(
      client,
      `SELECT format('DROP %s IF EXISTS %I.%I', CASE typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, n.nspname, typname)
         AS sql
       FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace
       WHERE typtype IN ('d', 'e') AND ${OWN_SCHEMAS}`,
    );
    const schemas = await rows(
      client,
      `SELECT format('DROP SCHEMA IF EXISTS %I CASCADE', n.nspname) AS sql FROM pg_namespace n
       WHERE ${OWN_SCHEMAS} AND n.nspname <> 'public'`,
    );
    for (const { sql } of [...drops, ...types, ...schemas]) await client.query(String(sql));
    await client.query('SET search_path = public');
  }
}

/** Runs a translation as a runner of migrations does. */
export async function run(client: Client, statements: readonly DsqlStatement[]): Promise<void> {
  for (const { sql, kind, repeat } of statements) {
    let result: QueryResult<{ job_id?: string }>;
    do result = await client.query(sql);
    while (repeat && (result.rowCount ?? 0) > 0);
    const job = result.rows[0]?.job_id;
    if ((kind !== 'job' && kind !== 'validate') || job === undefined) continue;
    const waited = await client.query<{ succeeded: boolean }>('CALL sys.wait_for_job($1)', [job]);
    if (waited.rows[0]?.succeeded !== true) throw new Error(`The job of this statement failed: ${sql}`);
  }
}

async function rows(client: Client, sql: string): Promise<Record<string, unknown>[]> {
  const { rows: found } = await client.query<Record<string, unknown>>(sql);
  return found;
}

/** Reads what a translation can use of all tables. */
export async function readFacts(client: Client): Promise<CatalogFacts> {
  return { tables: await readTablesWhere(OWN_SCHEMAS, (sql) => rows(client, sql)) };
}

/** What a database holds, one line each, in words that are the same on DSQL and on PostgreSQL. */
export async function catalogueOf(client: Client): Promise<string[]> {
  const lines = await rows(client, CATALOGUE);
  const text = lines.map(({ line }) => normalized(String(line)));
  const isNotNull = new Set(
    text.flatMap((line) => {
      const [, table, column] = /^constraint (\S+) \S+: CHECK \(\((\S+) IS NOT NULL\)\)$/.exec(line) ?? [];
      return table !== undefined && column !== undefined ? [`${table}.${column}`] : [];
    }),
  );
  const described = text
    // A validated CHECK is how a column becomes NOT NULL later.
    .filter((line) => !/^constraint \S+ \S+: CHECK \(\(\S+ IS NOT NULL\)\)$/.test(line))
    .map((line) => {
      const [, column] = /^column (\S+):/.exec(line) ?? [];
      const isNullable = line.includes(' NULL') && !line.includes(' NOT NULL');
      return column !== undefined && isNotNull.has(column) && isNullable
        ? line.replace(' NULL', ' NOT NULL')
        : line;
    });
  return [...new Set(described), ...(await contentsOf(client))].sort();
}

/** The ways in which DSQL says the same differently. */
function normalized(line: string): string {
  return (
    line
      .replace(/^(constraint .*PRIMARY KEY \([^)]*\)) INCLUDE .*$/, '$1')
      // PostgreSQL has a type in its place, and no CHECK to be named.
      .replace(/^(constraint \S+) \S+(: CHECK \(\(\S+ = ANY \(ARRAY\[.*::text)/, '$1 (values)$2')
      .replace(/ numeric( |$)/, ' numeric(18,6)$1')
  );
}

async function contentsOf(client: Client): Promise<string[]> {
  const tables = await rows(
    client,
    `SELECT format('%I.%I', n.nspname, relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
     WHERE relkind = 'r' AND ${OWN_SCHEMAS}`,
  );
  const contents: string[] = [];
  for (const { name } of tables) {
    for (const { row } of await rows(client, `SELECT row_to_json(t)::text AS row FROM ${String(name)} t`)) {
      const masked = String(row)
        .replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'uuid')
        .replace(/\d{4}-\d\d-\d\dT[\d:.]+(?:\+00:00)?/g, 'time');
      contents.push(`row of ${String(name)}: ${masked}`);
    }
  }
  return contents;
}

/** A column's identity: PostgreSQL's serial is what DSQL's identity is. */
const IS_SERIAL = `(d.adbin IS NOT NULL AND pg_get_expr(d.adbin, d.adrelid) ~ '^nextval' AND t.typname <> 'text')`;

const CATALOGUE = `
  SELECT format('column %s.%s.%I: %s%s%s%s', n.nspname, c.relname, a.attname,
    CASE WHEN a.attidentity <> '' OR ${IS_SERIAL} THEN 'bigint' WHEN t.typtype = 'e' THEN 'text'
      ELSE format_type(a.atttypid, a.atttypmod) END,
    CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE ' NULL' END,
    CASE WHEN a.attidentity = 'a' THEN ' ALWAYS IDENTITY'
      WHEN a.attidentity = 'd' OR ${IS_SERIAL} THEN ' IDENTITY'
      WHEN a.attgenerated <> '' THEN ' GENERATED' ELSE '' END,
    CASE WHEN d.adbin IS NULL OR ${IS_SERIAL} THEN '' WHEN t.typtype = 'e'
      THEN ' DEFAULT ' || regexp_replace(pg_get_expr(d.adbin, d.adrelid), '::.*$', '::text')
      ELSE ' DEFAULT ' || replace(pg_get_expr(d.adbin, d.adrelid), 'uuid_generate_v4', 'gen_random_uuid') END) AS line
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
  WHERE c.relkind IN ('r', 'v') AND a.attnum > 0 AND NOT a.attisdropped AND ${OWN_SCHEMAS}
  UNION ALL
  SELECT format('constraint %s.%s %s: %s', n.nspname, c.relname, k.conname, pg_get_constraintdef(k.oid))
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE ${OWN_SCHEMAS}
  UNION ALL
  SELECT format('constraint %s.%s %s_%s_check: CHECK ((%I = ANY (ARRAY[%s])))', n.nspname, c.relname, c.relname,
    a.attname, a.attname, (SELECT string_agg(format('%L::text', enumlabel), ', ' ORDER BY enumsortorder)
      FROM pg_enum WHERE enumtypid = t.oid))
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_type t ON t.oid = a.atttypid
  WHERE c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND t.typtype = 'e'
  UNION ALL
  SELECT format('%sindex %s.%s on %s: (%s)%s%s%s%s', CASE WHEN indisunique THEN 'unique ' ELSE '' END, n.nspname,
    i.relname, c.relname,
    (SELECT string_agg(pg_get_indexdef(x.indexrelid, k, false) ||
       CASE WHEN x.indoption[k - 1] & 2 = 2 THEN ' NULLS FIRST' ELSE '' END, ', ' ORDER BY k)
       FROM generate_series(1, x.indnkeyatts) k),
    coalesce(' include ' || (SELECT string_agg(a.attname, ', ' ORDER BY k) FROM generate_series(x.indnkeyatts + 1,
      x.indnatts) k JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = x.indkey[k - 1]), ''),
    CASE WHEN indnullsnotdistinct THEN ' nulls not distinct' ELSE '' END,
    CASE WHEN indisvalid THEN '' ELSE ' INVALID' END,
    coalesce(' where ' || pg_get_expr(indpred, indrelid), '')) AS line
  FROM pg_index x JOIN pg_class i ON i.oid = indexrelid JOIN pg_class c ON c.oid = indrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE NOT indisprimary AND ${OWN_SCHEMAS}
  UNION ALL
  SELECT format('comment on %s %s.%s: %s', n.nspname, c.relname, coalesce(a.attname, ''), description)
  FROM pg_description JOIN pg_class c ON c.oid = objoid AND classoid = 'pg_class'::regclass
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = objsubid AND objsubid > 0
  WHERE ${OWN_SCHEMAS}
  UNION ALL
  SELECT format('view %s.%s: %s', n.nspname, c.relname, pg_get_viewdef(c.oid))
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE relkind = 'v' AND ${OWN_SCHEMAS}
  UNION ALL
  SELECT format('sequence %s.%s: %s by %s', n.nspname, c.relname, s.seqstart, s.seqincrement)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_sequence s ON s.seqrelid = c.oid
  WHERE ${OWN_SCHEMAS}
    AND NOT EXISTS (SELECT FROM pg_depend p WHERE p.objid = c.oid AND p.deptype IN ('a', 'i') AND p.refobjsubid > 0)
  UNION ALL
  SELECT format('domain %s.%s: %s', n.nspname, typname, format_type(typbasetype, typtypmod))
  FROM pg_type t JOIN pg_namespace n ON n.oid = typnamespace WHERE typtype = 'd' AND ${OWN_SCHEMAS}
  UNION ALL
  SELECT format('schema %s', n.nspname) FROM pg_namespace n WHERE ${OWN_SCHEMAS}`;
