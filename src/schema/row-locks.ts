import { UnsupportedFeatureError } from '../occ';
import type { ResolvedMapping } from './orm-options';

/** The options of a query of Sequelize that lock rows. */
export interface RowLockOptions {
  readonly lock?: boolean | string | { readonly level?: string; readonly of?: unknown } | null | undefined;
  readonly skipLocked?: boolean | undefined;
}

/** Lock modes that Aurora DSQL lacks (recorded from a cluster, 2026-09). */
const MISSING: readonly unknown[] = ['SHARE', 'NO KEY UPDATE'];

/**
 * Writes a query with locks that Aurora DSQL has, FOR UPDATE and FOR KEY SHARE: another one becomes FOR UPDATE, which
 * conflicts with more.
 *
 * @param options - changed while `write` runs: Sequelize notes in this very object what it has abbreviated, so it cannot
 *   be a copy
 * @throws UnsupportedFeatureError for `skipLocked`, unless `dsql.simplify.rowLocks` omits it
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
  if (skipLocked === true && simplify.rowLocks !== true) {
    throw new UnsupportedFeatureError(
      'SKIP LOCKED',
      'No row is ever locked there; transactions that take the same row conflict, and are run again. Or let dsql: { simplify: { rowLocks: true } } omit it from every query.',
    );
  }
  const strengthened = typeof lock === 'object' ? { ...lock, level: 'UPDATE' } : 'UPDATE';
  return { skipLocked: false, ...(isMissing && { lock: strengthened }) };
}
