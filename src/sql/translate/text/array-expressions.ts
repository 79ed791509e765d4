import type { ColumnRef, FuncCall, RangeVar, ResTarget, SubLink } from 'libpg-query';
import type { ArrayColumn } from '../../catalogue/catalog-facts';
import { tableNameOf } from '../../catalogue/catalog-facts';
import { asNode, strings, walk } from '../../syntax/parse-tree';
import type { NodeBody, Visited } from '../../syntax/parse-tree';
import type { Edit } from './edits';
import type { StatementText } from './statement-text';

/** Functions of arrays. Those of JSON take the column as it is. */
const OF_ARRAYS = /^(?:array_\w+|unnest|cardinality|trim_array|array_ndims)$/;
/** They make an array of arrays, or of an array and a member. */
const MAKES_ARRAY =
  /^(?:array_(?:agg|append|prepend|cat|remove|replace|fill|sample|shuffle)|trim_array|string_to_array|regexp_split_to_array)$/;
/** Operators that only JSON has. */
const OF_JSON = /^(?:->>?|#>>?|#-|\?[|&]?|@\?|@@)$/;

/** Statements whose expressions may hold a sub-query; that of a CHECK, of an index and of a default may not. */
const WITH_QUERIES: ReadonlySet<string> = new Set([
  'SelectStmt',
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
  'ViewStmt',
]);

/** A column as a statement names it, that is jsonb and was declared as an array. */
interface Use {
  readonly column: ArrayColumn;
  /** Its place in the statement. */
  readonly visited: Visited;
}

/**
 * Makes arrays again, in expressions that take arrays, of columns that are kept as jsonb: `'a' = ANY(tags)`, `tags[1]`,
 * `unnest(tags)`, `tags && ARRAY['a']`. An array has the members of the JSON in their order, and is NULL where that is.
 *
 * What only names the column, as a select list does, gives the JSON.
 */
export function arrayExpressionEdits(source: StatementText, known: readonly ArrayColumn[]): Edit[] {
  const mayQuery = WITH_QUERIES.has(source.statement.node);
  return usesIn(source, known).flatMap(({ column, visited }) => {
    const { start, end } = rangeOf(source, visited);
    const type = column.isGuessed === true ? typeBeside(visited) : column.type;
    if (mayQuery) return [{ start, end, text: arrayOf(source.sql.slice(start, end), type) }];
    return lengthEdits(source, visited) ?? [];
  });
}

/**
 * What a statement does with columns of arrays that it cannot do with JSON.
 *
 * @returns the names of such columns
 */
export function unwritableArrays(source: StatementText, known: readonly ArrayColumn[]): readonly string[] {
  const { node, tree } = source.statement;
  if (known.length === 0) return [];
  if (!WITH_QUERIES.has(node)) {
    const unwritable = usesIn(source, known).filter(
      ({ visited }) => lengthEdits(source, visited) === undefined,
    );
    return unwritable.map(({ column }) => column.column);
  }
  const named = tablesIn(node, tree as object);
  const names: string[] = [];
  walk(node, tree as object, ({ name, body }) => {
    const { name: column = '', indirection = [] } = body as ResTarget;
    const isMember = name === 'ResTarget' && indirection.some((each) => 'A_Indices' in each);
    if (isMember && isKnown(column, [...named.values()], known)) names.push(column);
    return true;
  });
  return names;
}

/** The columns of arrays that a statement names where an array is taken. */
function usesIn(source: StatementText, known: readonly ArrayColumn[]): readonly Use[] {
  const { node, tree } = source.statement;
  if (known.length === 0) return [];
  const named = tablesIn(node, tree as object);
  const uses: Use[] = [];
  walk(node, tree as object, (visited) => {
    if (visited.name !== 'ColumnRef') return true;
    const column = columnOf(visited.body, named, known);
    const takes = column?.isGuessed === true ? takesOnlyArray : takesArray;
    if (column !== undefined && takes(visited)) uses.push({ column, visited });
    return true;
  });
  return uses;
}

function rangeOf(source: StatementText, { body }: Visited): { readonly start: number; readonly end: number } {
  const start = source.at((body as ColumnRef).location);
  return { start, end: source.endBefore(source.afterName(source.indexAt(start))) };
}

/** How long an array is, where no sub-query may be asked for its members. */
function lengthEdits(source: StatementText, visited: Visited): Edit[] | undefined {
  const call = visited.parent?.name === 'FuncCall' ? (visited.parent.body as FuncCall) : undefined;
  const name = call === undefined ? '' : functionOf(call);
  const dimension = asNode(call?.args?.[1], 'A_Const')?.ival?.ival;
  if (name !== 'cardinality' && !(name === 'array_length' && dimension === 1)) return undefined;
  const from = source.indexAt(source.at(call?.location));
  const open = source.afterName(from);
  const start = source.tokens[from]?.start ?? 0;
  if (name === 'cardinality') {
    return [{ start, end: source.endBefore(open), text: 'jsonb_array_length' }];
  }
  // Of an empty array it is NULL.
  return [
    { start, end: source.endBefore(open), text: 'nullif(jsonb_array_length' },
    { start: rangeOf(source, visited).end, end: source.endBefore(source.afterGroup(open)), text: '), 0)' },
  ];
}

/** Whether a value is an array, by what makes it; of a column that is jsonb an array is made again. */
export function makesArray(value: ResTarget['val'], isKnown: (reference: ColumnRef) => boolean): boolean {
  const call = asNode(value, 'FuncCall');
  if (call !== undefined) return MAKES_ARRAY.test(functionOf(call));
  const operation = asNode(value, 'A_Expr');
  if (operation !== undefined && strings(operation.name).at(-1) === '||') {
    return [operation.lexpr, operation.rexpr].some((side) => {
      const reference = asNode(side, 'ColumnRef');
      return (
        (reference !== undefined && isKnown(reference)) ||
        asNode(side, 'A_ArrayExpr') !== undefined ||
        makesArray(side, isKnown)
      );
    });
  }
  const choices = asNode(value, 'CoalesceExpr')?.args;
  return choices?.some((each) => makesArray(each, isKnown)) === true;
}

/** A sub-query that makes an array of JSON. */
function arrayOf(column: string, type: string): string {
  return `(CASE WHEN ${column} IS NOT NULL THEN ARRAY(SELECT member::${type} FROM jsonb_array_elements_text(${column}) WITH ORDINALITY AS members(member, place) ORDER BY place) END)`;
}

/** The tables that a statement names, by the names by which its columns are qualified. */
function tablesIn(node: string, tree: object): ReadonlyMap<string, ReturnType<typeof tableNameOf>> {
  const tables = new Map<string, ReturnType<typeof tableNameOf>>();
  walk(node, tree, ({ name, body }) => {
    if (name !== 'RangeVar') return true;
    const range = body as RangeVar;
    const table = tableNameOf(range);
    tables.set(range.alias?.aliasname ?? table.name, table);
    return true;
  });
  // The row that could not be inserted.
  const inserted = (tree as { readonly relation?: RangeVar }).relation;
  if (node === 'InsertStmt' && inserted !== undefined) tables.set('excluded', tableNameOf(inserted));
  return tables;
}

function columnOf(
  { fields }: ColumnRef,
  named: ReturnType<typeof tablesIn>,
  known: readonly ArrayColumn[],
): ArrayColumn | undefined {
  const [column = '', qualifier] = strings(fields).reverse();
  const tables = qualifier === undefined ? [...named.values()] : [named.get(qualifier)];
  return known.find(
    (each) => each.column === column && tables.some((table) => table?.name === each.table.name),
  );
}

function isKnown(
  column: string,
  tables: readonly ReturnType<typeof tableNameOf>[],
  known: readonly ArrayColumn[],
): boolean {
  return known.some(
    (each) =>
      !each.isGuessed && each.column === column && tables.some(({ name }) => name === each.table.name),
  );
}

/** Whether what is around a column takes an array. */
function takesArray({ body, parent }: Visited): boolean {
  switch (parent?.name) {
    case 'A_Indirection':
    case 'CoalesceExpr':
      return !isOfJson(parent);
    case 'FuncCall':
      return OF_ARRAYS.test(functionOf(parent.body));
    case 'A_Expr': {
      const { name, kind, lexpr, rexpr } = parent.body as NodeBody<'A_Expr'>;
      if (kind === 'AEXPR_OP_ANY' || kind === 'AEXPR_OP_ALL') return asNode(rexpr, 'ColumnRef') === body;
      const operator = strings(name).at(-1) ?? '';
      const other = asNode(lexpr, 'ColumnRef') === body ? rexpr : lexpr;
      return kind === 'AEXPR_OP' && !OF_JSON.test(operator) && !isJson(other);
    }
    case 'TypeCast':
      return !isJson({ TypeCast: parent.body });
    case 'SubLink':
      return (parent.body as SubLink).testexpr !== undefined;
    default:
      return false;
  }
}

/** Whether PostgreSQL would take nothing but an array there. */
function takesOnlyArray(visited: Visited): boolean {
  const { name, body } = visited.parent ?? {};
  const isOfAny = name === 'A_Expr' && (body as NodeBody<'A_Expr'>).kind !== 'AEXPR_OP';
  return (name === 'FuncCall' || isOfAny) && takesArray(visited);
}

/** The type of the members, by what they are compared with. */
function typeBeside({ parent }: Visited): string {
  const operation = parent?.body as NodeBody<'A_Expr'>;
  const constant = asNode(operation.lexpr, 'A_Const');
  return constant?.ival !== undefined || constant?.fval !== undefined ? 'numeric' : 'text';
}

/** What is said besides in a COALESCE or behind brackets tells which of the two is meant. */
function isOfJson({ name, body }: Visited): boolean {
  if (name !== 'CoalesceExpr') return false;
  return ((body as NodeBody<'CoalesceExpr'>).args ?? []).some(isJson);
}

/** Whether a value is JSON by what is written: a cast, a function of JSON, or a text that is no array of PostgreSQL. */
function isJson(value: ResTarget['val']): boolean {
  const cast = asNode(value, 'TypeCast');
  if (cast !== undefined) return /^jsonb?$/.test(strings(cast.typeName?.names).at(-1) ?? '');
  const call = asNode(value, 'FuncCall');
  if (call !== undefined) return /^(?:to_)?jsonb?(?:_|$)/.test(functionOf(call));
  const text = asNode(value, 'A_Const')?.sval?.sval;
  return text !== undefined && !text.startsWith('{');
}

function functionOf({ funcname }: FuncCall): string {
  return strings(funcname).at(-1) ?? '';
}
