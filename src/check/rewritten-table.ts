import { parseQuery, tableNameOf, type DsqlStatement, type NodeBody, type TableName } from '../sql';

/** The statements that do so, by the names of their parse trees. */
const ROW_BY_ROW: ReadonlySet<string> = new Set(['IndexStmt', 'AlterTableStmt', 'UpdateStmt', 'DeleteStmt']);

/**
 * The table whose rows a statement reads or writes one by one, so that it takes the longer the more they are: the build of
 * an index, the validation of a constraint, an UPDATE, a DELETE.
 */
export function rewrittenTable({ sql, kind, repeat }: DsqlStatement): TableName | undefined {
  if (repeat !== undefined) return repeat.table;
  if (kind === 'ddl') return undefined;
  const { node = '', tree } = parseQuery(sql).statements[0] ?? {};
  if (!ROW_BY_ROW.has(node)) return undefined;
  const { relation } = tree as NodeBody<'IndexStmt' | 'AlterTableStmt' | 'UpdateStmt' | 'DeleteStmt'>;
  return tableNameOf(relation);
}
