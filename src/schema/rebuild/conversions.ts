import { literal, quoted, quotedTable, type CatalogTable } from '../../sql';
import type { UnsupportedChange } from '../planning/unsupported-change';
import type { ColumnChange, TableChange } from './table-change';

type Read = (sql: string) => Promise<readonly unknown[]>;

/** How PostgreSQL makes values of a new type of the old ones, where nothing is written. */
export interface Conversions {
  /** The columns whose values need a cast: no assignment makes them. */
  readonly casts: ReadonlySet<string>;
  /** Those for which there is no cast either. */
  readonly impossible: readonly { readonly column: string; readonly from: string; readonly to: string }[];
}

/** Finds out how the values of the columns are made that get another type. */
export async function conversions(
  table: CatalogTable,
  change: TableChange,
  read: Read,
): Promise<Conversions> {
  const casts = new Set<string>();
  const impossible: Conversions['impossible'][number][] = [];
  for (const [name, { type, using }] of change.columns) {
    const column = table.columns.find((each) => each.name === name);
    if (type === undefined || using !== undefined || column === undefined) continue;
    // Any type can be cast to a text, and a text to any type, by their input and output functions.
    const [row] = (await read(
      `SELECT s.oid = t.oid OR t.typcategory = 'S' OR EXISTS (SELECT FROM pg_catalog.pg_cast k WHERE k.castsource = s.oid AND k.casttarget = t.oid AND k.castcontext IN ('a', 'i')) AS assignable, s.typcategory = 'S' OR EXISTS (SELECT FROM pg_catalog.pg_cast k WHERE k.castsource = s.oid AND k.casttarget = t.oid) AS castable FROM pg_catalog.pg_type s, pg_catalog.pg_type t WHERE s.oid = ${literal(column.baseType)}::regtype AND t.oid = ${literal(type)}::regtype`,
    )) as readonly { readonly assignable?: boolean; readonly castable?: boolean }[];
    if (row?.assignable === true) continue;
    if (row?.castable === false) impossible.push({ column: name, from: column.type, to: type });
    else casts.add(name);
  }
  return { casts, impossible };
}

/**
 * The change for a table without rows. Nothing is converted; a row that is written meanwhile fails to be, so that no value
 * is lost.
 */
export function throughText(change: TableChange, impossible: Conversions['impossible']): TableChange {
  const columns = new Map<string, ColumnChange>(change.columns);
  for (const { column, to } of impossible) {
    columns.set(column, { ...columns.get(column), using: `CAST(CAST(${quoted(column)} AS text) AS ${to})` });
  }
  return { ...change, columns };
}

/** Rows whose values cannot be converted. */
export async function valuesInTheWay(
  table: CatalogTable,
  impossible: Conversions['impossible'],
  read: Read,
): Promise<readonly UnsupportedChange[]> {
  if (impossible.length === 0) return [];
  const rows = await read(`SELECT 1 FROM ${quotedTable(table)} LIMIT 1`);
  if (rows.length === 0) return [];
  return impossible.map(({ column, from, to }) => ({
    what: `the rebuild of the table ${table.name} with its rows`,
    why: `There is no cast from ${from} to ${to} for its column ${column}.`,
    instead: 'Write the new value of a row with USING, or add another column and fill it.',
  }));
}
