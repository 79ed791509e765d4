import type { ColumnDef, Constraint } from 'libpg-query';
import { serialType } from '../../facts/column-types';
import { columnConstraints } from '../../refusals';
import { asNode, strings } from '../../syntax/parse-tree';
import type { NodeBody } from '../../syntax/parse-tree';
import { tableNameOf } from '../../catalogue/catalog-facts';
import type { ColumnFacts, TableFacts } from '../../catalogue/catalog-facts';
import type { KnownCatalogue } from '../known-catalogue';
import { defaultName } from './default-names';
import { formattedType } from './type-names';

/** The columns that a CREATE TABLE names. */
export function columnsOf({ tableElts }: NodeBody<'CreateStmt'>): ColumnDef[] {
  return (tableElts ?? []).flatMap((element) => asNode(element, 'ColumnDef') ?? []);
}

/** The constraints that a CREATE TABLE names beside its columns. */
export function constraintsOf({ tableElts }: NodeBody<'CreateStmt'>): Constraint[] {
  return (tableElts ?? []).flatMap((element) => asNode(element, 'Constraint') ?? []);
}

/** Notes what a CREATE TABLE says of its table. */
export function rememberTable(table: NodeBody<'CreateStmt'>, catalogue: KnownCatalogue): void {
  const name = tableNameOf(table.relation);
  // `IF NOT EXISTS` may find another table of that name, and `LIKE`, `OF` and `INHERITS` bring columns unseen.
  const isWhole =
    table.if_not_exists !== true &&
    !table.inhRelations &&
    !table.ofTypename &&
    (table.tableElts ?? []).every((element) => !asNode(element, 'TableLikeClause'));
  if (isWhole) catalogue.set(factsOf(table));
  else if (!catalogue.table(name)) {
    const { primaryKey } = factsOf(table);
    // The tables that a migration creates where they do not exist yet have its key.
    if (primaryKey && primaryKey.length > 0) catalogue.set({ ...name, primaryKey });
  }
}

function factsOf(table: NodeBody<'CreateStmt'>): TableFacts {
  const name = tableNameOf(table.relation);
  const constraints = constraintsOf(table);
  const keyConstraint = constraints.find(({ contype }) => contype === 'CONSTR_PRIMARY');
  const keyColumn = columnsOf(table).find((column) => constraintOf(column, 'CONSTR_PRIMARY'));
  const primaryKey = keyConstraint ? strings(keyConstraint.keys) : [keyColumn?.colname ?? []].flat();
  const named = [...constraints, ...columnsOf(table).flatMap(columnConstraints)];
  const primaryKeyName =
    keyConstraint?.conname ??
    (keyColumn && constraintOf(keyColumn, 'CONSTR_PRIMARY')?.conname) ??
    defaultName(name.name, [], 'pkey');
  return {
    ...name,
    primaryKey,
    ...(primaryKey.length > 0 && { primaryKeyName }),
    columns: columnsOf(table).map((column) => columnFacts(column, primaryKey)),
    constraints: named.flatMap(({ conname }) => conname ?? []),
  };
}

function columnFacts(column: ColumnDef, primaryKey: readonly string[]): ColumnFacts {
  const { colname: name = '' } = column;
  const identity =
    serialType(column.typeName) !== undefined || constraintOf(column, 'CONSTR_IDENTITY') !== undefined;
  const type = identity ? 'bigint' : formattedType(column.typeName);
  const notNull =
    identity || primaryKey.includes(name) || constraintOf(column, 'CONSTR_NOTNULL') !== undefined;
  return { name, ...(type !== undefined && { type }), notNull, identity };
}

function constraintOf(column: ColumnDef, type: Constraint['contype']): Constraint | undefined {
  return columnConstraints(column).find(({ contype }) => contype === type);
}
