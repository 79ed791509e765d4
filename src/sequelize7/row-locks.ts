import { Lock } from '@sequelize/core';
import { UnsupportedFeatureError } from '../occ';
import type { ResolvedMapping } from '../schema';

/** The options of a query that lock rows. */
export interface LockOptions {
  readonly lock?: boolean | Lock | { readonly level: Lock; readonly of: unknown } | undefined;
  readonly skipLocked?: boolean | undefined;
}

/** Lock modes that Aurora DSQL has not (recorded from a cluster, 2026-09). */
const MISSING: readonly unknown[] = [Lock.SHARE, Lock.NO_KEY_UPDATE];

const OR_FOR_ALL = 'Or let dsql: { simplify: { rowLocks: true } } do so for every query.';

/**
 * Does what `dsql.simplify.rowLocks` says about the locks of a query: FOR UPDATE and FOR KEY SHARE are all that Aurora
 * DSQL has.
 *
 * @param options - left untouched
 * @returns what is to be said of locks instead, if anything
 * @throws UnsupportedFeatureError for another lock, unless it may be strengthened
 */
export function adaptRowLocks(
  { lock, skipLocked }: LockOptions,
  { simplify, capabilities }: ResolvedMapping,
): LockOptions | undefined {
  const level = typeof lock === 'object' ? lock.level : lock;
  const isMissing = MISSING.includes(level) && capabilities?.['locking-strength'] !== true;
  if (!isMissing && skipLocked !== true) return undefined;
  if (simplify.rowLocks === true) {
    const strengthened = typeof lock === 'object' ? { ...lock, level: Lock.UPDATE } : Lock.UPDATE;
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
