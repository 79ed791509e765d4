import type { AlterTableCmd, ColumnDef } from 'libpg-query';
import { isNamedAlike, isSameName, tableNameOf } from '../../catalogue/catalog-facts';
import { tablesNamed } from '../../catalogue/tables-named';
import { serialType } from '../../facts/column-types';
import { columnConstraints } from '../../refusals';
import { asNode } from '../../syntax/parse-tree';
import type { NodeBody } from '../../syntax/parse-tree';
import type { TableName } from '../../syntax/statement';
import { afterType } from '../columns/type-names';
import type { Edit } from './edits';
import type { ParsedText } from './parsed-text';
import type { StatementText } from './statement-text';

/** What becomes of a text when types that columns get later are those with which they are declared. */
export interface ChangedTypes {
  readonly edits: readonly Edit[];
  /** The ALTER TABLEs of which nothing is left. */
  readonly merged: readonly { readonly start: number; readonly end: number }[];
}

/** A table that the text has created, and in which nothing has written rows since. */
interface EmptyTable {
  name: TableName;
  /** Where the types of its columns are written. */
  readonly types: Map<string, { readonly start: number; readonly end: number }>;
}

/** Statements that write no rows. */
const WRITES_NONE =
  /^(?:Create(?:|Enum|Domain|Seq|Schema|Extension)|Alter(?:Table|Seq|Enum)|Index|Comment|Grant|Rename|Drop|Transaction|VariableSet)Stmt$/;

/** Settings that decide which table a name without a schema means. */
const OF_NAMES = /\b(?:search_path|schema|role|authorization|all)\b/i;

/**
 * Finds `ALTER TABLE t ALTER COLUMN c TYPE …` of a table that the text has created before, and has not filled: the column is
 * declared with the last of its types.
 */
export function changedTypes({ sql, statements }: ParsedText): ChangedTypes {
  if (!/\balter\b[^;]*\btype\b/i.test(sql)) return { edits: [], merged: [] };
  const types = new Map<number, Edit>();
  const removals: Edit[] = [];
  const merged: Edit[] = [];
  let tables: EmptyTable[] = [];
  for (const source of statements) {
    const { node } = source.statement;
    tables = stillNamed(tables, source);
    if (node === 'CreateStmt') tables.push(...createdTable(source));
    else if (node === 'RenameStmt') rename(tables, source.statement.tree as NodeBody<'RenameStmt'>);
    else if (node === 'AlterTableStmt') {
      const { isWhole, cuts } = alterTypes(source, tables, types);
      (isWhole ? merged : removals).push(...cuts);
    } else tables = stillEmpty(tables, source);
  }
  return { edits: [...types.values(), ...removals, ...merged], merged };
}

/**
 * The tables that a statement cannot mean by another name than that of their CREATE TABLE, nor leaves with it to others:
 * `audit.users` and `users` may be one table or two.
 */
function stillNamed(tables: EmptyTable[], { statement }: StatementText): EmptyTable[] {
  const { node, text, tree } = statement;
  const { kind = '' } = tree as Partial<NodeBody<'TransactionStmt'>>;
  const mayRename = node === 'VariableSetStmt' ? OF_NAMES.test(text) : node === 'DiscardStmt';
  if (mayRename || kind.startsWith('TRANS_STMT_ROLLBACK')) return [];
  if (node !== 'AlterTableStmt' && node !== 'RenameStmt') return tables;
  const named = tableNameOf((tree as NodeBody<'AlterTableStmt'>).relation);
  return tables.filter(({ name }) => isNamedAlike(name, named) || !isSameName(name, named));
}

function stillEmpty(tables: EmptyTable[], { statement }: StatementText): EmptyTable[] {
  const { node, text, tree } = statement;
  const { removeType = '' } = tree as Partial<NodeBody<'DropStmt'>>;
  // A function may write anything, and a table that is dropped may be made again.
  const isAnything = node === 'SelectStmt' || node === 'DoStmt' || node === 'CallStmt';
  if (isAnything || /^OBJECT_(?:TABLE|SCHEMA)$/.test(removeType)) return [];
  if (WRITES_NONE.test(node)) return tables;
  const named = tablesNamed({ statements: [statement], text });
  return tables.filter(({ name }) => !named.some((each) => each.name === name.name));
}

function rename(tables: readonly EmptyTable[], tree: NodeBody<'RenameStmt'>): void {
  const { renameType, relation, subname = '', newname = '' } = tree;
  const table = find(tables, tableNameOf(relation));
  if (table === undefined) return;
  if (renameType === 'OBJECT_TABLE') table.name = { ...table.name, name: newname };
  const type = renameType === 'OBJECT_COLUMN' ? table.types.get(subname) : undefined;
  if (type === undefined) return;
  table.types.delete(subname);
  table.types.set(newname, type);
}

function find(tables: readonly EmptyTable[], name: TableName): EmptyTable | undefined {
  return tables.findLast((table) => isNamedAlike(table.name, name));
}

/** A new table, unless it may exist already. */
function createdTable(source: StatementText): EmptyTable[] {
  const {
    relation,
    tableElts = [],
    if_not_exists: mayExist,
    inhRelations,
  } = source.statement.tree as NodeBody<'CreateStmt'>;
  if (mayExist === true || inhRelations) return [];
  const columns = tableElts.flatMap((element) => asNode(element, 'ColumnDef') ?? []);
  return [{ name: tableNameOf(relation), types: new Map(columns.flatMap((each) => typeOf(source, each))) }];
}

/** Where the type of a column is written, where nothing else is declared that has to go with it. */
function typeOf(
  source: StatementText,
  column: ColumnDef,
): [name: string, type: { readonly start: number; readonly end: number }][] {
  const { colname = '', typeName, collClause } = column;
  const isBound = columnConstraints(column).some(({ contype = '' }) =>
    /^CONSTR_(?:DEFAULT|CHECK|IDENTITY|GENERATED)$/.test(contype),
  );
  if (typeName === undefined || isBound || collClause || typeName.arrayBounds) return [];
  if (serialType(typeName) !== undefined) return [];
  const start = source.at(typeName.location);
  return [[colname, { start, end: source.endBefore(afterType(source, source.indexAt(start), typeName)) }]];
}

/** Takes the actions of an ALTER TABLE that change types into the declarations. */
function alterTypes(
  source: StatementText,
  tables: readonly EmptyTable[],
  types: Map<number, Edit>,
): { readonly isWhole: boolean; readonly cuts: readonly Edit[] } {
  const { relation, cmds = [] } = source.statement.tree as NodeBody<'AlterTableStmt'>;
  const table = find(tables, tableNameOf(relation));
  if (table === undefined) return { isWhole: false, cuts: [] };
  let at = source.afterName(source.indexAt(source.at(relation?.location)));
  while (/^[*)]$/.test(source.tokens[at]?.value ?? '')) at++;
  const parts = source.splitAtCommas(at, source.tokens.length);
  const commands = cmds.flatMap((item) => asNode(item, 'AlterTableCmd') ?? []);
  if (parts.length !== commands.length) return { isWhole: false, cuts: [] };
  const taken = parts.map((part, index) => {
    const command = commands[index] ?? {};
    const added = command.subtype === 'AT_AddColumn' ? asNode(command.def, 'ColumnDef') : undefined;
    if (added !== undefined) for (const [name, type] of typeOf(source, added)) table.types.set(name, type);
    // Its default would have to fit the new type from the beginning.
    if (/^AT_(?:ColumnDefault|DropColumn)$/.test(command.subtype ?? ''))
      table.types.delete(command.name ?? '');
    return takeType(source, command, part.to, table, types);
  });
  const { firstToken: start, end } = source;
  if (taken.every(Boolean)) return { isWhole: true, cuts: [{ start, end, text: '' }] };
  return { isWhole: false, cuts: cutsOf(source, parts, taken) };
}

/** Cuts actions out, each with the comma between it and one that stays. */
function cutsOf(
  source: StatementText,
  parts: ReturnType<StatementText['splitAtCommas']>,
  taken: readonly boolean[],
): readonly Edit[] {
  const firstKept = taken.indexOf(false);
  return parts.flatMap(({ from, to }, index) => {
    if (taken[index] !== true) return [];
    const next = source.tokens[parts[index + 1]?.from ?? to]?.start ?? source.end;
    return index < firstKept
      ? [{ start: source.tokens[from]?.start ?? source.start, end: next, text: '' }]
      : [{ start: source.endBefore(parts[index - 1]?.to ?? from), end: source.endBefore(to), text: '' }];
  });
}

/** Writes the type of an action where its column is declared, if it can be written there. */
function takeType(
  source: StatementText,
  { subtype, name = '', def }: AlterTableCmd,
  end: number,
  { types: declared }: EmptyTable,
  types: Map<number, Edit>,
): boolean {
  if (subtype !== 'AT_AlterColumnType') return false;
  const { typeName, collClause } = asNode(def, 'ColumnDef') ?? {};
  const place = declared.get(name);
  if (place === undefined || typeName === undefined || collClause || typeName.arrayBounds) return false;
  const from = source.indexAt(source.at(typeName.location));
  const to = Math.min(end, afterType(source, from, typeName));
  types.set(place.start, { ...place, text: source.cut(from, to) });
  return true;
}
