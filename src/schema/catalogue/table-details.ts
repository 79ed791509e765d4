import { literal, quotedTable, type TableName } from '../../sql';

/** The sequence of an identity column; its numbers are texts, because they may be larger than a number holds. */
export interface IdentitySequence {
  readonly increment: string;
  readonly min: string;
  readonly max: string;
  readonly start: string;
  readonly cache: string;
  readonly cycle: boolean;
}

/** What the catalogue says of a column besides its part of a `CatalogTable`. */
export interface ColumnDetails {
  readonly name: string;
  /** The expression of a generated column. */
  readonly generated: string | null;
  /** Whether an identity is ALWAYS or BY DEFAULT. */
  readonly identity: 'a' | 'd' | '';
  readonly sequence: IdentitySequence | null;
  /** As `pg_attribute.attacl` has it. */
  readonly acl: readonly string[] | null;
}

/** What the catalogue says of a table besides its `CatalogTable`: what a copy of it has to have, too. */
export interface TableDetails {
  readonly owner: string;
  readonly isOwn: boolean;
  /** Whether it is found by its name alone. */
  readonly isVisible: boolean;
  readonly comment: string | null;
  /** As `pg_class.relacl` has it. */
  readonly acl: readonly string[] | null;
  readonly columns: readonly ColumnDetails[];
  /** The sequences that go with it when it is dropped, and are no identities. */
  readonly ownedSequences: readonly { readonly name: string; readonly column: string }[];
}

/** The statement that reads what a copy of a table has to have besides what a `CatalogTable` says. */
export function tableDetailsQuery(table: TableName): string {
  const oid = `${literal(quotedTable(table))}::regclass`;
  return `SELECT pg_catalog.pg_get_userbyid(c.relowner) AS owner, pg_catalog.pg_get_userbyid(c.relowner) = current_user AS "isOwn", pg_catalog.pg_table_is_visible(c.oid) AS "isVisible", to_json(c.relacl::text[]) AS acl, (SELECT description FROM pg_catalog.pg_description WHERE objoid = c.oid AND classoid = 1259 AND objsubid = 0) AS comment, (SELECT json_agg(json_build_object('name', a.attname, 'generated', CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid) END, 'identity', a.attidentity, 'acl', to_json(a.attacl::text[]), 'sequence', CASE WHEN a.attidentity <> '' THEN (SELECT json_build_object('increment', q.seqincrement::text, 'min', q.seqmin::text, 'max', q.seqmax::text, 'start', q.seqstart::text, 'cache', q.seqcache::text, 'cycle', q.seqcycle) FROM pg_catalog.pg_sequence q WHERE q.seqrelid = pg_get_serial_sequence(${literal(quotedTable(table))}, a.attname)::regclass) END) ORDER BY a.attnum) FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns, (SELECT coalesce(json_agg(json_build_object('name', (SELECT quote_ident(nspname) FROM pg_catalog.pg_namespace WHERE oid = s.relnamespace) || '.' || quote_ident(s.relname), 'column', a.attname)), '[]') FROM pg_catalog.pg_depend o JOIN pg_catalog.pg_class s ON s.oid = o.objid AND s.relkind = 'S' JOIN pg_catalog.pg_attribute a ON a.attrelid = o.refobjid AND a.attnum = o.refobjsubid WHERE o.classid = 1259 AND o.refclassid = 1259 AND o.refobjid = c.oid AND o.deptype = 'a') AS "ownedSequences" FROM pg_catalog.pg_class c WHERE c.oid = ${oid}`;
}
