import type { ColumnDef, Constraint, Node } from 'libpg-query';
import { asNode, strings } from '../syntax/parse-tree';
import type { NodeBody } from '../syntax/parse-tree';
import { columnConstraints } from '../refusals';
import { serialType } from '../facts/column-types';
import { tableNameOf } from './catalog-facts';
import type { ColumnFacts, TableFacts } from './catalog-facts';
import { columnEdits } from './columns';
import type { TranslationContext } from './context';
import type { Draft } from './draft';
import { defaultName } from './object-names';
import { refuseKeylessTypes } from './key-types';
import type { Edit, SourceText } from './source-text';
import { formattedType } from './type-names';

/** Translates CREATE TABLE, and remembers the table for the statements after it. */
export function createTable(
  source: SourceText,
  table: NodeBody<'CreateStmt'>,
  context: TranslationContext,
): readonly Draft[] {
  const edits: Edit[] = [];
  const notes: string[] = [];
  for (const column of columnsOf(table)) {
    const found = columnEdits(source, column, context);
    edits.push(...found.edits);
    notes.push(...found.notes);
  }
  edits.push(...clauseEdits(source, table, context, notes), ...exclusionEdits(source, table, context, notes));
  for (const { keys, location } of keysOf(table)) {
    refuseKeylessTypes(source, context, tableNameOf(table.relation), keys, source.at(location));
  }
  remember(table, context);
  return [{ sql: source.edited(edits), notes }];
}

/** Cuts out what only says how PostgreSQL is to store the table. */
function clauseEdits(
  source: SourceText,
  { relation, options, tablespacename, accessMethod, tableElts }: NodeBody<'CreateStmt'>,
  { isRefused }: TranslationContext,
  notes: string[],
): Edit[] {
  const edits: Edit[] = [];
  const { tokens } = source;
  const nameAt = source.indexAt(source.at(relation?.location));
  if (relation?.relpersistence === 'u' && isRefused('unlogged-table')) {
    const unlogged = tokens.findIndex(({ value }) => value === 'UNLOGGED');
    edits.push(source.removal(unlogged, unlogged + 1));
    notes.push('UNLOGGED is left away: every table of DSQL is durable.');
  }
  if (!isRefused('table-clause') || !tableElts) return edits;
  for (let at = source.afterGroup(source.afterName(nameAt)); at < tokens.length;) {
    const after = endOfClause(source, at);
    const word = tokens[at]?.value;
    const storage =
      (options !== undefined && (word === 'WITH' || word === 'WITHOUT')) ||
      (tablespacename !== undefined && word === 'TABLESPACE') ||
      (accessMethod === 'heap' && word === 'USING');
    if (storage) {
      edits.push(source.removal(at, after));
      notes.push(`${source.cut(at, after)} is left away: DSQL stores tables in its own way.`);
    }
    at = after;
  }
  return edits;
}

/** What is said of an exclusion constraint that is left out. */
export function exclusionNote(written: string): string {
  return `${written} is left out: DSQL has no exclusion constraints, and nothing checks this now.`;
}

/** Cuts out exclusion constraints where that is allowed; where it is not, they are refused like the rest. */
function exclusionEdits(
  source: SourceText,
  { relation, tableElts = [] }: NodeBody<'CreateStmt'>,
  { isRefused, simplify }: TranslationContext,
  notes: string[],
): Edit[] {
  if (simplify.exclusions !== true || !isRefused('exclusion-constraint')) return [];
  const open = source.afterName(source.indexAt(source.at(relation?.location)));
  const parts = source.splitAtCommas(open + 1, source.afterGroup(open) - 1);
  const isExclusion = (element: Node) => asNode(element, 'Constraint')?.contype === 'CONSTR_EXCLUSION';
  return tableElts.flatMap((element, index) => {
    const part = parts[index];
    if (part === undefined || !isExclusion(element)) return [];
    const { from, to } = part;
    notes.push(exclusionNote(source.cut(from, to)));
    const isFirst = tableElts.slice(0, index).every(isExclusion);
    return [isFirst ? source.removal(from, to + 1) : source.removal(from - 1, to)];
  });
}

function endOfClause(source: SourceText, at: number): number {
  const word = source.tokens[at]?.value;
  if (word === 'WITH') return source.afterGroup(at + 1);
  return word === 'WITHOUT' || word === 'TABLESPACE' || word === 'USING' ? at + 2 : source.afterGroup(at);
}

export function columnsOf({ tableElts }: NodeBody<'CreateStmt'>): ColumnDef[] {
  return (tableElts ?? []).flatMap((element) => asNode(element, 'ColumnDef') ?? []);
}

function constraintsOf({ tableElts }: NodeBody<'CreateStmt'>): Constraint[] {
  return (tableElts ?? []).flatMap((element) => asNode(element, 'Constraint') ?? []);
}

interface WrittenKey {
  readonly keys: readonly { readonly name: string; readonly type: string | undefined }[];
  readonly location: number | undefined;
}

/** The primary key and the unique constraints of a new table, with the types of their columns. */
function keysOf(table: NodeBody<'CreateStmt'>): WrittenKey[] {
  const columns = columnsOf(table);
  const typed = (name: string) => {
    const column = columns.find(({ colname }) => colname === name);
    return { name, type: formattedType(column?.typeName) };
  };
  const isKey = ({ contype }: Constraint) => contype === 'CONSTR_PRIMARY' || contype === 'CONSTR_UNIQUE';
  return [
    ...columns.flatMap((column) =>
      columnConstraints(column)
        .filter(isKey)
        .map(({ location }) => ({ keys: [typed(column.colname ?? '')], location })),
    ),
    ...constraintsOf(table)
      .filter(isKey)
      .map(({ keys, location }) => ({ keys: strings(keys).map(typed), location })),
  ];
}

function remember(table: NodeBody<'CreateStmt'>, { catalog }: TranslationContext): void {
  const name = tableNameOf(table.relation);
  // `IF NOT EXISTS` may find another table of that name, and `LIKE`, `OF` and `INHERITS` bring columns unseen.
  const isWhole =
    table.if_not_exists !== true &&
    !table.inhRelations &&
    !table.ofTypename &&
    (table.tableElts ?? []).every((element) => !asNode(element, 'TableLikeClause'));
  if (isWhole) catalog.set(factsOf(table));
  else if (!catalog.table(name)) {
    const { primaryKey } = factsOf(table);
    // The tables that a migration creates where they do not exist yet have its key.
    if (primaryKey && primaryKey.length > 0) catalog.set({ ...name, primaryKey });
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
