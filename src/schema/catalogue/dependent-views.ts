import { literal, quotedTable, type TableName } from '../../sql';

/** A column of a view, and what is said of it beside its query. */
export interface ViewColumn {
  readonly name: string;
  readonly comment: string | null;
  /** As `pg_attribute.attacl` has it. */
  readonly acl: readonly string[] | null;
  /** What `ALTER VIEW … ALTER COLUMN … SET DEFAULT` has given it. */
  readonly default: string | null;
}

/** A view that reads a table, or a view that does. */
export interface DependentView {
  readonly schema: string;
  readonly name: string;
  /** Whether it is found by its name alone. */
  readonly isVisible: boolean;
  /** Its query, as PostgreSQL writes it. */
  readonly definition: string;
  /** As `WITH (…)` takes them. */
  readonly options: readonly string[];
  readonly owner: string;
  readonly isOwn: boolean;
  /** Whether the session may replace it: it has the rights of its owner. */
  readonly mayReplace: boolean;
  readonly comment: string | null;
  /** As `pg_class.relacl` has it. */
  readonly acl: readonly string[] | null;
  readonly columns: readonly ViewColumn[];
  /** The tables and views that it reads itself. */
  readonly reads: readonly Required<TableName>[];
  /** The columns of the table that it reads itself. */
  readonly columnsUsed: readonly string[];
  /** The keys of the table by which it groups: it may name other columns besides, which depend on them. */
  readonly keysUsed: readonly string[];
  /** Whether a value of it has the type of a row of the table. */
  readonly usesRowType: boolean;
}

/**
 * The statement that reads the views above a table, each as a {@link DependentView}, in no order.
 *
 * What a view reads is found by `pg_depend` alone, from its rule to the relations: `pg_rewrite` is not among the relations
 * that AWS lists as readable (AWS user guide, "System tables", 2026-09-15).
 */
export function dependentViewsQuery(table: Required<TableName>): string {
  const rules = `SELECT DISTINCT onto.refobjid AS used, of.refobjid AS view, onto.classid AS class, onto.objid AS rule FROM pg_catalog.pg_depend onto JOIN pg_catalog.pg_depend of ON of.classid = onto.classid AND of.objid = onto.objid AND of.deptype = 'i' AND of.refclassid = 1259 JOIN pg_catalog.pg_class v ON v.oid = of.refobjid AND v.relkind = 'v' WHERE onto.refclassid = 1259 AND onto.refobjid <> of.refobjid`;
  const above = `SELECT r.view FROM rules r, target WHERE r.used = target.oid UNION SELECT r.view FROM rules r JOIN above a ON r.used = a.view`;
  const ofRule = `EXISTS (SELECT FROM rules r WHERE r.view = v.oid AND r.class = d.classid AND r.rule = d.objid)`;
  const columns = `SELECT json_agg(json_build_object('name', a.attname, 'comment', (SELECT description FROM pg_catalog.pg_description WHERE objoid = v.oid AND classoid = 1259 AND objsubid = a.attnum), 'acl', to_json(a.attacl::text[]), 'default', pg_get_expr(e.adbin, e.adrelid)) ORDER BY a.attnum) FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef e ON e.adrelid = a.attrelid AND e.adnum = a.attnum WHERE a.attrelid = v.oid AND a.attnum > 0`;
  const reads = `SELECT json_agg(DISTINCT jsonb_build_object('schema', un.nspname, 'name', u.relname)) FROM rules r JOIN pg_catalog.pg_class u ON u.oid = r.used JOIN pg_catalog.pg_namespace un ON un.oid = u.relnamespace WHERE r.view = v.oid`;
  const used = `SELECT coalesce(json_agg(DISTINCT a.attname), '[]') FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid AND a.attnum > 0 WHERE d.refclassid = 1259 AND d.refobjid = target.oid AND ${ofRule}`;
  const keys = `SELECT coalesce(json_agg(DISTINCT o.conname), '[]') FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_constraint o ON o.oid = d.refobjid AND o.conrelid = target.oid WHERE d.refclassid = 2606 AND ${ofRule}`;
  const rowType = `EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.refclassid = 1247 AND d.refobjid = target.type AND (d.classid = 1259 AND d.objid = v.oid OR ${ofRule}))`;
  return `WITH RECURSIVE target AS (SELECT c.oid, c.reltype AS type FROM pg_catalog.pg_class c WHERE c.oid = ${literal(quotedTable(table))}::regclass), rules AS (${rules}), above AS (${above}) SELECT n.nspname AS schema, v.relname AS name, pg_catalog.pg_table_is_visible(v.oid) AS "isVisible", pg_catalog.pg_get_viewdef(v.oid) AS definition, to_json(coalesce(v.reloptions, '{}')::text[]) AS options, pg_catalog.pg_get_userbyid(v.relowner) AS owner, pg_catalog.pg_get_userbyid(v.relowner) = current_user AS "isOwn", pg_catalog.pg_has_role(v.relowner, 'USAGE') AS "mayReplace", (SELECT description FROM pg_catalog.pg_description WHERE objoid = v.oid AND classoid = 1259 AND objsubid = 0) AS comment, to_json(v.relacl::text[]) AS acl, (${columns}) AS columns, (${reads}) AS reads, (${used}) AS "columnsUsed", (${keys}) AS "keysUsed", ${rowType} AS "usesRowType" FROM pg_catalog.pg_class v JOIN pg_catalog.pg_namespace n ON n.oid = v.relnamespace, target WHERE v.oid IN (SELECT view FROM above)`;
}
