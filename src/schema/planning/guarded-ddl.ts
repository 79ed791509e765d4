import type { RangeVar } from 'libpg-query';
import {
  asNode,
  createdEnum,
  parseQuery,
  tableNameOf,
  type CatalogTable,
  type NodeBody,
  type Statement,
} from '../../sql';
import { isOneOf } from '../catalogue/read-tables';
import type { ReadTables } from './enum-types';

/** What a DO block does that only guards DDL; Aurora DSQL has no DO. */
export interface GuardedDdl {
  /** Asks whether it is to be done; without it, it is done unless it is there already. */
  readonly condition?: string;
  readonly body: string;
}

const UNLESS_THERE =
  /^\s*BEGIN\s+([^;]+);\s*EXCEPTION\s+WHEN\s+(?:duplicate_(?:object|table|column)(?:\s+OR\s+)?)+\s+THEN\s+(?:NULL|RAISE\s+NOTICE\s+[^;]+);\s*END\s*;?\s*$/i;
const IF_EXISTS =
  /^\s*BEGIN\s+IF\s+((?:NOT\s+)?EXISTS\s*\([\s\S]+?\))\s+THEN\s+((?:(?!\bELS(?:E|IF)\b)[\s\S])+?;)\s*END\s+IF\s*;\s*END\s*;?\s*$/i;

/** Reads a DO block; nothing for one that does anything else. */
export function guardedDdl(statement: Statement): GuardedDdl | undefined {
  if (statement.node !== 'DoStmt' || createdEnum(statement) !== undefined) return undefined;
  const { args = [] } = statement.tree as NodeBody<'DoStmt'>;
  const code = args.map((arg) => asNode(arg, 'DefElem')).find((arg) => arg?.defname === 'as')?.arg;
  const block = (asNode(code, 'String')?.sval ?? '').replace(/--[^\n]*$/gm, '');
  const [, body] = UNLESS_THERE.exec(block) ?? [];
  if (body !== undefined) return onlyDdl(body) === 1 ? { body } : undefined;
  const [, condition = '', guarded = ''] = IF_EXISTS.exec(block) ?? [];
  const isReadable = parseQuery(`SELECT ${condition}`).statements.length === 1;
  return condition !== '' && isReadable && onlyDdl(guarded) > 0 ? { condition, body: guarded } : undefined;
}

/** How many statements there are, if all of them change the schema. */
function onlyDdl(body: string): number {
  const { statements } = parseQuery(body);
  return statements.every(({ kind }) => kind === 'ddl') ? statements.length : 0;
}

/** Whether what a statement adds is there already. */
export async function isThere(body: string, readTables: ReadTables): Promise<boolean> {
  const [statement] = parseQuery(body).statements;
  const { relation, cmds, idxname } = (statement?.tree ?? {}) as Adding;
  if (relation?.relname === undefined) return false;
  const [table] = await readTables(isOneOf([tableNameOf(relation)]));
  if (table === undefined) return false;
  if (statement?.node === 'CreateStmt') return true;
  if (statement?.node === 'IndexStmt') return table.indexes.some(({ name }) => name === idxname);
  return (cmds ?? []).some(({ AlterTableCmd: { def } }) => isPart(table, def));
}

function isPart({ columns, constraints }: CatalogTable, def: Added | undefined): boolean {
  const column = def?.ColumnDef?.colname;
  const constraint = def?.Constraint?.conname;
  return columns.some(({ name }) => name === column) || constraints.some(({ name }) => name === constraint);
}

interface Adding {
  readonly relation?: RangeVar;
  readonly idxname?: string;
  readonly cmds?: readonly { readonly AlterTableCmd: { readonly def?: Added } }[];
}

interface Added {
  readonly ColumnDef?: { readonly colname?: string };
  readonly Constraint?: { readonly conname?: string };
}
