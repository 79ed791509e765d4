import { UnsupportedFeatureError } from '../occ';
import type { ResolvedMapping } from './orm-options';

/** The options of a query of Sequelize that lock rows. */
export interface RowLockOptions {
  readonly lock?: boolean | string | { readonly level?: string; readonly of?: unknown } | null | undefined;
  readonly skipLocked?: boolean | undefined;
}

/** Lock modes that Aurora DSQL has not (recorded from a cluster, 2026-09). */
const MISSING: readonly unknown[] = ['SHARE', 'NO KEY UPDATE'];

const OR_FOR_ALL = 'Or let dsql: { simplify: { rowLocks: true } } do so for every query.';

/**
 * Writes a query as `dsql.simplify.rowLocks` says about its locks: FOR UPDATE and FOR KEY SHARE are all that Aurora DSQL
 * has.
 *
 * @param options - changed while `write` runs: Sequelize notes in this very object what it has abbreviated, so it cannot
 *   be a copy
 * @throws UnsupportedFeatureError for another lock, unless it may be strengthened
 */
export function withRowLocks(options: RowLockOptions, mapping: ResolvedMapping, write: () => string): string {
  const adapted = adaptRowLocks(options, mapping);
  if (adapted === undefined) return write();
  const { lock, skipLocked } = options;
  Object.assign(options, adapted);
  try {
    return write();
  } finally {
    Object.assign(options, { lock, skipLocked });
  }
}

/** What is to be said of locks instead, if anything. */
function adaptRowLocks(
  { lock, skipLocked }: RowLockOptions,
  { simplify, capabilities }: ResolvedMapping,
): RowLockOptions | undefined {
  const level = typeof lock === 'object' ? lock?.level : lock;
  const isMissing = MISSING.includes(level) && capabilities?.['locking-strength'] !== true;
  if (!isMissing && skipLocked !== true) return undefined;
  if (simplify.rowLocks === true) {
    const strengthened = typeof lock === 'object' ? { ...lock, level: 'UPDATE' } : 'UPDATE';
    return { skipLocked: false, ...(isMissing && { lock: strengthened }) };
  }
  if (isMissing) {
    throw new UnsupportedFeatureError(
      `the lock mode ${String(level)}`,
      `Use UPDATE: it locks nothing either, but makes the transaction conflict with those that change the row. ${OR_FOR_ALL}`,
    );
  }
  throw new UnsupportedFeatureError(
    'SKIP LOCKED',
    `No row is ever locked there; transactions that take the same row conflict, and are run again. ${OR_FOR_ALL}`,
  );
}
