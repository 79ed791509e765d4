import { sqlStateOf } from '../../occ';
import {
  MAX_TRANSACTION_ROWS,
  literal,
  primaryKeyOf,
  quoted,
  quotedTable,
  tuple,
  type CatalogTable,
} from '../../sql';
import { newColumns, newKey, type NewColumn, type Rebuild } from './new-table';
import { markConstraint } from './unfinished';

/** The rows of a batch: the key of its last one is kept in the same transaction, and counts. */
const BATCH_ROWS = MAX_TRANSACTION_ROWS - 1;

/** How many rows are looked at in one statement before anything is changed. */
const PAGE_ROWS = 20_000;

/** The columns by which rows are copied in order: those of the old key, or else those of the new one. */
export function orderOf(rebuild: Rebuild): readonly string[] {
  const present = primaryKeyOf(rebuild.table);
  if (present.length > 0) return present;
  const columns = newKey(rebuild)?.columns ?? [];
  const isThere = (column: string) => rebuild.table.columns.some(({ name }) => name === column);
  return columns.every(isThere) ? columns : [];
}

/** What keeps the key of the last row that was copied. */
export function createCopied(rebuild: Rebuild): string {
  const { schema, copied } = rebuild.names;
  const columns = orderOf(rebuild).map((name) => {
    const { type = 'text' } = rebuild.table.columns.find((column) => column.name === name) ?? {};
    return `${quoted(name)} ${type} NOT NULL`;
  });
  return `CREATE TABLE ${quotedTable({ schema, name: copied })} ("only row" boolean PRIMARY KEY, ${columns.join(', ')}, ${markConstraint})`;
}

/** A value of a row of the old table, as a column of the new one takes it. */
function valueOf({ name, value = '', newType }: NewColumn, casts: ReadonlySet<string>): string {
  return newType !== undefined && casts.has(name) ? `CAST(${value} AS ${newType})` : value;
}

/** Finds out before writers are kept out whether the new table takes what the statement gives it. */
export function copyNothing(rebuild: Rebuild, casts: ReadonlySet<string>): string {
  const { schema, table, copy } = rebuild.names;
  const columns = newColumns(rebuild).filter(({ value }) => value !== undefined);
  const values = columns.map((column) => valueOf(column, casts)).join(', ');
  return `INSERT INTO ${quotedTable({ schema, name: copy })} (${columns.map(({ name }) => quoted(name)).join(', ')}) OVERRIDING SYSTEM VALUE SELECT ${values} FROM ${quotedTable({ schema, name: table })} AS ${quoted(table)} WHERE false`;
}

/**
 * Copies the rows that come next in the order of the key. It is run until it copies none; the key of the last row is kept
 * in the same transaction, so that each row is copied once.
 *
 * @param casts - the columns whose values need a cast
 */
export function copyBatch(rebuild: Rebuild, casts: ReadonlySet<string>): string {
  const { schema, table, copy, old, copied } = rebuild.names;
  const order = orderOf(rebuild);
  const key = order.map(quoted);
  const from = quotedTable({ schema, name: old });
  const progress = quotedTable({ schema, name: copied });
  const last = key.map((column) => `(SELECT ${column} FROM ${progress})`);
  const columns = newColumns(rebuild).filter(({ value }) => value !== undefined);
  const names = columns.map(({ name }) => quoted(name));
  const values = columns.map((column, at) => `${valueOf(column, casts)} AS "value ${String(at)}"`);
  const orderBy = key.map((_, at) => `"key ${String(at)}"`);
  const rows = `SELECT * FROM ${from} WHERE NOT EXISTS (SELECT FROM ${progress}) UNION ALL SELECT * FROM ${from} WHERE ${tuple(key)} > ${tuple(last)}`;
  const batch = `SELECT ${[...values, ...key.map((column, at) => `${quoted(table)}.${column} AS ${orderBy[at] ?? ''}`)].join(', ')} FROM (${rows}) AS ${quoted(table)} ORDER BY ${key.map((column) => `${quoted(table)}.${column}`).join(', ')} LIMIT ${String(BATCH_ROWS)}`;
  const kept = `INSERT INTO ${progress} ("only row", ${key.join(', ')}) SELECT true, ${orderBy.join(', ')} FROM batch ORDER BY ${orderBy.map((column) => `${column} DESC`).join(', ')} LIMIT 1 ON CONFLICT ("only row") DO UPDATE SET ${key.map((column) => `${column} = excluded.${column}`).join(', ')}`;
  return `WITH batch AS MATERIALIZED (${batch}), kept AS (${kept}) INSERT INTO ${quotedTable({ schema, name: copy })} (${names.join(', ')}) OVERRIDING SYSTEM VALUE SELECT ${columns.map((_, at) => `"value ${String(at)}"`).join(', ')} FROM batch`;
}

/** What is found of the rows before anything is changed. */
export interface LookAtRows {
  /** Reads anything. */
  readonly read: (sql: string) => Promise<readonly unknown[]>;
}

/** Class of SQLSTATEs of a value that cannot be made or converted. */
const DATA_EXCEPTION = '22';

/**
 * Looks through the rows whether the new table would take them, as far as that can be told of each alone: their new values
 * can be made, and are neither too long nor NULL where that is not taken.
 *
 * @returns what is in the way, as a sentence; nothing where nothing is
 */
export async function rowsInTheWay(
  rebuild: Rebuild,
  casts: ReadonlySet<string>,
  look: LookAtRows,
): Promise<string | undefined> {
  try {
    return await badRow(rebuild, casts, look);
  } catch (error) {
    if (sqlStateOf(error)?.startsWith(DATA_EXCEPTION) !== true) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    return `A row of ${rebuild.names.table} has a value that cannot be converted: ${reason}.`;
  }
}

async function badRow(
  rebuild: Rebuild,
  casts: ReadonlySet<string>,
  { read }: LookAtRows,
): Promise<string | undefined> {
  const { schema, table } = rebuild.names;
  const order = orderOf(rebuild).map(quoted);
  const columns = newColumns(rebuild).filter((column) => isInDoubt(rebuild, column));
  const duplicate = await duplicateKey(rebuild, read);
  if (duplicate !== undefined) return duplicate;
  if (columns.length === 0) return undefined;
  const from = quotedTable({ schema, name: table });
  const values = columns.map(
    (column, at) => `${valueOf(column, everyCast(column, casts))} AS "value ${String(at)}"`,
  );
  const isBad = columns.map((column, at) => `(${badValue(rebuild, column, `"value ${String(at)}"`)})`);
  const keys = order.map((column, at) => `${quoted(table)}.${column} AS "key ${String(at)}"`);
  const keyNames = order.map((_, at) => `"key ${String(at)}"`);
  const json = `json_build_array(${keyNames.map((name) => `${name}::text`).join(', ')})`;
  for (let last: readonly string[] | undefined; ;) {
    const where = last === undefined ? '' : ` WHERE ${tuple(order)} > ${tuple(last.map(literal))}`;
    const rows = `SELECT ${[...values, ...keys].join(', ')} FROM ${from} AS ${quoted(table)}${where} ORDER BY ${order.join(', ')} LIMIT ${String(PAGE_ROWS)}`;
    const backwards = keyNames.map((name) => `${name} DESC`).join(', ');
    const [page] = (await read(
      `WITH page AS MATERIALIZED (${rows}) SELECT (SELECT ${json} FROM page ORDER BY ${backwards} LIMIT 1) AS last, (SELECT ${json} FROM page WHERE ${isBad.join(' OR ')} LIMIT 1) AS bad`,
    )) as readonly { readonly last: readonly string[] | null; readonly bad: readonly string[] | null }[];
    if (page?.bad) {
      return `The row of ${table} with ${named(rebuild, page.bad)} has no value that ${columns.map(({ name }) => name).join(', ')} could have then.`;
    }
    if (!page?.last) return undefined;
    last = page.last;
  }
}

function named(rebuild: Rebuild, key: readonly string[]): string {
  return orderOf(rebuild)
    .map((column, at) => `${column} = ${key[at] ?? ''}`)
    .join(', ');
}

/** A cast finds out what an assignment would refuse, but for texts, which it shortens. */
function everyCast({ name, newType }: NewColumn, casts: ReadonlySet<string>): ReadonlySet<string> {
  return newType === undefined || lengthOf(newType) !== undefined ? casts : new Set([...casts, name]);
}

function isInDoubt(rebuild: Rebuild, { name, value, newType }: NewColumn): boolean {
  return value !== undefined && (newType !== undefined || mustBePresent(rebuild, name));
}

/** Whether a column takes no NULL that took one. */
function mustBePresent(rebuild: Rebuild, name: string): boolean {
  const column = rebuild.table.columns.find((each) => each.name === name);
  if (column === undefined || column.notNull) return false;
  const isOfKey = newKey(rebuild)?.columns.includes(name) === true;
  return isOfKey || rebuild.change.columns.get(name)?.notNull === true;
}

function badValue(rebuild: Rebuild, { name, newType }: NewColumn, value: string): string {
  const length = newType === undefined ? undefined : lengthOf(newType);
  const conditions = [
    ...(mustBePresent(rebuild, name) ? [`${value} IS NULL`] : []),
    ...(length === undefined ? [] : [`length(rtrim(${value}::text)) > ${length}`]),
  ];
  // Something has to be asked of it, or it is not made; not whether it is equal to something: json is to nothing.
  return conditions.length === 0 ? `(${value} IS NULL) IS NULL` : conditions.join(' OR ');
}

function lengthOf(type: string): string | undefined {
  return /^(?:character varying|varchar|character|char|bpchar)\s*\(\s*(\d+)\s*\)$/i.exec(type.trim())?.[1];
}

/** Rows that the new primary key would not take. */
async function duplicateKey(rebuild: Rebuild, read: LookAtRows['read']): Promise<string | undefined> {
  const { table, names, change } = rebuild;
  const key = newKey(rebuild)?.columns ?? [];
  const isKept = (columns: readonly string[]) => columns.every((column) => key.includes(column));
  const isUnique =
    change.primaryKey === undefined ||
    key.length === 0 ||
    table.constraints.some(({ type, columns }) => (type === 'p' || type === 'u') && isKept(columns)) ||
    !key.every((column) => isSame(table, change.columns.get(column)?.type, column));
  if (isUnique) return undefined;
  const list = key.map(quoted).join(', ');
  const rows = await read(
    `SELECT 1 FROM ${quotedTable({ schema: names.schema, name: names.table })} GROUP BY ${list} HAVING count(*) > 1 LIMIT 1`,
  );
  return rows.length === 0
    ? undefined
    : `There are rows of ${names.table} with the same ${key.join(', ')}, which is to be the primary key.`;
}

function isSame(table: CatalogTable, newType: string | undefined, column: string): boolean {
  return newType === undefined && table.columns.some(({ name }) => name === column);
}
