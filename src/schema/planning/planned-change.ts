import type { AlterTableCmd, RangeVar } from 'libpg-query';
import { UnsupportedFeatureError } from '../../occ';
import {
  asNode,
  blockSteps,
  createdEnum,
  loadParser,
  parseQuery,
  preparedForParts,
  objectParts,
  summarizeText,
  tableNameOf,
  tablesNamed,
  type ArrayColumn,
  type CatalogTable,
  type DsqlStatement,
  type NodeBody,
  type ParsedQuery,
  type Statement,
  type TableName,
} from '../../sql';
import { isOneOf } from '../catalogue/read-tables';
import { withoutMark } from '../rebuild/rebuild-mark';
import type { Alteration } from '../rebuild/table-change';
import { isAboutIndex, planAbsentIndex } from './absent-index';
import { actionsOf, commandsOf, textOf } from './alter-actions';
import { mayNeedCopy, planByCopy, planUnfinished } from './altered-by-copy';
import { retypeEmpty } from './tables/empty-table';
import { planBlock } from './do-block';
import { together, type PlannedChange, type Planning } from './planning';
import { truncateOfAll } from './tables/emptied-tables';
import { exceededIndexLimits } from './index-limit';
import { isLikeAnother, planLike } from './tables/table-like';
import { tablesAfter } from './tables/tables-after';
import { translateChange } from './translate-change';
import { refusedStatement, unsupportedChanges } from './unsupported-change';
import { alteredAsText } from './enums/values-of-enums';

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
  const isApart = statements.some((statement) => isPlannedApart(statement, text, planning));
  if (!isApart) return planText(text, planning);
  const { sql, notes } = preparedForParts(text, planning.mapping);
  return planParts(text, sql, notes, planning);
}

/** Plans the statements of a text one by one, each on what those before it leave. */
async function planParts(
  asWritten: string,
  text: string,
  notes: readonly string[],
  planning: Planning,
): Promise<'as it is' | 'refused' | PlannedChange> {
  const { statements } = parseQuery(text);
  const changes: PlannedChange[] = [{ statements: [], notes }];
  const readTables = async (where: string) =>
    tablesAfter(await planning.readTables(where), together(changes).statements);
  const copied = new Set<string>();
  const droppedViews = new Set<string>();
  for (const statement of statements) {
    const { kind } = statement;
    // What takes the place of such a statement is a transaction of its own.
    if (statements.length > 1 && (kind === 'begin' || kind === 'commit')) continue;
    const change = await planApart(text, statement, { ...planning, readTables, droppedViews });
    noteViews(statement, droppedViews);
    if (change !== undefined && change !== 'refused') {
      expectOneCopy(change, copied);
      planning.enums.arrays.remember([statement]);
    }
    const planned = change ?? (await planText(textOf(text, statement), { ...planning, readTables }));
    if (planned === 'refused') return 'refused';
    if (planned === 'as it is') {
      if (statements.length === 1 && text === asWritten) return 'as it is';
      changes.push({ statements: [asStatement(textOf(text, statement), statement)], notes: [] });
    } else changes.push(planned);
  }
  return together(changes);
}

/** Follows which views a text has dropped, and not made again. */
function noteViews({ node, tree }: Statement, dropped: Set<string>): void {
  const { view } = tree as Partial<NodeBody<'ViewStmt'>>;
  if (node === 'ViewStmt' && view?.relname !== undefined) dropped.delete(view.relname);
  const { removeType, objects = [] } = tree as Partial<NodeBody<'DropStmt'>>;
  if (node !== 'DropStmt' || removeType !== 'OBJECT_VIEW') return;
  for (const object of objects) dropped.add(objectParts(object).at(-1) ?? '');
}

/**
 * Lets a history know what a text says of its types that an earlier process has carried out: it is planned as on a schema
 * without tables, and nothing comes of the plan.
 */
export async function recallChange(
  text: string,
  { mapping, enums }: Pick<Planning, 'mapping' | 'enums'>,
): Promise<void> {
  const nothing = () => Promise.resolve([]);
  const planning = { author: 'migration', mapping, enums, readTables: nothing, read: nothing } as const;
  // What is about tables is refused without them, and says nothing of types.
  await planChange(text, planning).catch(() => undefined);
  enums.arrays.remember(parseQuery(text).statements);
}

/** The second plan would be made of the table as it is before the first one. */
function expectOneCopy({ copied: table }: PlannedChange, copied: Set<string>): void {
  if (table === undefined) return;
  const key = JSON.stringify([table.schema, table.name]);
  if (copied.has(key)) {
    throw new UnsupportedFeatureError(
      `two statements in one text that copy the table ${table.name}`,
      'Put their actions into one ALTER TABLE, or send each in a query of its own. Nothing was sent.',
    );
  }
  copied.add(key);
}

/** Plans a text as a whole. */
async function planText(text: string, planning: Planning): Promise<'as it is' | 'refused' | PlannedChange> {
  const { author, mapping, enums, readTables } = planning;
  const parsed = parseQuery(text);
  const altered = parsed.statements.flatMap(alteredTables);
  const tables = altered.length === 0 ? [] : await readTables(isOneOf(altered));
  const named = await enums.namedIn(parsed.statements, readTables);
  const arrays = await enums.arrays.namedIn(parsed, readTables);
  const known = { enums: named, arrays: [...arrays, ...(await jsonbColumns(parsed, planning))] };
  const { statements, refusals, omitted } = await translateChange(text, tables, mapping, known);
  // PostgreSQL's own words are better for what it cannot read.
  if (refusals.some(({ rule }) => rule === 'syntax-error')) return 'refused';
  const isUnchanged =
    omitted.length === 0 &&
    statements.length === parsed.statements.length &&
    statements.every(({ sql, start, end }) => sql === text.slice(start, end)) &&
    (statements.length === 1 || !statements.some(isTransaction));
  if (refusals.length === 0) enums.arrays.remember(parsed.statements);
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
  const notes = [...omitted.map(({ why }) => why), ...statements.flatMap((statement) => statement.notes)];
  return { statements, notes };
}

/** The columns that are jsonb of the tables that a text names, where it may take one of them for an array. */
async function jsonbColumns(
  parsed: ParsedQuery,
  { mapping, author, enums, readTables }: Planning,
): Promise<readonly ArrayColumn[]> {
  const mayTakeArray = /\b(?:ANY|ALL)\s*\(|\bunnest\b|\barray_|\bcardinality\b/i.test(parsed.text);
  if (mapping.arrays !== 'jsonb' || author === 'ORM' || !mayTakeArray) return [];
  const tables = await readTables(isOneOf(tablesNamed(parsed)) || 'false');
  return tables.flatMap(({ schema, name, columns }) =>
    columns
      .filter((column) => column.type === 'jsonb' && !enums.arrays.has(name, column.name))
      .map(({ name: column }) => {
        return {
          table: { schema, name },
          column,
          isOfNumbers: false,
          type: 'text',
          isGuessed: true,
        } as const;
      }),
  );
}

/** Whether a statement is a transaction of its own. */
export function isTransaction({ kind, repeat }: DsqlStatement): boolean {
  return kind === 'ddl' || kind === 'job' || kind === 'validate' || repeat !== undefined;
}

// --- enum types, DO ------------------------------------------------------------------------------------------------

/** Whether a statement is about a type or an index, or a DO block that can be planned. */
function isPlannedApart(statement: Statement, text: string, planning: Planning): boolean {
  if (isAboutIndex(statement) || isLikeAnother(statement)) return true;
  if (mayNeedCopy(statement, text, planning)) return true;
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
      return createdEnum(statement) !== undefined || blockSteps(statement) !== undefined;
  }
}

async function planApart(
  text: string,
  statement: Statement,
  planning: Planning,
): Promise<'refused' | PlannedChange | undefined> {
  const steps = blockSteps(statement);
  if (steps !== undefined) {
    const planned = await planBlock(steps, planning, (body) =>
      planChange(body, { ...planning, author: 'ORM' }),
    );
    return planned === 'refused' ? undefined : planned;
  }
  if (isAboutIndex(statement)) return planAbsentIndex(statement, planning);
  if (isLikeAnother(statement)) {
    const planAction = (sql: string) => planText(sql, { ...planning, author: 'ORM' });
    const planned = await planAction(textOf(text, statement));
    const rest = await planLike(statement, planning, planAction);
    return typeof planned === 'string' || rest === 'refused' ? 'refused' : together([planned, rest]);
  }
  if (statement.node === 'TruncateStmt') {
    const planned = await planText(await truncateOfAll(statement, planning), { ...planning, author: 'ORM' });
    return typeof planned === 'string' ? 'refused' : planned;
  }
  if (statement.node !== 'AlterTableStmt') return planning.enums.plan(statement, planning.readTables);
  const written = textOf(text, statement);
  const isByCopy = mayNeedCopy(statement, written, planning);
  const unfinished = isByCopy ? await planUnfinished(written, statement, planning) : undefined;
  if (unfinished !== undefined) return unfinished;
  const name = tableNameOf((statement.tree as NodeBody<'AlterTableStmt'>).relation);
  const [table] = await planning.readTables(isOneOf([name]));
  if (table === undefined) return undefined;
  const ofTexts = await alteredAsText(withoutMark(written), statement, table, planning);
  return planAlterTable({ text: written, statement, ...ofTexts, written, isByCopy, table }, planning);
}

/** An ALTER TABLE that is planned action by action. */
interface AlteredTable {
  readonly text: string;
  readonly statement: Statement;
  /** Its text as the user has written it: an interrupted copy of the table is known by that. */
  readonly written: string;
  /** Whether the table may be copied. */
  readonly isByCopy: boolean;
  readonly table: CatalogTable;
}

/** Plans an ALTER TABLE of which each action may be done in a way of its own; nothing where none is. */
async function planAlterTable(
  { text, statement, written, isByCopy, table }: AlteredTable,
  planning: Planning,
): Promise<'refused' | PlannedChange | undefined> {
  const actions = actionsOf(isByCopy ? withoutMark(text) : text);
  const changes: (PlannedChange | undefined)[] = [];
  const others: Alteration[] = [];
  for (const [at, command] of commandsOf(statement).entries()) {
    const action = actions[at] ?? '';
    const change =
      command.subtype === 'AT_AlterColumnType'
        ? await planType(table, command, action, planning, isByCopy)
        : undefined;
    changes.push(change);
    if (change === undefined) others.push({ command, text: action });
  }
  const planAction = (action: string) => planText(action, { ...planning, author: 'ORM' });
  const byCopy = isByCopy
    ? await planByCopy(written, table, others, planning, (other) => planAction(other.text))
    : undefined;
  if (byCopy !== undefined) {
    if (byCopy === 'refused') return byCopy;
    const planned = together([...changes.flatMap((change) => change ?? []), byCopy]);
    return { ...planned, copied: { schema: table.schema, name: table.name } };
  }
  if (changes.every((change) => change === undefined)) return undefined;
  const all: PlannedChange[] = [];
  for (const [at, change] of changes.entries()) {
    const planned = change ?? (await planAction(actions[at] ?? ''));
    if (typeof planned === 'string') return 'refused';
    all.push(planned);
  }
  return together(all);
}

/**
 * Plans ALTER COLUMN … TYPE where it is about an enum type, or where the table is empty.
 *
 * @param isByCopy - whether the table may be copied: that is better than a column that comes last
 * @returns nothing for every other one
 */
async function planType(
  table: CatalogTable,
  command: AlterTableCmd,
  action: string,
  planning: Planning,
  isByCopy: boolean,
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
  if (isByCopy) return undefined;
  // It has that type already.
  if ((await translateText(action, [table])).refusals.length === 0) return undefined;
  const outgrown = enums.outgrown(table, column.name, type);
  const kept = { ...table, constraints: table.constraints.filter(({ name }) => name !== outgrown) };
  const statements = await retypeEmpty(kept, column, action, { readTables, read, translate: translateText });
  return (
    statements && { statements, notes: [`${column.name} is made anew, and comes last: its table is empty.`] }
  );
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
