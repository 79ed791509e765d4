import {
  asNode,
  nameOfParts,
  parseQuery,
  quoted,
  strings,
  tableNameOf,
  tokensOf,
  utf16Offsets,
  walk,
  type NodeBody,
  type TableName,
  type Visited,
} from '../../sql';
import type { DependentView } from '../catalogue/dependent-views';
import type { Rebuild } from './new-table';

/** What takes the place of a part of a text. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

type Relation = Required<TableName>;

/** What to write for a relation, or for the type of its rows, if another one. */
type RelationFor = (relation: Relation) => string | undefined;

/**
 * The query of a view with other relations in the place of some that it reads, under the names of those. Names that it gives
 * the columns of the table by their order are left to the same columns.
 *
 * A name without a schema is that of a relation which is found so; PostgreSQL writes the schema of one that a CTE around it hides.
 */
export function withRelations(
  { definition }: DependentView,
  { table, details, views, change }: Rebuild,
  relationFor: RelationFor = () => undefined,
  rowTypeFor: RelationFor = () => undefined,
): string {
  const query = definition.trim().replace(/;$/, '');
  const [statement] = parseQuery(query).statements;
  const offsetOf = utf16Offsets(query);
  const known = [
    { schema: table.schema, name: table.name, isVisible: details.isVisible },
    ...views.recreated,
  ];
  const edits: Edit[] = [];
  const named = ({ schema, name }: TableName): Relation | undefined =>
    known.find(
      (each) => each.name === name && (schema === undefined ? each.isVisible : schema === each.schema),
    );
  walk(statement?.node ?? '', statement?.tree ?? {}, (node) => {
    const { name, body } = node;
    if (name === 'TypeName') {
      const type = body as NodeBody<'TypeName'>;
      const path = nameOfParts(strings(type.names));
      const relation = named(path);
      const text = relation && rowTypeFor(relation);
      if (text !== undefined) edits.push(nameAt(query, offsetOf(type.location ?? 0), path, text));
    } else if (name === 'RangeVar' && !isName(node)) {
      const path = tableNameOf(body);
      const relation = named(path);
      if (relation === undefined) return true;
      const range = body as NodeBody<'RangeVar'>;
      const at = offsetOf(range.location ?? 0);
      edits.push(...relationAt(query, at, range, relationFor(relation)));
      const isTable = relation.name === table.name && relation.schema === table.schema;
      if (isTable && change.dropped.size > 0) {
        const stays = table.columns.map((column) => !change.dropped.has(column.name));
        edits.push(...columnNamesAt(query, at, range, stays));
      }
    }
    return true;
  });
  return edits
    .toSorted((one, other) => other.start - one.start)
    .reduce((text, edit) => text.slice(0, edit.start) + edit.text + text.slice(edit.end), query);
}

/** Whether it is the name that something has in the query itself: in FOR UPDATE OF, or of a CTE around it. */
function isName({ body, parent }: Visited): boolean {
  if (parent?.name === 'LockingClause') return true;
  const { schema, name } = tableNameOf(body);
  if (schema !== undefined) return false;
  for (let around = parent; around !== undefined; around = around.parent) {
    const { withClause } = around.body as Pick<NodeBody<'SelectStmt'>, 'withClause'>;
    if (withClause?.ctes?.some((cte) => asNode(cte, 'CommonTableExpr')?.ctename === name) === true)
      return true;
  }
  return false;
}

/** Another name in the place of one. */
function nameAt(query: string, start: number, { schema }: TableName, text: string): Edit {
  const tokens = tokensOf(query, start);
  let end = start;
  for (let parts = schema === undefined ? 1 : 3; parts > 0; parts--) end = tokens.next().value?.end ?? end;
  return { start, end, text };
}

/** Another relation in the place of one, under its name. */
function relationAt(
  query: string,
  at: number,
  range: NodeBody<'RangeVar'>,
  text: string | undefined,
): readonly Edit[] {
  if (text === undefined) return [];
  const path = tableNameOf(range);
  const { end } = nameAt(query, at, path, text);
  // No table of DSQL's inherits, and a query in its place takes no ONLY.
  const [only = ''] = range.inh === true ? [] : (/\bONLY\s*$/.exec(query.slice(0, at)) ?? []);
  const written = range.alias === undefined ? `${text} AS ${quoted(path.name)}` : text;
  return [{ start: at - only.length, end, text: written }];
}

/**
 * The names that a query gives the columns of a table (`orders o(a, b)`), without those of columns that are dropped.
 *
 * @param stays - of each column in its order
 */
function columnNamesAt(
  query: string,
  at: number,
  { alias, ...range }: NodeBody<'RangeVar'>,
  stays: readonly boolean[],
): readonly Edit[] {
  const names = strings(alias?.colnames);
  if (names.length === 0) return [];
  const { end: from } = nameAt(query, at, tableNameOf(range), '');
  const tokens = [...tokensOf(query, from)];
  const start = tokens.find(({ value }) => value === '(')?.start ?? from;
  const end = tokens.find(({ value }) => value === ')')?.end ?? from;
  const left = names.filter((_, index) => stays[index] !== false).map(quoted);
  return [{ start, end, text: left.length === 0 ? '' : `(${left.join(', ')})` }];
}
