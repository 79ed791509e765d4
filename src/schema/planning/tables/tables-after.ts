import {
  asNode,
  parseQuery,
  shownEnumCheck,
  strings,
  tableNameOf,
  type CatalogConstraint,
  type CatalogTable,
  type DsqlStatement,
  type NodeBody,
} from '../../../sql';

/**
 * Tables as they will be when statements have been carried out that were planned before: what is renamed has its new name, what
 * is dropped is gone, and the CHECK of an enum is there. What else is added is not known before it is there.
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
            ? altered(tree as NodeBody<'AlterTableStmt'>)
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

function altered({ cmds = [] }: NodeBody<'AlterTableStmt'>): Change {
  const commands = cmds.flatMap((item) => asNode(item, 'AlterTableCmd') ?? []);
  const dropped = commands.flatMap(({ subtype, name }) =>
    subtype === 'AT_DropConstraint' ? (name ?? []) : [],
  );
  const added = commands.flatMap(({ subtype, def }) =>
    subtype === 'AT_AddConstraint' ? (enumCheckIn(asNode(def, 'Constraint')) ?? []) : [],
  );
  return (table) => ({
    ...table,
    constraints: [...table.constraints.filter(({ name }) => !dropped.includes(name)), ...added],
  });
}

function enumCheckIn(constraint: NodeBody<'Constraint'> | undefined): CatalogConstraint | undefined {
  const { kind, lexpr, rexpr } = asNode(constraint?.raw_expr, 'A_Expr') ?? {};
  const [column] = strings(asNode(lexpr, 'ColumnRef')?.fields);
  const values = asNode(rexpr, 'List')?.items?.map((item) => asNode(item, 'A_Const')?.sval?.sval ?? '');
  if (kind !== 'AEXPR_IN' || column === undefined || values === undefined) return undefined;
  const { conname: name = '', skip_validation: isInvalid } = constraint ?? {};
  return {
    ...{ name, type: 'c', columns: [column], validated: isInvalid !== true, target: null },
    ...{ definition: shownEnumCheck(column, values), deferrable: false, deferred: false },
    ...{ onUpdate: ' ', onDelete: ' ' },
  };
}
