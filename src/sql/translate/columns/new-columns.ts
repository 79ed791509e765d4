import type { ColumnDef } from 'libpg-query';
import { asNode } from '../../syntax/parse-tree';
import type { NodeBody } from '../../syntax/parse-tree';
import type { Statement } from '../../syntax/statement';
import { columnsOf } from './created-table';

/** The columns that a statement makes, or gives another type. */
export function newColumns({ node, tree }: Pick<Statement, 'node' | 'tree'>): ColumnDef[] {
  if (node === 'CreateStmt') return columnsOf(tree as NodeBody<'CreateStmt'>);
  if (node !== 'AlterTableStmt') return [];
  return ((tree as NodeBody<'AlterTableStmt'>).cmds ?? []).flatMap(
    (command) => asNode(asNode(command, 'AlterTableCmd')?.def, 'ColumnDef') ?? [],
  );
}
