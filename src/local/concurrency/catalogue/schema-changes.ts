import { strings, walk } from '../../../sql';
import type { Statement, TableName } from '../../../sql';
import type { Ask } from '../../limits/catalogue-checks';

/** A relation under the name that it has in its schema. */
export interface ChangedRelation {
  readonly schema: string;
  readonly name: string;
}

/** What a statement changes of what is there already, by the names that it gives. */
interface NamedObjects {
  /** Tables, views, sequences and indexes. */
  readonly relations?: readonly TableName[];
  readonly schemas?: readonly string[];
  readonly domains?: readonly TableName[];
  /** What depends on them is changed, too. */
  readonly cascades?: boolean;
}

/** What libpg-query gives for DDL, as far as it names what is changed. */
interface DdlTree {
  readonly relation?: RangeVar;
  readonly sequence?: RangeVar;
  readonly view?: RangeVar;
  readonly relations?: readonly { readonly RangeVar?: RangeVar }[];
  readonly objects?: readonly ObjectNode[];
  readonly object?: ObjectNode;
  readonly typeName?: readonly unknown[];
  readonly subname?: string;
  readonly renameType?: string;
  readonly removeType?: string;
  readonly objtype?: string;
  readonly objectType?: string;
  readonly targtype?: string;
  readonly behavior?: string;
}

interface RangeVar {
  readonly schemaname?: string;
  readonly relname?: string;
}

interface ObjectNode {
  readonly RangeVar?: RangeVar;
  readonly String?: { readonly sval?: string };
  readonly List?: { readonly items?: readonly unknown[] };
  readonly TypeName?: { readonly names?: readonly unknown[] };
}

const RELATIONS: ReadonlySet<string> = new Set(
  ['TABLE', 'VIEW', 'SEQUENCE', 'INDEX', 'COLUMN', 'TABCONSTRAINT'].map((kind) => `OBJECT_${kind}`),
);
const DOMAINS: ReadonlySet<string> = new Set(['OBJECT_DOMAIN', 'OBJECT_TYPE']);
/** Objects that are named together with the table that they are a part of. */
const PARTS: ReadonlySet<string> = new Set(['OBJECT_COLUMN', 'OBJECT_TABCONSTRAINT']);

/**
 * The tables, views, sequences and indexes that a DDL statement changes, its indirect effects included: the table of an
 * index, the table that a sequence belongs to or gives defaults to, the views of a table, the tables of a domain or
 * schema, with CASCADE the tables that refer to one. What is new changes nothing. To be called before the statement is
 * executed, in its transaction.
 */
export async function relationsChangedBy(statement: Statement, ask: Ask): Promise<ChangedRelation[]> {
  const { relations = [], schemas = [], domains = [], cascades = false } = objectsOf(statement);
  if (relations.length + schemas.length + domains.length === 0) return [];
  const rows = await ask(
    'SELECT * FROM pg_dsql_local.concerned($1, $2, $3, $4, $5, $6, pg_catalog.current_schemas(true))',
    [...namesOf(relations), ...namesOf(domains), arrayLiteral(schemas), cascades ? 't' : 'f'],
  );
  return rows.map(([schema, name]) => ({ schema: schema ?? '', name: name ?? '' }));
}

function objectsOf({ node, tree }: Statement): NamedObjects {
  const ddl = tree as DdlTree;
  const { objects = [], object, behavior } = ddl;
  const cascades = behavior === 'DROP_CASCADE';
  switch (node) {
    case 'AlterTableStmt':
    case 'IndexStmt':
      return { relations: named(ddl.relation), cascades };
    case 'AlterSeqStmt':
      return { relations: named(ddl.sequence) };
    case 'ViewStmt':
      return { relations: named(ddl.view) }; // there may be one to be replaced
    case 'CreateStatsStmt':
      return { relations: (ddl.relations ?? []).flatMap(({ RangeVar: relation }) => named(relation)) };
    case 'AlterDomainStmt':
      return { domains: [nameFrom(ddl.typeName)] };
    case 'RenameStmt':
    case 'AlterObjectSchemaStmt':
    case 'AlterOwnerStmt':
    case 'CommentStmt': {
      const kind = ddl.renameType ?? ddl.objectType ?? ddl.objtype;
      if (ddl.relation) return { relations: named(ddl.relation) };
      if (ddl.subname !== undefined && kind === 'OBJECT_SCHEMA') return { schemas: [ddl.subname] };
      return object ? objectsOfKind(kind, [object]) : {};
    }
    case 'DropStmt':
      return { ...objectsOfKind(ddl.removeType, objects), cascades };
    case 'GrantStmt':
      if (ddl.targtype === 'ACL_TARGET_ALL_IN_SCHEMA') return objectsOfKind('OBJECT_SCHEMA', objects);
      return objectsOfKind(ddl.objtype, objects);
    default:
      return {};
  }
}

function objectsOfKind(kind = '', objects: readonly ObjectNode[]): NamedObjects {
  if (kind === 'OBJECT_SCHEMA') return { schemas: objects.flatMap(({ String: name }) => name?.sval ?? []) };
  if (DOMAINS.has(kind)) {
    return { domains: objects.map(({ TypeName: type, List: list }) => nameFrom(type?.names ?? list?.items)) };
  }
  if (!RELATIONS.has(kind)) return {};
  const relations = objects.flatMap(({ RangeVar: relation, List: list }) => {
    if (relation) return named(relation);
    const items = list?.items ?? [];
    return [nameFrom(PARTS.has(kind) ? items.slice(0, -1) : items)];
  });
  return { relations };
}

function named(relation: RangeVar | undefined): TableName[] {
  const { schemaname: schema, relname: name } = relation ?? {};
  if (name === undefined) return [];
  return [schema === undefined ? { name } : { schema, name }];
}

function nameFrom(nodes: readonly unknown[] | undefined): TableName {
  const words = strings(nodes as Parameters<typeof strings>[0]);
  const name = words.at(-1) ?? '';
  const schema = words.at(-2);
  return schema === undefined ? { name } : { schema, name };
}

/** Statements come from a cache, and so does what they use. */
const known = new WeakMap<Statement, readonly TableName[]>();

/** The relations that a statement names, those of common table expressions left out. */
export function relationsUsedBy(statement: Statement): readonly TableName[] {
  let used = known.get(statement);
  if (!used) {
    used = readRelations(statement);
    known.set(statement, used);
  }
  return used;
}

function readRelations(statement: Statement): readonly TableName[] {
  const found: TableName[] = [...(objectsOf(statement).relations ?? [])];
  const commonTables = new Set<string>();
  walk(statement.node, statement.tree as object, ({ name, body }) => {
    if (name === 'RangeVar') found.push(...named(body));
    else if (name === 'CommonTableExpr')
      commonTables.add((body as { readonly ctename?: string }).ctename ?? '');
    return true;
  });
  const isRelation = ({ schema, name }: TableName) => schema !== undefined || !commonTables.has(name);
  return found.filter(isRelation);
}

/** Says of relations of which the name alone is known whether one of them is one of those that were changed. */
export async function meansOneOf(changed: readonly ChangedRelation[], ask: Ask): Promise<boolean> {
  const [row] = await ask(
    `SELECT EXISTS (SELECT FROM unnest($1::name[], $2::name[]) AS changed (schema, name)
              WHERE changed.schema = coalesce((
                      SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                       WHERE c.relname = changed.name AND n.nspname = ANY (path)
                       ORDER BY pg_catalog.array_position(path, n.nspname) LIMIT 1), changed.schema)
                AND changed.schema = ANY (path))
       FROM pg_catalog.current_schemas(true) AS path`,
    namesOf(changed),
  );
  return row?.[0] === 't';
}

/** Schemas and names as two arrays; a schema that is not given is null. */
function namesOf(names: readonly TableName[]): [string, string] {
  return [arrayLiteral(names.map(({ schema }) => schema)), arrayLiteral(names.map(({ name }) => name))];
}

function arrayLiteral(values: readonly (string | undefined)[]): string {
  const elements = values.map((value) =>
    value === undefined ? 'NULL' : `"${value.replace(/["\\]/g, '\\$&')}"`,
  );
  return `{${elements.join()}}`;
}
