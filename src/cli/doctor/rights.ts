import type { DsqlClient } from '../../connection';
import { quoted, quotedTable } from '../../sql';
import { failure, ok, warning, type Finding } from './finding';

interface Rights {
  readonly role: string;
  readonly schema: string | null;
  readonly path: string;
  readonly create: boolean | null;
  /** Schemas of the search path that are there, and that the role may not use. */
  readonly closed: readonly string[];
}

/** Which role it is, and what it may do in the schema that its tables go to. */
export async function examineRights(client: DsqlClient): Promise<Finding> {
  const { rows } = await client.query<Rights>(
    `SELECT current_user AS role, current_schema() AS schema, current_setting('search_path') AS path, has_schema_privilege(current_schema(), 'CREATE') AS create, (SELECT coalesce(json_agg(n.nspname), '[]') FROM pg_catalog.pg_namespace n WHERE n.nspname = ANY (regexp_split_to_array(replace(current_setting('search_path'), '"', ''), ', *')) AND NOT has_schema_privilege(n.oid, 'USAGE')) AS closed`,
  );
  const { role = '?', schema = null, path = '', create = null, closed = [] } = rows[0] ?? {};
  if (schema === null) return withoutSchema(role, path, closed);
  const said = `role ${role}, schema ${schema}`;
  if (create === true) return ok('rights', `${said}: it may create tables`);
  return warning(
    'rights',
    `${said}: it may use what is there, and create nothing`,
    `Fine for an application, not for migrations. As admin: GRANT USAGE, CREATE ON SCHEMA ${quoted(schema)} TO ${quoted(role)};`,
  );
}

function withoutSchema(role: string, path: string, closed: readonly string[]): Finding {
  const [existing] = closed.filter((schema) => schema !== 'public');
  const grant = (schema: string) => `GRANT USAGE, CREATE ON SCHEMA ${quoted(schema)} TO ${quoted(role)};`;
  if (existing !== undefined) {
    const message = `role ${role} may not use the schema ${existing} of its search_path (${path})`;
    return failure(
      'rights',
      message,
      `As admin: ${grant(existing)} Without CREATE it may run no migrations.`,
    );
  }
  const named = /^(?:"\$user", *)?public$/.test(path)
    ? undefined
    : path.split(',')[0]?.replaceAll('"', '').trim();
  const made = named ?? 'app';
  return failure(
    'rights',
    named === undefined
      ? `role ${role}: only admin may use the schema public, and its search_path (${path}) has no other`
      : `role ${role}: no schema of its search_path (${path}) is there`,
    `As admin: CREATE SCHEMA ${quoted(made)}; ${grant(made)}${named === undefined ? ` then set the option schema, or here --schema ${made}.` : ''}`,
  );
}

/** What an application does with rows. */
const PRIVILEGES = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'] as const;

/** Most tables are made by one role and used by another. */
export async function examineTablePrivileges(client: DsqlClient): Promise<Finding> {
  const isGranted = PRIVILEGES.map((each) => `has_table_privilege(c.oid, '${each}')`).join(' AND ');
  const { rows } = await client.query<{ role: string; schema: string; name: string; granted: boolean }>(
    `SELECT current_user AS role, n.nspname AS schema, c.relname AS name, ${isGranted} AS granted FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname = ANY (current_schemas(false)) ORDER BY 2, 3`,
  );
  const refused = rows.filter(({ granted }) => !granted);
  const [first] = refused;
  if (first === undefined) return ok('privileges', `its ${rows.length} tables can be read and written`);
  const schemas = [...new Set(refused.map(({ schema }) => schema))];
  const all = PRIVILEGES.join(', ');
  const to = `TO ${quoted(first.role)};`;
  return warning(
    'privileges',
    `role ${first.role} lacks some of ${all} on ${refused.length} of ${rows.length} tables: ${refused.map(quotedTable).join(', ')}`,
    `Fine for tables that it only reads, or does not use. As the owner of the tables: ${schemas.map((schema) => `GRANT ${all} ON ALL TABLES IN SCHEMA ${quoted(schema)} ${to} ALTER DEFAULT PRIVILEGES IN SCHEMA ${quoted(schema)} GRANT ${all} ON TABLES ${to}`).join(' ')}`,
  );
}
