import type { TableName } from '../../syntax/statement';
import type { KnownCatalogue } from '../known-catalogue';
import type { Rewrite } from '../rewrite';

/** The types that a key or index of DSQL cannot have (AWS user guide, data types, 2026-09-15). */
const KEYLESS_TYPE = /^(bytea|interval|jsonb?|time(?:\(\d+\))? with time zone)\b/;

/** A column of a key, with its type where the text says it. */
export interface KeyColumn {
  readonly name: string;
  readonly type?: string | undefined;
}

/** The type of a column, if it is known and one that no key can have. */
export function keylessType(
  { name, type }: KeyColumn,
  table: TableName,
  catalogue: KnownCatalogue,
): string | undefined {
  return KEYLESS_TYPE.exec(type ?? catalogue.column(table, name)?.type ?? '')?.[1];
}

/**
 * Refuses a key or an index on columns that are known to have a type that cannot be one.
 *
 * @param columns - The columns, of a table as the catalogue knows it, or with their types.
 * @param at - Where the key stands, as an offset; the beginning of the statement unless given.
 */
export function refuseKeylessTypes(
  rewrite: Rewrite,
  table: TableName,
  columns: readonly KeyColumn[],
  at?: number,
): void {
  if (!rewrite.isRefused('key-type')) return;
  for (const column of columns) {
    const keyless = keylessType(column, table, rewrite.catalogue);
    if (keyless === undefined) continue;
    rewrite.refuse({
      rule: 'key-type',
      parts: { type: keyless },
      ...(at !== undefined && { at }),
      why: `${column.name} is ${keyless}, which DSQL cannot order.`,
    });
  }
}
