import { UnsupportedFeatureError } from '../../occ';
import {
  asNode,
  isArrayType,
  isCastOf,
  quotedTable,
  tableNameOf,
  type CatalogTable,
  type NodeBody,
  type Statement,
} from '../../sql';
import { planRebuild } from '../rebuild/plan-rebuild';
import { isMarkedByCopy, rebuildSettings, withoutMark } from '../rebuild/rebuild-mark';
import {
  changeOf,
  isChanged,
  isGenerated,
  isKey,
  needsCopy,
  typeIn,
  type Alteration,
} from '../rebuild/table-change';
import { unfinishedRebuilds } from '../rebuild/unfinished';
import { commandsOf } from './alter-actions';
import { together, type PlannedChange, type Planning } from './planning';
import { translateChange } from './translate-change';

/** Actions for which a copy of the table may be needed. */
const MAY_NEED_COPY: ReadonlySet<string | undefined> = new Set([
  'AT_AlterColumnType',
  'AT_AddConstraint',
  'AT_DropConstraint',
  'AT_DropColumn',
  'AT_AddIdentity',
]);

/** Plans one action alone. */
type PlanOther = (alteration: Alteration) => Promise<PlannedChange | 'as it is' | 'refused'>;

/** Whether a statement may have to be carried out by a copy of its table, and may be. */
export function mayNeedCopy(statement: Statement, text: string, { mapping }: Planning): boolean {
  if (statement.node !== 'AlterTableStmt' || statement.async) return false;
  if (rebuildSettings(text, mapping) === undefined) return false;
  return commandsOf(statement).some(
    (command) => MAY_NEED_COPY.has(command.subtype) || isGenerated(command) || isKey(command),
  );
}

/**
 * What is left of the rebuild that a statement has begun in an earlier run.
 *
 * @throws UnsupportedFeatureError when another statement has begun one of its table
 */
export async function planUnfinished(
  text: string,
  statement: Statement,
  { read, readTables }: Planning,
): Promise<PlannedChange | undefined> {
  const { relation } = statement.tree as NodeBody<'AlterTableStmt'>;
  const { schema, name } = tableNameOf(relation);
  const found = (await unfinishedRebuilds(read, readTables)).find(
    ({ names, isPastRename }) =>
      isPastRename && names.table === name && (schema === undefined || names.schema === schema),
  );
  if (found === undefined) return undefined;
  if (found.change === withoutMark(text)) {
    return { statements: found.left, notes: [`The rebuild of ${name}, which was interrupted, goes on.`] };
  }
  throw new UnsupportedFeatureError(
    `another change of the table ${name} while it is being rebuilt`,
    `Its rebuild was interrupted. Run the change again that began it: ${found.change}`,
  );
}

/**
 * Plans an ALTER TABLE of which an action can only be done by a copy of the table.
 *
 * @param alterations - its actions, but for those that are planned otherwise
 * @param planOther - plans an action that is to be done to the new table
 * @returns nothing where none needs a copy
 * @throws UnsupportedFeatureError when something is in the way of it
 */
export async function planByCopy(
  text: string,
  table: CatalogTable,
  alterations: readonly Alteration[],
  planning: Planning,
  planOther: PlanOther,
): Promise<PlannedChange | 'refused' | undefined> {
  const settings = rebuildSettings(text, planning.mapping);
  if (settings === undefined) return undefined;
  const { enums, mapping, read, readTables } = planning;
  const isRefused = async (sql: string) => (await translateChange(sql, [table], mapping)).refusals.length > 0;
  const needing: Alteration[] = [];
  for (const alteration of alterations) {
    if (needsCopy(table, alteration) && (await isRefused(alteration.text))) needing.push(alteration);
  }
  if (needing.length === 0) return undefined;
  const { change: asked, rest } = changeOf(
    table,
    mapping.arrays === 'jsonb' ? await withArrays(table, alterations, planning) : alterations,
  );
  const outgrown = alterations.flatMap(({ command: { subtype, name = '', def } }) =>
    subtype === 'AT_AlterColumnType'
      ? (enums.outgrown(table, name, asNode(def, 'ColumnDef')?.typeName) ?? [])
      : [],
  );
  const change = { ...asked, droppedConstraints: new Set([...asked.droppedConstraints, ...outgrown]) };
  const isAsked = isMarkedByCopy(text) ? false : needing.some(rewritesValues);
  if (isChanged(table, change) && !isAsked && !(await retypes(needing, isRefused))) {
    // The values were made when the column got its type.
    const defaults = alterations.filter(({ command }) => command.subtype === 'AT_ColumnDefault');
    const isSo = { statements: [], notes: [`${table.name} is so already.`] };
    return planBehind(isSo, [...defaults, ...rest], planOther);
  }
  const translate = (sql: string) => translateChange(sql, [], mapping);
  const { statements, old, cascaded } = await planRebuild(table, change, withoutMark(text), {
    readTables,
    read,
    translate,
    dropOld: settings.dropOld,
    droppedViews: planning.droppedViews,
  });
  const remains = settings.dropOld ? 'dropped in the end' : `kept as ${old}`;
  const note = `${table.name} is copied, and cannot be written meanwhile; the old table is ${remains}.`;
  const dropped = cascaded.length === 0 ? [] : [`CASCADE drops the ${cascaded.join(', the ')}.`];
  return planBehind({ statements, notes: [note, ...dropped] }, rest, planOther);
}

/** What makes the values of the new type gets arrays of columns that are jsonb, and makes jsonb of an array. */
async function withArrays(
  table: CatalogTable,
  alterations: readonly Alteration[],
  { enums, mapping }: Planning,
): Promise<readonly Alteration[]> {
  const { known: arrays } = enums.arrays;
  const from = ` FROM ${quotedTable(table)}`;
  const made: Alteration[] = [];
  for (const { command, text } of alterations) {
    const { using } = command.subtype === 'AT_AlterColumnType' ? typeIn(text) : {};
    const select = `SELECT ${using ?? ''}${from}`;
    const { statements } =
      using === undefined ? { statements: [] } : await translateChange(select, [], mapping, { arrays });
    const value = statements[0]?.sql.slice('SELECT '.length, -from.length) ?? using ?? '';
    made.push(asJson({ command, text: `${text.slice(0, text.length - (using ?? '').length)}${value}` }));
  }
  return made;
}

/** An array that takes the place of another type is made jsonb, as its column is. */
function asJson(alteration: Alteration): Alteration {
  const { command, text } = alteration;
  const { typeName } = asNode(command.def, 'ColumnDef') ?? {};
  const { type, using } = typeIn(text);
  if (command.subtype !== 'AT_AlterColumnType' || using === undefined || !isArrayType(typeName))
    return alteration;
  const end = text.lastIndexOf(using);
  const start = text.slice(0, end).lastIndexOf(type);
  return { command, text: `${text.slice(0, start)}jsonb USING to_jsonb(${using})` };
}

/** Plans actions that are done behind another change. */
async function planBehind(
  first: PlannedChange,
  alterations: readonly Alteration[],
  planOther: PlanOther,
): Promise<PlannedChange | 'refused'> {
  const changes = [first];
  for (const alteration of alterations) {
    const planned = await planOther(alteration);
    if (typeof planned === 'string') return 'refused';
    changes.push(planned);
  }
  return together(changes);
}

/** Whether an action makes other values of those that there are, also where the type of the column stays. */
function rewritesValues({ command: { subtype, name = '', def } }: Alteration): boolean {
  return subtype === 'AT_AlterColumnType' && !isCastOf(name, asNode(def, 'ColumnDef')?.raw_default);
}

/** Whether one of the actions gives a column another type than it has. */
async function retypes(
  needing: readonly Alteration[],
  isRefused: (sql: string) => Promise<boolean>,
): Promise<boolean> {
  for (const { command, text } of needing) {
    if (command.subtype !== 'AT_AlterColumnType') continue;
    const { using } = typeIn(text);
    const alone =
      using === undefined ? text : text.slice(0, text.lastIndexOf(using)).replace(/\s+USING\s*$/i, '');
    if (await isRefused(alone)) return true;
  }
  return false;
}
