import type { Node } from 'libpg-query';
import { strings } from '../../syntax/parse-tree';

/** The collations that sort by bytes, as every column of DSQL does (AWS user guide, data types, 2026-09-15). */
const BYTE_COLLATIONS = new Set(['C', 'POSIX', 'default', 'ucs_basic']);

/**
 * Whether DSQL sorts by this collation anyway.
 *
 * @param name - without its schema
 */
export function sortsByBytes(name: string): boolean {
  return BYTE_COLLATIONS.has(name);
}

/** Whether DSQL sorts by this collation of a parse tree anyway. */
export function isByteCollation(collation: readonly Node[] | undefined): boolean {
  return sortsByBytes(strings(collation).at(-1) ?? '');
}
