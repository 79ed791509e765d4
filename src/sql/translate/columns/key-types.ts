import type { TableName } from '../../syntax/statement';
import type { Rewrite } from '../rewrite';

/** The types that a key or index of DSQL cannot have (AWS user guide, data types, 2026-09-15). */
const KEYLESS_TYPE = /^(bytea|interval|jsonb?|time(?:\(\d+\))? with time zone)/;

/**
 * Refuses a key or an index on columns that are known to have a type that cannot be one.
 *
 * @param columns - The columns, of a table as the catalogue knows it, or with their types.
 * @param at - Where the key stands, as an offset; the beginning of the statement unless given.
 */
export function refuseKeylessTypes(
  rewrite: Rewrite,
  table: TableName,
  columns: readonly { readonly name: string; readonly type?: string | undefined }[],
  at?: number,
): void {
  if (!rewrite.isRefused('key-type')) return;
  for (const { name, type = rewrite.catalogue.column(table, name)?.type } of columns) {
    const keyless = KEYLESS_TYPE.exec(type ?? '')?.[1];
    if (keyless === undefined) continue;
    rewrite.refuse({
      rule: 'key-type',
      parts: { type: keyless },
      ...(at !== undefined && { at }),
      why: `${name} is ${keyless}, which DSQL cannot order.`,
    });
  }
}
