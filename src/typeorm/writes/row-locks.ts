import { UnsupportedFeatureError } from '../../occ';
import type { ResolvedMapping } from '../../schema';
import { rowLocksOf, strengthenRowLocks, type RowLock } from '../../sql';

/** What to do without that which Aurora DSQL does not have. */
const instead = {
  SHARE: 'Take pessimistic_write (FOR UPDATE) or for_key_share (FOR KEY SHARE).',
  'NO KEY UPDATE': 'Take pessimistic_write (FOR UPDATE).',
  NOWAIT:
    'Omit it: nothing ever waits there. Of two transactions that lock the same row the later one fails when it commits, and runInTransaction runs it again.',
  'SKIP LOCKED':
    'Omit it: no row is ever seen to be locked there. Of two transactions that take the same row the later one fails when it commits, and runInTransaction runs it again, when it finds another row.',
} as const;

/**
 * Does what `dsql.simplify.rowLocks` says about the row locks in a statement: FOR UPDATE and FOR KEY SHARE are all that
 * Aurora DSQL has (recorded from a cluster, 2026-09).
 *
 * @returns the statement to send
 * @throws UnsupportedFeatureError for another lock, unless it may be strengthened
 */
export function adaptRowLocks(sql: string, { simplify, capabilities }: ResolvedMapping): string {
  const refused = rowLocksOf(sql)
    .map((lock) => missingIn(lock, capabilities?.['locking-strength'] === true))
    .find((missing) => missing !== undefined);
  if (refused === undefined) return sql;
  if (simplify.rowLocks === true) return strengthenRowLocks(sql);
  const isStrength = refused === 'SHARE' || refused === 'NO KEY UPDATE';
  throw new UnsupportedFeatureError(
    isStrength ? `SELECT … FOR ${refused}` : `${refused} in a SELECT that locks rows`,
    `${instead[refused]} Or let dsql: { simplify: { rowLocks: true } } do so for every query.`,
  );
}

function missingIn(
  { strength, policy }: RowLock,
  hasAllStrengths: boolean,
): keyof typeof instead | undefined {
  const isMissing = strength === 'SHARE' || strength === 'NO KEY UPDATE';
  return isMissing && !hasAllStrengths ? strength : policy?.words;
}
