import type { RangeVar } from 'libpg-query';
import {
  asNode,
  literal,
  nameOfParts,
  parseQuery,
  quotedTable,
  strings,
  tableNameOf,
  type CatalogTable,
  type NodeBody,
} from '../../sql';
import { isOneOf } from '../catalogue/read-tables';
import type { ReadTables } from '../catalogue/read-tables';

/** Asks a database. */
export interface Asking {
  readonly readTables: ReadTables;
  readonly read: (sql: string) => Promise<readonly unknown[]>;
}

/** Whether what a statement adds, renames or drops is there. */
export async function isThere(body: string, asking: Asking): Promise<boolean> {
  const [statement] = parseQuery(body).statements;
  if (statement === undefined) return false;
  if (statement.node === 'DropStmt') return isDroppable(statement.tree as NodeBody<'DropStmt'>, asking);
  const { relation, cmds, idxname, subname } = statement.tree as Changing;
  if (relation?.relname === undefined) return false;
  const [table] = await asking.readTables(isOneOf([tableNameOf(relation)]));
  if (table === undefined) return false;
  if (statement.node === 'IndexStmt') return table.indexes.some(({ name }) => name === idxname);
  if (statement.node === 'RenameStmt') return subname === undefined || hasPart(table, [subname]);
  const parts = (cmds ?? []).flatMap(({ AlterTableCmd: { name, def } }) => [
    ...(name === undefined ? [] : [name]),
    ...(def?.ColumnDef?.colname === undefined ? [] : [def.ColumnDef.colname]),
    ...(def?.Constraint?.conname === undefined ? [] : [def.Constraint.conname]),
  ]);
  return statement.node === 'CreateStmt' || hasPart(table, parts);
}

function hasPart({ columns, constraints }: CatalogTable, names: readonly string[]): boolean {
  return [...columns, ...constraints].some(({ name }) => names.includes(name));
}

async function isDroppable({ objects = [] }: NodeBody<'DropStmt'>, asking: Asking): Promise<boolean> {
  for (const object of objects) {
    const name = quotedTable(nameOfParts(strings(asNode(object, 'List')?.items)));
    const [row] = await asking.read(`SELECT to_regclass(${literal(name)}) IS NOT NULL AS "isThere"`);
    if ((row as { isThere?: boolean } | undefined)?.isThere !== true) return false;
  }
  return true;
}

interface Changing {
  readonly relation?: RangeVar;
  readonly idxname?: string;
  readonly subname?: string;
  readonly cmds?: readonly { readonly AlterTableCmd: { readonly name?: string; readonly def?: Added } }[];
}

interface Added {
  readonly ColumnDef?: { readonly colname?: string };
  readonly Constraint?: { readonly conname?: string };
}
