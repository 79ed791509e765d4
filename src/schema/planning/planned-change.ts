import type { AlterTableCmd, RangeVar } from 'libpg-query';
import { UnsupportedFeatureError } from '../../occ';
import {
  asNode,
  createdEnum,
  factsOf,
  guardedDdl,
  loadParser,
  parseQuery,
  summarizeText,
  tableNameOf,
  tokensOf,
  translate,
  type ArrayColumn,
  type CatalogTable,
  type DsqlStatement,
  type EnumFacts,
  type GuardedDdl,
  type NodeBody,
  type Statement,
  type TableName,
  type Translation,
} from '../../sql';
import { isOneOf } from '../catalogue/read-tables';
import { isAboutIndex, planAbsentIndex } from './absent-index';
import { retypeEmpty } from './empty-table';
import type { ResolvedMapping } from '../orm-options';
import { reasonToSkip } from './guarded-ddl';
import type { PlannedChange, Planning } from './planning';
import { truncateOfAll } from './emptied-tables';
import { exceededIndexLimits } from './index-limit';
import { refusedStatement, unsupportedChanges } from './unsupported-change';

/**
 * Whether a text that changes no schema at its beginning asks for what DSQL surely refuses, and {@link planChange} may know
 * better: a transaction as text, a parameter of the session, a function of uuid-ossp.
 */
export function isWrittenForPostgres(text: string): boolean {
  if (/\buuid_generate_v4\s*\(|\bset_config\s*\(/i.test(text)) return true;
  const { firstWord } = summarizeText(text);
  return /^(?:SET|RESET)$/.test(firstWord) || (/^(?:BEGIN|START)$/.test(firstWord) && /;\s*\S/.test(text));
}

/**
 * Finds out what is to be done with a text that may change the schema, written for PostgreSQL.
 *
 * A user's text that is Aurora DSQL's own SQL already is to be sent as it is. So is one that is refused, whose refusal
 * Aurora DSQL says itself.
 *
 * @returns the statements to carry out in its stead
 * @throws UnsupportedFeatureError for a text of the ORM or of a migration that asks for what Aurora DSQL lacks
 */
export async function planChange(
  text: string,
  planning: Planning,
): Promise<'as it is' | 'refused' | PlannedChange> {
  await loadParser();
  const { statements } = parseQuery(text);
  if (!statements.some(isPlannedApart)) return planText(text, planning);
  const changes: PlannedChange[] = [];
  for (const statement of statements) {
    const { kind } = statement;
    // What takes the place of such a statement is a transaction of its own.
    if (statements.length > 1 && (kind === 'begin' || kind === 'commit')) continue;
    const change = await planApart(text, statement, planning);
    const planned = change ?? (await planText(textOf(text, statement), planning));
    if (planned === 'refused') return 'refused';
    if (planned === 'as it is') {
      if (statements.length === 1) return 'as it is';
      changes.push({ statements: [asStatement(textOf(text, statement), statement)], notes: [] });
    } else changes.push(planned);
  }
  return together(changes);
}

function together(changes: readonly PlannedChange[]): PlannedChange {
  return {
    statements: changes.flatMap(({ statements }) => statements),
    notes: changes.flatMap(({ notes }) => notes),
  };
}

/** Plans a text as a whole. */
async function planText(text: string, planning: Planning): Promise<'as it is' | 'refused' | PlannedChange> {
  const { author, mapping, enums, readTables } = planning;
  const parsed = parseQuery(text);
  const altered = parsed.statements.flatMap(alteredTables);
  const tables = altered.length === 0 ? [] : await readTables(isOneOf(altered));
  const named = await enums.namedIn(parsed.statements, readTables);
  const known = { enums: named, arrays: enums.arrays.known };
  const { statements, refusals, omitted } = await translateChange(text, tables, mapping, known);
  // PostgreSQL's own words are better for what it cannot read.
  if (refusals.some(({ rule }) => rule === 'syntax-error')) return 'refused';
  const isUnchanged =
    omitted.length === 0 &&
    statements.length === parsed.statements.length &&
    statements.every(({ sql, start, end }) => sql === text.slice(start, end)) &&
    (statements.length === 1 || !statements.some(isTransaction));
  if (author !== 'ORM' && refusals.length === 0 && isUnchanged) return 'as it is';
  if (author === 'user' && refusals.length > 0) return 'refused';
  if (refusals.length > 0) {
    throw unsupportedChanges(refusals.map((refusal) => refusedStatement(text, refusal)));
  }
  const exceeded = exceededIndexLimits(statements, tables);
  if (exceeded.length > 0) {
    if (author === 'user') return 'refused';
    throw unsupportedChanges(exceeded.map((change) => ({ ...change, what: `${change.what} ("${text}")` })));
  }
  enums.arrays.remember(parsed.statements);
  const notes = [...omitted.map(({ why }) => why), ...statements.flatMap((statement) => statement.notes)];
  return { statements, notes };
}

/** Whether a statement is a transaction of its own. */
export function isTransaction({ kind, repeat }: DsqlStatement): boolean {
  return kind === 'ddl' || kind === 'job' || kind === 'validate' || repeat !== undefined;
}

// --- enum types, DO ------------------------------------------------------------------------------------------------

/** Whether a statement is about a type or an index, or a DO block that only guards DDL. */
function isPlannedApart(statement: Statement): boolean {
  if (isAboutIndex(statement)) return true;
  switch (statement.node) {
    case 'AlterEnumStmt':
      return true;
    case 'TruncateStmt':
      return (statement.tree as NodeBody<'TruncateStmt'>).behavior === 'DROP_CASCADE';
    case 'RenameStmt':
      return (statement.tree as NodeBody<'RenameStmt'>).renameType === 'OBJECT_TYPE';
    case 'DropStmt':
      return (statement.tree as NodeBody<'DropStmt'>).removeType === 'OBJECT_TYPE';
    case 'AlterTableStmt':
      return commandsOf(statement).some(({ subtype }) => subtype === 'AT_AlterColumnType');
    default:
      return createdEnum(statement) !== undefined || guardedDdl(statement) !== undefined;
  }
}

async function planApart(
  text: string,
  statement: Statement,
  planning: Planning,
): Promise<'refused' | PlannedChange | undefined> {
  const guarded = guardedDdl(statement);
  if (guarded !== undefined) return planGuarded(guarded, planning);
  if (isAboutIndex(statement)) return planAbsentIndex(statement, planning);
  if (statement.node === 'TruncateStmt') {
    const planned = await planText(await truncateOfAll(statement, planning), { ...planning, author: 'ORM' });
    return typeof planned === 'string' ? 'refused' : planned;
  }
  if (statement.node !== 'AlterTableStmt') return planning.enums.plan(statement, planning.readTables);
  const name = tableNameOf((statement.tree as NodeBody<'AlterTableStmt'>).relation);
  const [table] = await planning.readTables(isOneOf([name]));
  const actions = actionsOf(textOf(text, statement));
  const changes: (PlannedChange | undefined)[] = [];
  for (const [at, command] of commandsOf(statement).entries()) {
    const change =
      table !== undefined && command.subtype === 'AT_AlterColumnType'
        ? await planType(table, command, actions[at] ?? '', planning)
        : undefined;
    changes.push(change);
  }
  if (changes.every((change) => change === undefined)) return undefined;
  const all: PlannedChange[] = [];
  for (const [at, change] of changes.entries()) {
    const planned = change ?? (await planText(actions[at] ?? '', { ...planning, author: 'ORM' }));
    if (typeof planned === 'string') return 'refused';
    all.push(planned);
  }
  return together(all);
}

/** Plans ALTER COLUMN … TYPE where it is about an enum type, or where the table is empty; nothing for every other one. */
async function planType(
  table: CatalogTable,
  command: AlterTableCmd,
  action: string,
  planning: Planning,
): Promise<PlannedChange | undefined> {
  const column = table.columns.find(({ name }) => name === command.name);
  if (column === undefined) return undefined;
  const { enums, mapping, readTables, read } = planning;
  const change = await enums.planColumn(table, column, command, readTables);
  if (change !== undefined) return change;
  const type = asNode(command.def, 'ColumnDef')?.typeName;
  if (mapping.arrays === 'jsonb' && enums.arrays.holds(table, column, type)) {
    return { statements: [], notes: [`${column.name} is jsonb, as every array.`] };
  }
  const translateText = (sql: string, tables: readonly CatalogTable[]) =>
    translateChange(sql, tables, mapping);
  // It has that type already.
  if ((await translateText(action, [table])).refusals.length === 0) return undefined;
  const statements = await retypeEmpty(table, column, action, { readTables, read, translate: translateText });
  return (
    statements && { statements, notes: [`${column.name} is made anew, and comes last: its table is empty.`] }
  );
}

/** Asks the database what a DO block would have asked it. */
async function planGuarded(
  parts: readonly GuardedDdl[],
  planning: Planning,
): Promise<'refused' | PlannedChange> {
  const changes: PlannedChange[] = [];
  for (const part of parts) {
    const reason = await reasonToSkip(part, planning);
    if (reason !== undefined) {
      changes.push({ statements: [], notes: [reason] });
      continue;
    }
    const planned = await planChange(part.body, { ...planning, author: 'ORM' });
    if (typeof planned === 'string') return 'refused';
    changes.push(planned);
  }
  return together(changes);
}

function commandsOf({ tree }: Statement): readonly AlterTableCmd[] {
  const { cmds = [] } = tree as NodeBody<'AlterTableStmt'>;
  return cmds.flatMap((command) => asNode(command, 'AlterTableCmd') ?? []);
}

/** The actions of an ALTER TABLE, each as a statement of its own. */
function actionsOf(text: string): readonly string[] {
  const tokens = [...tokensOf(text)];
  let at = tokens.findIndex(({ value }) => value === 'TABLE') + 1;
  while (/^(?:IF|EXISTS|ONLY)$/.test(tokens[at]?.value ?? '')) at++;
  while (tokens[at + 1]?.value === '.') at += 2;
  at++;
  if (tokens[at]?.value === '*') at++;
  const start = tokens[at]?.start ?? 0;
  const ends: number[] = [];
  let depth = 0;
  for (const { value, start: comma } of tokens.slice(at)) {
    if (value === '(' || value === '[') depth++;
    if (value === ')' || value === ']') depth--;
    if (value === ',' && depth === 0) ends.push(comma);
  }
  const prefix = text.slice(0, start);
  const starts = [start, ...ends.map((end) => end + 1)];
  return starts.map((from, index) => prefix + text.slice(from, ends[index] ?? text.length).trim());
}

/** A statement as it is written, without its separator. */
function textOf(text: string, { start, text: read, insertions }: Statement): string {
  const inserted = insertions.reduce((sum, { length }) => sum + length, 0);
  return text.slice(start, start + read.length - inserted).trim();
}

function asStatement(sql: string, { kind, node, async }: Statement): DsqlStatement {
  const kinds = {
    ddl: node === 'IndexStmt' ? 'job' : async ? 'validate' : 'ddl',
    session: 'session',
  } as const;
  return {
    sql,
    kind: kind === 'ddl' || kind === 'session' ? kinds[kind] : 'dml',
    notes: [],
    start: 0,
    end: 0,
  };
}

// --- translation ------------------------------------------------------------------------------------------------

/**
 * Translates a text that changes the schema.
 *
 * @param tables - what is known of the tables that it changes
 * @param types - what is known of the enum types that it names, and of columns that were declared as arrays
 */
export async function translateChange(
  text: string,
  tables: readonly CatalogTable[],
  { simplify, capabilities, identityCache, arrays }: ResolvedMapping,
  types: { readonly enums?: readonly EnumFacts[]; readonly arrays?: readonly ArrayColumn[] } = {},
): Promise<Translation> {
  await loadParser();
  const catalog = { tables: tables.map(factsOf), ...types };
  return translate(text, { catalog, simplify, identityCache, arrays, ...(capabilities && { capabilities }) });
}

/**
 * The statement that is to be sent in a transaction of the user's, if any: it takes one change of the schema, and none
 * that writes rows (recorded from a cluster, 2026-09).
 *
 * @param instead - what the user can do about it, as a sentence
 * @throws UnsupportedFeatureError when there are several, or it writes rows
 */
export function onlyStatement(
  statements: readonly DsqlStatement[],
  instead: string,
): DsqlStatement | undefined {
  const [first, ...others] = statements;
  if (first === undefined || (others.length === 0 && first.kind !== 'dml')) return first;
  throw new UnsupportedFeatureError(
    `in one transaction what takes several: ${statements.map(({ sql }) => sql).join('; ')}`,
    instead,
  );
}

/** The tables of which a translation wants to know more than the text says. */
function alteredTables({ node, tree, async }: Statement): TableName[] {
  // Written for DSQL.
  if (async) return [];
  const { relation, relations = [] } = tree as Altering;
  const named =
    node === 'TruncateStmt'
      ? relations.map(({ RangeVar }) => RangeVar)
      : node === 'AlterTableStmt' || node === 'IndexStmt'
        ? [relation]
        : [];
  return named.flatMap((range) => (range?.relname === undefined ? [] : [tableNameOf(range)]));
}

interface Altering {
  readonly relation?: RangeVar;
  readonly relations?: readonly { readonly RangeVar: RangeVar }[];
}
