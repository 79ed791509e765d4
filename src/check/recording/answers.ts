import type { FuncCall, InsertStmt, ResTarget, SelectStmt } from 'libpg-query';
import { asNode, strings } from '../../sql';
import type { ParsedQuery, Statement } from '../../sql';
import { rowsOf } from '../judge';

/** One row of an answer. */
export type Row = Readonly<Record<string, unknown>>;

/**
 * The rows that a program gets for a text: those of an empty database. An aggregate has a row even there, and
 * `RETURNING` one for each that was written, with `1` in the place of its values.
 */
export function rowsFor({ statements }: ParsedQuery): Row[] {
  const statement = statements.at(-1);
  if (!statement) return [];
  if (statement.node === 'SelectStmt') return selected(statement.tree as SelectStmt);
  return statement.node === 'InsertStmt' ? returned(statement) : [];
}

const AGGREGATES = new Set([
  'count',
  'max',
  'min',
  'sum',
  'avg',
  'bool_or',
  'bool_and',
  'array_agg',
  'json_agg',
]);

const SESSION_VALUES: ReadonlyMap<string, string> = new Map([
  ['current_schema', 'public'],
  ['current_database', 'postgres'],
  ['version', 'PostgreSQL 16'],
  ['current_user', 'admin'],
]);

function selected({ targetList, groupClause, fromClause }: SelectStmt): Row[] {
  if (groupClause) return [];
  const row: Record<string, unknown> = {};
  for (const item of targetList ?? []) {
    const target = asNode(item, 'ResTarget');
    const { column, value, isAlone } = columnOf(target, fromClause !== undefined);
    if (!isAlone) return [];
    row[column] = value;
  }
  return [row];
}

/** What one column of a select list is when there are no rows. */
function columnOf(
  target: ResTarget | undefined,
  hasTables: boolean,
): { readonly column: string; readonly value: unknown; readonly isAlone: boolean } {
  const inner = asNode(target?.val, 'TypeCast')?.arg ?? target?.val;
  const link = asNode(inner, 'SubLink');
  if (link?.subLinkType === 'EXISTS_SUBLINK') {
    return { column: target?.name ?? 'exists', value: false, isAlone: true };
  }
  const call: FuncCall | undefined = asNode(inner, 'FuncCall');
  const called = strings(call?.funcname).at(-1) ?? '';
  const column = target?.name ?? (called === '' ? '?column?' : called);
  if (AGGREGATES.has(called)) return { column, value: called === 'count' ? '0' : null, isAlone: true };
  return { column, value: SESSION_VALUES.get(called) ?? null, isAlone: !hasTables };
}

function returned(statement: Statement): Row[] {
  const { returningList, cols } = statement.tree as InsertStmt;
  if (!returningList) return [];
  const names = returningList.flatMap((item) => {
    const target = asNode(item, 'ResTarget');
    const fields = asNode(target?.val, 'ColumnRef')?.fields;
    const name = target?.name ?? strings(fields).at(-1);
    if (name !== undefined) return [name];
    return ['id', ...(cols ?? []).flatMap((each) => asNode(each, 'ResTarget')?.name ?? [])];
  });
  const row = Object.fromEntries(names.map((name) => [name, '1']));
  return Array.from({ length: Math.max(1, rowsOf(statement)) }, () => ({ ...row }));
}
