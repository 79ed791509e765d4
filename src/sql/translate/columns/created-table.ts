import type { ColumnDef, Constraint } from 'libpg-query';
import { columnConstraints } from '../../refusals';
import { asNode } from '../../syntax/parse-tree';
import type { NodeBody } from '../../syntax/parse-tree';
import { tableNameOf } from '../../catalogue/catalog-facts';
import { primaryKeyOf } from '../../catalogue/known-table';
import type { KnownConstraint, KnownTable } from '../../catalogue/known-table';
import type { KnownCatalogue } from '../known-catalogue';
import { constraintType, declaredColumn, declaredConstraint } from './declarations';

/** The columns that a CREATE TABLE names. */
export function columnsOf({ tableElts }: NodeBody<'CreateStmt'>): ColumnDef[] {
  return (tableElts ?? []).flatMap((element) => asNode(element, 'ColumnDef') ?? []);
}

/** The constraints that a CREATE TABLE names beside its columns. */
export function constraintsOf({ tableElts }: NodeBody<'CreateStmt'>): Constraint[] {
  return (tableElts ?? []).flatMap((element) => asNode(element, 'Constraint') ?? []);
}

/** Notes what a CREATE TABLE says of its table. */
export function rememberTable(tree: NodeBody<'CreateStmt'>, catalogue: KnownCatalogue): void {
  const table = declaredTable(tree);
  if (table.isPartial !== true) catalogue.set(table);
  // The tables that a migration creates where they do not exist yet have its key.
  else if (!catalogue.table(table) && primaryKeyOf(table).length > 0) {
    const constraints = table.constraints.filter(({ type }) => type === 'p');
    catalogue.set({ ...table, columns: [], constraints });
  }
}

function declaredTable(tree: NodeBody<'CreateStmt'>): KnownTable {
  const { relation, tableElts = [], if_not_exists: mayExist, inhRelations, ofTypename } = tree;
  const name = tableNameOf(relation);
  const constraints: KnownConstraint[] = [];
  const isTaken = (wanted: string) => constraints.some((each) => each.name === wanted);
  for (const element of tableElts) {
    const column = asNode(element, 'ColumnDef');
    for (const each of column ? columnConstraints(column) : [asNode(element, 'Constraint') ?? []].flat()) {
      const type = constraintType(each);
      if (type === undefined) continue;
      constraints.push(
        declaredConstraint(type, each, { table: name.name, column: column?.colname, isTaken }),
      );
    }
  }
  const columns = columnsOf(tree).map(declaredColumn);
  const isPartial =
    mayExist === true ||
    Boolean(inhRelations ?? ofTypename) ||
    tableElts.some((element) => asNode(element, 'TableLikeClause'));
  const table = { ...name, columns, constraints, isPartial };
  const key = primaryKeyOf(table);
  return {
    ...table,
    columns: columns.map((column) => (key.includes(column.name) ? { ...column, notNull: true } : column)),
  };
}
