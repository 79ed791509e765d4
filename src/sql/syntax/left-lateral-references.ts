import type { Node, RangeVar, SelectStmt } from 'libpg-query';
import { asNode, strings, walk } from './parse-tree';
import type { NodeBody } from './parse-tree';
import type { Statement, TableName } from './statement';

/** A column of the left side of a LEFT JOIN LATERAL that the sub-query's select list names. */
export interface LateralReference {
  /** The table on the left side. */
  readonly outer: TableName;
  /** The column of `outer` that is named. */
  readonly column: string;
  /** The first table in the sub-query's FROM. */
  readonly inner: TableName;
}

/**
 * Finds what trips DSQL's planner in `a LEFT JOIN LATERAL (SELECT a.x … FROM b)`.
 *
 * A cluster was recorded (2026-09) to answer 42804 `attribute 1 of type b has wrong type` where `a.x` is the first
 * column of `a` and has another type than the first column of `b`, even when the select list casts it; CROSS and
 * INNER joins work. Both recordings read as if the column's number were looked up in the wrong table. That is an
 * inference: what answers `left-join-lateral` needs the catalogue for both types.
 */
export function leftLateralReferences({ node, tree }: Statement): readonly LateralReference[] {
  const found: LateralReference[] = [];
  if (typeof tree !== 'object' || tree === null) return found;
  walk(node, tree, ({ name, body }) => {
    if (name === 'JoinExpr') found.push(...referencesOf(body));
    return true;
  });
  return found;
}

function referencesOf({ jointype, larg, rarg }: NodeBody<'JoinExpr'>): LateralReference[] {
  const right = asNode(rarg, 'RangeSubselect');
  if (jointype !== 'JOIN_LEFT' || right?.lateral !== true) return [];
  const select: SelectStmt = asNode(right.subquery, 'SelectStmt') ?? {};
  const innerTables = tablesByName(select.fromClause ?? []);
  const inner = [...innerTables.values()][0];
  if (!inner) return [];
  const outerTables = tablesByName(larg ? [larg] : []);

  return columnsNamedIn(select.targetList ?? []).flatMap(({ table, column }) => {
    const outer = innerTables.has(table) ? undefined : outerTables.get(table);
    return outer ? [{ outer: tableName(outer), column, inner: tableName(inner) }] : [];
  });
}

/** The tables of a FROM list by the names that columns are qualified with. */
function tablesByName(items: readonly Node[]): Map<string, RangeVar> {
  const tables = new Map<string, RangeVar>();
  for (const item of items) {
    const table = asNode(item, 'RangeVar');
    if (table) tables.set(table.alias?.aliasname ?? table.relname ?? '', table);
    const join = asNode(item, 'JoinExpr');
    for (const side of [join?.larg, join?.rarg]) {
      if (side) for (const [name, nested] of tablesByName([side])) tables.set(name, nested);
    }
  }
  return tables;
}

function columnsNamedIn(targets: readonly Node[]): { readonly table: string; readonly column: string }[] {
  const columns: { table: string; column: string }[] = [];
  walk('', { targets }, ({ name, body }) => {
    if (name === 'ColumnRef') {
      const [table, column, more] = strings((body as NodeBody<'ColumnRef'>).fields);
      if (table !== undefined && column !== undefined && more === undefined) columns.push({ table, column });
    }
    return true;
  });
  return columns;
}

function tableName({ schemaname, relname }: RangeVar): TableName {
  return { ...(schemaname !== undefined && { schema: schemaname }), name: relname ?? '' };
}
