import { UnsupportedFeatureError } from '../../occ';
import type { ResolvedMapping } from '../../schema';
import { rowLocksOf, strengthenRowLocks } from '../../sql';

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
