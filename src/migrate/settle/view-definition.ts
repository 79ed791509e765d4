import { literal, parseQuery, tableNameOf, type NodeBody } from '../../sql';

/** Longer ones may nest deeper than JavaScript recurses. */
const LONGEST_COMPARED = 20_000;

/** What {@link viewDefinition} reads. */
interface KeptView {
  readonly definition: string;
  /** What the view reads. */
  readonly relations: readonly { readonly schema: string; readonly name: string }[];
}

/** A query that reads the definition of a view; it gives no row where there is none. */
export function viewDefinition({ view }: NodeBody<'ViewStmt'>): string {
  const { schema, name } = tableNameOf(view);
  const namespace = schema === undefined ? 'current_schema()' : literal(schema);
  const relations = `SELECT DISTINCT rn.nspname AS schema, r.relname AS name FROM pg_catalog.pg_rewrite w JOIN pg_catalog.pg_depend d ON d.objid = w.oid AND d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass JOIN pg_catalog.pg_class r ON r.oid = d.refobjid JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace WHERE w.ev_class = c.oid AND r.oid <> c.oid`;
  return `SELECT pg_catalog.pg_get_viewdef(c.oid) AS definition, (SELECT coalesce(json_agg(part), '[]') FROM (${relations}) part) AS relations FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'v' AND c.relname = ${literal(name)} AND n.nspname = ${namespace}`;
}

/**
 * Whether a view is what a statement says, as far as the two texts tell: PostgreSQL writes expressions in its own way.
 *
 * @param rows - what {@link viewDefinition} has found
 */
export function isView(
  { query, aliases, options, withCheckOption = 'NO_CHECK_OPTION' }: NodeBody<'ViewStmt'>,
  rows: readonly unknown[],
): boolean {
  const [kept] = rows as readonly KeptView[];
  const isPlain = aliases === undefined && options === undefined && withCheckOption === 'NO_CHECK_OPTION';
  if (kept === undefined || !isPlain || kept.definition.length > LONGEST_COMPARED) return false;
  const [statement] = parseQuery(kept.definition).statements;
  const found = { SelectStmt: statement?.tree };
  const wanted = JSON.stringify(compared(query, {}));
  // Where both leave the schema to the search_path it is the same.
  const named = (schemas: Place['schemas']) => JSON.stringify(compared(found, { schemas })) === wanted;
  return named(undefined) || named(kept.relations);
}

/** Where a part of a query is. */
interface Place {
  /** The only table of the SELECT around it. */
  readonly table?: string | undefined;
  /** What says the schemas of tables that are named without one. */
  readonly schemas?: KeptView['relations'] | undefined;
}

type Tree = Readonly<Record<string, unknown>>;

/** A part of a query without its places in the text, and without the name of the table where there is no other one. */
function compared(part: unknown, place: Place): unknown {
  if (Array.isArray(part)) return part.map((each) => compared(each, place));
  if (typeof part !== 'object' || part === null) return part;
  const tree = part as Tree;
  const inside = 'targetList' in tree ? { ...place, table: onlyTable(tree) } : place;
  const entries = Object.entries(tree).filter(([key]) => !key.endsWith('location'));
  return Object.fromEntries(
    entries.map(([key, value]) => {
      if (key === 'ColumnRef') return [key, compared(unqualified(value as Tree, inside.table), inside)];
      if (key === 'RangeVar') return [key, compared(qualified(value as Tree, inside.schemas), inside)];
      return [key, compared(value, inside)];
    }),
  );
}

function onlyTable({ fromClause }: Tree): string | undefined {
  const [from, ...others] = (fromClause ?? []) as readonly { readonly RangeVar?: Tree }[];
  const table = others.length === 0 && from?.RangeVar?.alias === undefined ? from?.RangeVar : undefined;
  return table?.relname as string | undefined;
}

function unqualified(column: Tree, table: string | undefined): Tree {
  const fields = column.fields as readonly { readonly String?: { readonly sval?: string } }[];
  const isOfTable = table !== undefined && fields.length === 2 && fields[0]?.String?.sval === table;
  return isOfTable ? { ...column, fields: fields.slice(1) } : column;
}

function qualified(table: Tree, schemas: Place['schemas']): Tree {
  const [relation, ...others] = (schemas ?? []).filter(({ name }) => name === table.relname);
  const isKnown = table.schemaname === undefined && relation !== undefined && others.length === 0;
  return isKnown ? { schemaname: relation.schema, ...table } : table;
}
