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
  type GuardedDdl,
  type NodeBody,
} from '../../sql';
import { isOneOf } from '../catalogue/read-tables';
import type { ReadTables } from '../catalogue/read-tables';

/** Asks a database. */
export interface Asking {
  readonly readTables: ReadTables;
  readonly read: (sql: string) => Promise<unknown>;
}

/** Why a part of a block is not to be done; nothing where it is to be done. */
export async function reasonToSkip({ guard, body }: GuardedDdl, asking: Asking): Promise<string | undefined> {
  switch (guard.kind) {
    case 'always':
      return undefined;
    case 'if':
      return (await holds(guard.condition, asking)) ? undefined : `${guard.condition} does not hold.`;
    case 'unless there':
      return (await isThere(body, asking)) ? 'It is there already.' : undefined;
    case 'if there':
      return (await isThere(body, asking)) ? undefined : 'It is not there.';
  }
}

async function holds(condition: string, { read }: Asking): Promise<boolean> {
  const [row] = (await read(`SELECT ${condition} AS holds`)) as readonly { holds?: boolean }[];
  return row?.holds === true;
}

/** Whether what a statement adds, renames or drops is there. */
async function isThere(body: string, asking: Asking): Promise<boolean> {
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
    if (!(await holds(`to_regclass(${literal(name)}) IS NOT NULL`, asking))) return false;
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
