import type { JournalRow, JournalStatement } from '../journal/journal-connection';
import type { LeaseHolder } from '../errors';
import type { MigrationTables } from '../tables';

/** One lease for all changes of a schema: DDL of several processes would only conflict. */
const NAME = 'schema';

/** Who takes the lease. */
export interface Taker {
  /** Different for each that takes it, also in one process. */
  readonly id: string;
  readonly host: string;
  readonly process: string;
  /** How long it is held unless it is renewed, in milliseconds. */
  readonly leaseMs: number;
}

/**
 * Takes the lease where it has ended, or where the taker has it already because an answer was lost. Its number is a part
 * of the key, so that it conflicts with every transaction that has locked the row for `KEY SHARE`; a renewal does not.
 *
 * @param stolenFence - takes it from the holder with this number, although it has not ended
 */
export function take(
  { lease }: MigrationTables,
  { id, host, process, leaseMs }: Taker,
  stolenFence?: string,
): JournalStatement {
  return {
    text: `UPDATE ${lease} SET fence = CASE WHEN holder = $2 THEN fence ELSE fence + 1 END, since = CASE WHEN holder = $2 THEN since ELSE now() END, holder = $2, host = $3, process = $4, expires_at = now() + $5::int * interval '1 millisecond' WHERE name = $1 AND (holder = $2 OR expires_at <= now() OR fence = $6::bigint) RETURNING fence::text AS fence`,
    values: [NAME, id, host, process, String(leaseMs), stolenFence ?? null],
  };
}

/** Takes the lease where nobody ever had it. */
export function takeFirst(
  { lease }: MigrationTables,
  { id, host, process, leaseMs }: Taker,
): JournalStatement {
  return {
    text: `INSERT INTO ${lease} (name, fence, holder, host, process, since, expires_at) SELECT $1, 1, $2, $3, $4, now(), now() + $5::int * interval '1 millisecond' WHERE NOT EXISTS (SELECT 1 FROM ${lease} WHERE name = $1) RETURNING fence::text AS fence`,
    values: [NAME, id, host, process, String(leaseMs)],
  };
}

/** Reads who has the lease, by the server's clock. */
export function readHolder({ lease }: MigrationTables): JournalStatement {
  return {
    text: `SELECT holder, host, process, since, expires_at, fence::text AS fence, expires_at > now() AS held, (extract(epoch FROM expires_at - now()) * 1000)::int AS remaining_ms FROM ${lease} WHERE name = $1`,
    values: [NAME],
  };
}

/** The answer to {@link readHolder}. */
export interface LeaseRow extends LeaseHolder {
  /** The {@link Taker.id} of its holder. */
  readonly id: string;
  readonly held: boolean;
  readonly remainingMs: number;
}

export function leaseRowOf(row: JournalRow): LeaseRow {
  return {
    id: String(row.holder),
    host: String(row.host),
    process: String(row.process),
    since: row.since as Date,
    expiresAt: row.expires_at as Date,
    fence: String(row.fence),
    held: row.held === true,
    remainingMs: Number(row.remaining_ms),
  };
}

/** Renews the lease; no row comes back where another has it. */
export function renew({ lease }: MigrationTables, { id, leaseMs }: Taker, fence: string): JournalStatement {
  return {
    text: `UPDATE ${lease} SET expires_at = now() + $4::int * interval '1 millisecond' WHERE name = $1 AND fence = $2::bigint AND holder = $3 RETURNING 1`,
    values: [NAME, fence, id, String(leaseMs)],
  };
}

/** Gives the lease back, if it is still held. */
export function release({ lease }: MigrationTables, { id }: Taker, fence: string): JournalStatement {
  return {
    text: `UPDATE ${lease} SET expires_at = now() WHERE name = $1 AND fence = $2::bigint AND holder = $3 AND expires_at > now()`,
    values: [NAME, fence, id],
  };
}

/**
 * The beginning of a statement that writes only as long as a holder has the lease: `FROM held` has one row then. The lock
 * lets the transaction conflict with another that takes the lease.
 *
 * @param name - the number of the parameter with the lease's name; that with the fencing number comes next
 */
export function whileHeld({ lease }: MigrationTables, name: number): string {
  return `WITH held AS (SELECT fence FROM ${lease} WHERE name = $${name} AND fence = $${name + 1}::bigint FOR KEY SHARE)`;
}

/** The values of the parameters of {@link whileHeld}. */
export function heldBy(fence: string): readonly string[] {
  return [NAME, fence];
}
