import type { OpenConnection } from '../schema';
import { retryOnConflict } from '../occ';
import { quotedTable } from '../sql';
import type { LeaseHolder } from './errors';
import { Journal, type Direction } from './journal/journal';
import { JournalConnection } from './journal/journal-connection';
import type { StatementState } from './journal/recorded-statement';
import { Lease } from './lease/lease';
import { leaseRowOf, readHolder } from './lease/lease-statements';
import { migrationTables } from './tables';

/** Where migrations are kept. */
export interface StatusOptions {
  /** Opens a connection to the cluster. */
  readonly open: OpenConnection;
  /** That of the ORM's own table of migrations, where it is not the first of the search_path. */
  readonly schema?: string | undefined;
}

/** A statement that a half-done migration has stopped at. */
export interface StoppedStatement {
  readonly position: number;
  readonly sql: string;
  readonly state: StatementState;
  readonly attempt: number;
  readonly error: string | null;
}

/** A migration that was interrupted, or is being run. */
export interface HalfDoneMigration {
  /** The ORM's own table of migrations. */
  readonly history: string;
  readonly migration: string;
  readonly direction: Direction;
  readonly run: number;
  readonly startedAt: Date;
  /** How many of its statements are finished. */
  readonly finished: number;
  /** Those that are not, or have failed. */
  readonly stopped: readonly StoppedStatement[];
}

/** An asynchronous job of Aurora DSQL that has not ended. It may be of any session. */
export interface RunningJob {
  readonly jobId: string;
  /** Such as `INDEX_BUILD` and `VALIDATE_CONSTRAINT`. */
  readonly type: string;
  /** What it builds or validates, with its schema. */
  readonly object: string | null;
  /** `submitted` or `processing`. */
  readonly status: string;
  readonly startedAt: Date;
}

/** What is under way. */
export interface MigrationStatus {
  /** Who changes the schema at the moment. */
  readonly holder: LeaseHolder | undefined;
  readonly halfDone: readonly HalfDoneMigration[];
  /** The jobs that run, but for those that Aurora DSQL starts by itself. */
  readonly jobs: readonly RunningJob[];
}

/** How long a statement is tried here, in milliseconds: a person waits. */
export const PATIENCE_MS = 30_000;

/** How long the lease is taken for, in milliseconds. */
export const LEASE_MS = 30_000;

/** ANALYZE and DROP appear by themselves (recorded from a cluster, 2026-09). */
const RUNNING_JOBS = `SELECT job_id AS "jobId", job_type AS type, object_name AS object, status, start_time AS "startedAt" FROM sys.jobs WHERE status IN ('submitted', 'processing') AND job_type NOT IN ('ANALYZE', 'DROP') ORDER BY start_time, job_id`;

/** Reads who changes the schema, which jobs run, and which migrations are half-done. */
export async function migrationStatus({ open, schema }: StatusOptions): Promise<MigrationStatus> {
  const tables = migrationTables(schema);
  const connection = new JournalConnection(open, tables, PATIENCE_MS);
  try {
    const [lease] = await connection.readIfThere(readHolder(tables));
    const holder = lease === undefined ? undefined : leaseRowOf(lease);
    const runs = await connection.readIfThere({
      text: `SELECT history, migration, direction, run, started_at AS "startedAt", (SELECT count(*)::int FROM ${tables.statement} AS s WHERE s.history = m.history AND s.migration = m.migration AND s.run = m.run AND s.state = 'done' AND s.kind <> 'read') AS finished FROM ${tables.migration} AS m WHERE m.state = 'running' ORDER BY m.started_at`,
      values: [],
    });
    const halfDone: HalfDoneMigration[] = [];
    for (const run of runs as unknown as Omit<HalfDoneMigration, 'stopped'>[]) {
      const stopped = await connection.run({
        text: `SELECT position, sql, state, attempt, error FROM ${tables.statement} WHERE history = $1 AND migration = $2 AND run = $3::int AND state <> 'done' ORDER BY position, step`,
        values: [run.history, run.migration, String(run.run)],
      });
      halfDone.push({ ...run, stopped: stopped as unknown as StoppedStatement[] });
    }
    const jobs = await connection.run({ text: RUNNING_JOBS, values: [] });
    return {
      holder: holder?.held === true ? holder : undefined,
      halfDone,
      jobs: jobs as unknown as RunningJob[],
    };
  } finally {
    await connection.end();
  }
}

/** What a person says became of a half-done migration. */
export interface Resolution extends StatusOptions {
  readonly migration: string;
  /** `done`: all of it is in the database; `undone`: nothing of it is. */
  readonly as: 'done' | 'undone';
  /** Takes the lease from a process whose lease has not ended. */
  readonly steal?: boolean | undefined;
}

/**
 * Ends a half-done migration that a person has finished or undone by hand, and records it in the ORM's own table, or
 * deletes its record there.
 *
 * @returns the half-done migration, as it was
 * @throws RangeError when there is no half-done migration of that name
 * @throws LeaseHeldError when another process changes the schema
 */
export async function resolveMigration(resolution: Resolution): Promise<HalfDoneMigration> {
  const { open, schema, migration, as, steal } = resolution;
  const { halfDone } = await migrationStatus(resolution);
  const run = halfDone.find((each) => each.migration === migration);
  if (run === undefined) {
    throw new RangeError(`There is no half-done migration ${JSON.stringify(migration)}.`);
  }
  const connection = new JournalConnection(open, migrationTables(schema), PATIENCE_MS);
  try {
    const lease = await Lease.take(connection, { leaseMs: LEASE_MS, whileHeld: 'fail', steal });
    try {
      if (lease !== undefined) await record(resolution, run, new Journal(connection, lease, run.history), as);
    } finally {
      await lease?.release();
    }
  } finally {
    await connection.end();
  }
  return run;
}

/** The record and the end of the run are one transaction. */
async function record(
  { open, schema }: StatusOptions,
  { history, migration, run }: HalfDoneMigration,
  journal: Journal,
  as: 'done' | 'undone',
): Promise<void> {
  const table = quotedTable({ schema, name: history });
  const client = await open();
  const rows = async (text: string, values: readonly (string | null)[]) =>
    (await client.query<Record<string, unknown>>(text, [...values])).rows;
  try {
    await retryOnConflict(async () => {
      await client.query('BEGIN');
      try {
        const isRecorded = (await rows(`SELECT 1 FROM ${table} WHERE name = $1`, [migration])).length > 0;
        // TypeORM keeps with the name when the migration was written, which is its end.
        const columns = await rows(
          `SELECT 1 FROM pg_catalog.pg_attribute WHERE attrelid = $1::regclass AND attname = 'timestamp'`,
          [table],
        );
        const [names, values] =
          columns.length > 0 ? ['timestamp, name', [migration.slice(-13), migration]] : ['name', [migration]];
        if (as === 'undone') await rows(`DELETE FROM ${table} WHERE name = $1`, [migration]);
        else if (!isRecorded) {
          const places = values.map((_, index) => `$${index + 1}`).join(', ');
          await rows(`INSERT INTO ${table} (${names}) VALUES (${places})`, values);
        }
        await journal.resolveWith({ migration, run }, rows);
        await client.query('COMMIT');
      } catch (error) {
        await client.query('ROLLBACK').catch(() => undefined);
        throw error;
      }
    });
  } finally {
    await client.end();
  }
}
