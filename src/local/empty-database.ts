import { sleep } from './real-time';

/** What {@link emptyDatabase} needs of a client: a `Client` or `Pool` of node-postgres or of this package will do. */
export interface QueryClient {
  query(sql: string): Promise<{ readonly rows: readonly unknown[] }>;
}

/** A statement for the objects of one kind, all at once; `$` is their names. */
const DROPS: readonly (readonly [kind: string, statement: string])[] = [
  ['schema', 'DROP SCHEMA $ CASCADE'],
  ['view', 'DROP VIEW $ CASCADE'],
  ['table', 'DROP TABLE $ CASCADE'],
  ['sequence', 'DROP SEQUENCE $ CASCADE'],
  ['function', 'DROP FUNCTION $ CASCADE'],
  ['domain', 'DROP DOMAIN $'], // DSQL knows no CASCADE here; nothing is left by now that depends on one
];

/** Everything of the user's, with names as they must be written. */
const OBJECTS = `
  WITH own AS (SELECT oid, nspname FROM pg_namespace
                WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'sys'))
  SELECT 'schema' AS kind, quote_ident(nspname) AS name FROM own WHERE nspname <> 'public'
  UNION ALL
  SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'r' THEN 'table' ELSE 'sequence' END,
         quote_ident(nspname) || '.' || quote_ident(c.relname)
    FROM pg_class c JOIN own ON own.oid = c.relnamespace
   WHERE nspname = 'public' AND (c.relkind IN ('v', 'r') OR c.relkind = 'S'
         AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.refobjsubid > 0))
  UNION ALL
  SELECT 'function', p.oid::regprocedure::text FROM pg_proc p JOIN own ON own.oid = p.pronamespace
   WHERE nspname = 'public'
  UNION ALL
  SELECT 'domain', quote_ident(nspname) || '.' || quote_ident(t.typname)
    FROM pg_type t JOIN own ON own.oid = t.typnamespace WHERE nspname = 'public' AND t.typtype = 'd'`;

/** Roles that IAM roles were granted, and others that admin made. */
const ROLES = `
  SELECT quote_ident(pg_role_name) AS role, quote_literal(arn) AS arn FROM sys.iam_pg_role_mappings
  UNION
  SELECT quote_ident(r.rolname), NULL FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid
    JOIN pg_roles a ON a.oid = m.member WHERE a.rolname = 'admin' AND m.admin_option`;

/** More attempts than a statement should need that comes across others' changes of the catalogue. */
const MAX_ATTEMPTS = 20;

/**
 * Empties the database: drops every table, view, sequence, function, domain and schema except `public`, and every role
 * that `admin` created. It uses only SQL, so it works from any process, on a local DSQL and on a cluster. What is dropped
 * on a cluster is lost.
 *
 * A local DSQL on a PostgreSQL older than 16 does not know which roles `admin` created; there, only roles that were
 * granted to IAM roles are dropped.
 *
 * @example
 * ```ts
 * beforeAll(() => emptyDatabase(client)); // each test file begins with nothing
 * ```
 * @param client - of the role `admin`, outside a transaction
 */
export async function emptyDatabase(client: QueryClient): Promise<void> {
  const objects = (await client.query(OBJECTS)).rows as { kind: string; name: string }[];
  for (const [kind, statement] of DROPS) {
    const names = objects.flatMap((object) => (object.kind === kind ? [object.name] : []));
    if (names.length > 0)
      await insist(
        client,
        statement.replace('$', () => names.join(', ')),
      );
  }
  const roles = (await client.query(ROLES)).rows as { role: string; arn: string | null }[];
  for (const { role, arn } of roles) {
    if (arn !== null) await insist(client, `AWS IAM REVOKE ${role} FROM ${arn}`);
  }
  for (const role of new Set(roles.map((each) => each.role))) await insist(client, `DROP ROLE ${role}`);
}

/** Runs a statement until no other session's change of the catalogue is in its way. */
async function insist(client: QueryClient, sql: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await client.query(sql);
      return;
    } catch (error) {
      if ((error as { code?: unknown }).code !== '40001' || attempt >= MAX_ATTEMPTS) throw error;
      await sleep(Math.random() * 25 * attempt);
    }
  }
}
