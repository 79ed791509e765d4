import { sqlStateOf } from '../../occ';
import { literal, type CatalogTable, type TableName } from '../../sql';

/** SQLSTATE of an error that PostgreSQL did not expect. */
const INTERNAL_ERROR = 'XX000';

/** How often the catalogue is read while it is being changed. */
const MAX_READS = 5;

/** Reads tables by a condition on `c` (`pg_class`) and `n` (`pg_namespace`). */
export type ReadTables = (where: string) => Promise<readonly CatalogTable[]>;

/**
 * Reads tables from the catalogue.
 *
 * @param where - see {@link readTablesQuery}
 * @param query - sends the statement, and gives its rows
 */
export async function readTablesWhere(
  where: string,
  query: (sql: string) => Promise<unknown>,
): Promise<readonly CatalogTable[]> {
  for (let attempt = 1; ; attempt++) {
    try {
      return (await query(readTablesQuery(where))) as readonly CatalogTable[];
    } catch (error) {
      // `pg_get_indexdef()` looks at the newest catalogue: it fails for an index that was dropped since the snapshot.
      if (sqlStateOf(error) !== INTERNAL_ERROR || attempt >= MAX_READS) throw error;
    }
  }
}

/**
 * The statement that reads tables from the catalogue, each as a row with the fields of a {@link CatalogTable}.
 *
 * Key columns are counted by `indnkeyatts` and `conkey`: the index of a primary key includes every other column of its
 * table (recorded from a cluster, 2026-09).
 *
 * @param where - a condition on `c` (`pg_class`) and `n` (`pg_namespace`)
 */
function readTablesQuery(where: string): string {
  return `SELECT n.nspname AS schema, c.relname AS name, (SELECT coalesce(json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'baseType', format_type(CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END, NULL), 'length', CASE WHEN a.atttypid IN (1042, 1043) AND a.atttypmod > 4 THEN a.atttypmod - 4 END, 'notNull', a.attnotnull, 'identity', a.attidentity <> '', 'default', CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END, 'sequence', CASE WHEN a.attidentity <> '' THEN pg_get_serial_sequence(quote_ident(n.nspname) || '.' || quote_ident(c.relname), a.attname) END, 'comment', (SELECT description FROM pg_catalog.pg_description WHERE objoid = c.oid AND classoid = 1259 AND objsubid = a.attnum)) ORDER BY a.attnum), '[]') FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns, (SELECT coalesce(json_agg(json_build_object('name', o.conname, 'type', o.contype, 'validated', o.convalidated, 'definition', pg_get_constraintdef(o.oid), 'columns', (SELECT coalesce(json_agg(k.attname ORDER BY p.position), '[]') FROM unnest(o.conkey) WITH ORDINALITY AS p(attnum, position) JOIN pg_catalog.pg_attribute k ON k.attrelid = o.conrelid AND k.attnum = p.attnum), 'deferrable', o.condeferrable, 'deferred', o.condeferred, 'target', CASE WHEN o.contype = 'f' THEN (SELECT json_build_object('schema', rn.nspname, 'name', r.relname, 'columns', (SELECT json_agg(k.attname ORDER BY p.position) FROM unnest(o.confkey) WITH ORDINALITY AS p(attnum, position) JOIN pg_catalog.pg_attribute k ON k.attrelid = o.confrelid AND k.attnum = p.attnum)) FROM pg_catalog.pg_class r JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace WHERE r.oid = o.confrelid) END, 'onUpdate', o.confupdtype, 'onDelete', o.confdeltype) ORDER BY o.conname), '[]') FROM pg_catalog.pg_constraint o WHERE o.conrelid = c.oid AND o.contype IN ('p', 'u', 'f', 'c')) AS constraints, (SELECT coalesce(json_agg(json_build_object('id', i.oid::text, 'name', i.relname, 'primary', x.indisprimary, 'unique', x.indisunique, 'valid', x.indisvalid, 'buildJobId', CASE WHEN NOT x.indisvalid THEN (SELECT j.job_id FROM sys.jobs j WHERE j.object_id = i.oid AND j.job_type = 'INDEX_BUILD' AND j.status IN ('submitted', 'processing') LIMIT 1) END, 'partial', x.indpred IS NOT NULL, 'indkey', x.indkey::text, 'definition', pg_get_indexdef(x.indexrelid), 'keys', (SELECT json_agg(json_build_object('column', k.attname, 'descending', x.indoption[p.position - 1] & 1 = 1) ORDER BY p.position) FROM unnest(x.indkey::int2[]) WITH ORDINALITY AS p(attnum, position) LEFT JOIN pg_catalog.pg_attribute k ON k.attrelid = x.indrelid AND k.attnum = p.attnum AND p.attnum > 0 WHERE p.position <= x.indnkeyatts)) ORDER BY i.relname), '[]') FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid WHERE x.indrelid = c.oid) AS indexes FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v') AND (${where}) ORDER BY n.nspname, c.relname`;
}

/** The condition that finds tables with foreign keys. */
export const HAS_FOREIGN_KEY =
  "EXISTS (SELECT FROM pg_catalog.pg_constraint o WHERE o.conrelid = c.oid AND o.contype = 'f')";

/** The condition that finds the tables whose foreign keys refer to this one, itself among them. */
export function refersTo({ schema, name }: Required<TableName>): string {
  return `EXISTS (SELECT FROM pg_catalog.pg_constraint o JOIN pg_catalog.pg_class r ON r.oid = o.confrelid JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace WHERE o.conrelid = c.oid AND o.contype = 'f' AND rn.nspname = ${literal(schema)} AND r.relname = ${literal(name)})`;
}

/** The condition that finds tables by their names; without a schema it is the session's. */
export function isOneOf(tables: readonly TableName[]): string {
  return tables
    .map(({ schema, name }) => {
      const namespace = schema === undefined ? 'current_schema()' : literal(schema);
      return `(n.nspname = ${namespace} AND c.relname = ${literal(name)})`;
    })
    .join(' OR ');
}
