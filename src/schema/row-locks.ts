import { UnsupportedFeatureError } from '../occ';
import { rowLocksOf, strengthenRowLocks } from '../sql';
import type { ResolvedMapping } from './orm-options';

/** What to do without that which Aurora DSQL lacks. */
const instead = {
  NOWAIT:
    'Omit it: nothing ever waits there. Of two transactions that lock the same row the later one fails when it commits, and runInTransaction runs it again.',
  'SKIP LOCKED':
    'Omit it: no row is ever seen to be locked there. Of two transactions that take the same row the later one fails when it commits, and runInTransaction runs it again, when it finds another row.',
} as const;

/**
 * Gives a statement row locks that Aurora DSQL has, FOR UPDATE and FOR KEY SHARE (recorded from a cluster, 2026-09):
 * another one becomes FOR UPDATE, which conflicts with more.
 *
 * @returns the statement to send
 * @throws UnsupportedFeatureError for NOWAIT and SKIP LOCKED, unless `dsql.simplify.rowLocks` omits them
 */
export function adaptRowLocks(sql: string, { simplify, capabilities }: ResolvedMapping): string {
  const locks = rowLocksOf(sql);
  if (locks.length === 0) return sql;
  const policy = locks.flatMap((lock) => lock.policy?.words ?? [])[0];
  if (policy !== undefined && simplify.rowLocks !== true) {
    throw new UnsupportedFeatureError(
      `${policy} in a SELECT that locks rows`,
      `${instead[policy]} Or let dsql: { simplify: { rowLocks: true } } do so for every query.`,
    );
  }
  return capabilities?.['locking-strength'] === true && policy === undefined ? sql : strengthenRowLocks(sql);
}

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
  const adapted = adaptOptions(options, mapping);
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
function adaptOptions(
  { lock, skipLocked }: RowLockOptions,
  { simplify, capabilities }: ResolvedMapping,
): RowLockOptions | undefined {
  const level = typeof lock === 'object' ? lock?.level : lock;
  const isMissing = MISSING.includes(level) && capabilities?.['locking-strength'] !== true;
  if (!isMissing && skipLocked !== true) return undefined;
  if (skipLocked === true && simplify.rowLocks !== true) {
    throw new UnsupportedFeatureError(
      'SKIP LOCKED',
      'Omit `skipLocked`: no row is ever locked there. Transactions that take the same row conflict, and are run again. Or let dsql: { simplify: { rowLocks: true } } omit it from every query.',
    );
  }
  const strengthened = typeof lock === 'object' ? { ...lock, level: 'UPDATE' } : 'UPDATE';
  return { skipLocked: false, ...(isMissing && { lock: strengthened }) };
}
