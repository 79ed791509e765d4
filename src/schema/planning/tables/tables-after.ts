import {
  asNode,
  parseQuery,
  tableNameOf,
  type CatalogTable,
  type DsqlStatement,
  type NodeBody,
} from '../../../sql';

/**
 * Tables as they will be when statements have been carried out that were planned for the same text: what is renamed has its new
 * name, and what is dropped is gone. What is added is not known before it is there.
 */
export function tablesAfter(
  tables: readonly CatalogTable[],
  statements: readonly DsqlStatement[],
): readonly CatalogTable[] {
  let after = tables;
  for (const { sql, kind } of statements) {
    if (kind !== 'ddl') continue;
    for (const { node, tree } of parseQuery(sql).statements) {
      const { relation } = tree as Partial<NodeBody<'AlterTableStmt'>>;
      if (relation === undefined) continue;
      const { schema, name } = tableNameOf(relation);
      const change =
        node === 'RenameStmt'
          ? renamed(tree as NodeBody<'RenameStmt'>)
          : node === 'AlterTableStmt'
            ? without(tree as NodeBody<'AlterTableStmt'>)
            : undefined;
      if (change === undefined) continue;
      const isIt = (table: CatalogTable) => table.name === name && (schema ?? table.schema) === table.schema;
      after = after.map((table) => (isIt(table) ? change(table) : table));
    }
  }
  return after;
}

type Change = (table: CatalogTable) => CatalogTable;

function renamed({ renameType, subname, newname = '' }: NodeBody<'RenameStmt'>): Change | undefined {
  if (renameType !== 'OBJECT_TABCONSTRAINT') return undefined;
  return (table) => ({
    ...table,
    constraints: table.constraints.map((each) => (each.name === subname ? { ...each, name: newname } : each)),
  });
}

function without({ cmds = [] }: NodeBody<'AlterTableStmt'>): Change {
  const dropped = cmds.flatMap((item) => {
    const command = asNode(item, 'AlterTableCmd');
    return command?.subtype === 'AT_DropConstraint' ? (command.name ?? []) : [];
  });
  return (table) => ({
    ...table,
    constraints: table.constraints.filter(({ name }) => !dropped.includes(name)),
  });
}
