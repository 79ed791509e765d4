import { walk } from '../syntax/parse-tree';
import type { NodeBody } from '../syntax/parse-tree';
import type { TableName } from '../syntax/statement';
import { isSameName, tableNameOf } from '../catalogue/catalog-facts';
import type { StatementText } from './text/statement-text';

/** Statements that a CREATE TABLE may move over: they neither make what it needs nor drop what it makes. */
const MOVED_OVER = new Set([
  'CreateStmt',
  'IndexStmt',
  'CommentStmt',
  'AlterTableStmt',
  'InsertStmt',
  'GrantStmt',
]);

/** Moves the tables that foreign keys of CREATE TABLE refer to before the tables that have them. */
export function inDependencyOrder(statements: readonly StatementText[]): readonly StatementText[] {
  if (statements.filter(isCreateTable).length < 2) return statements;
  const ordered: StatementText[] = [];
  const placed = new Set<StatementText>();
  const place = (statement: StatementText, index: number) => {
    if (placed.has(statement)) return;
    placed.add(statement);
    for (const target of referencedTables(statement)) {
      const at = statements.findIndex(
        (other, position) =>
          position > index && isCreateTable(other) && isSameName(createdTable(other), target),
      );
      const created = statements[at];
      if (!created || isSameName(createdTable(created), createdTable(statement))) continue;
      const between = statements.slice(index, at);
      if (between.every((each) => MOVED_OVER.has(each.statement.node))) place(created, at);
    }
    ordered.push(statement);
  };
  statements.forEach(place);
  return ordered;
}

function isCreateTable({ statement }: StatementText): boolean {
  return statement.node === 'CreateStmt';
}

function createdTable({ statement }: StatementText): TableName {
  return tableNameOf((statement.tree as NodeBody<'CreateStmt'>).relation);
}

function referencedTables(source: StatementText): TableName[] {
  if (!isCreateTable(source)) return [];
  const { node, tree } = source.statement;
  const tables: TableName[] = [];
  walk(node, tree as object, ({ name, body }) => {
    const { pktable } = body as NodeBody<'Constraint'>;
    if (name === 'Constraint' && pktable) tables.push(tableNameOf(pktable));
    return true;
  });
  return tables;
}
