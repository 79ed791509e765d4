import { DsqlError } from '../connection';

/** An asynchronous job of Aurora DSQL, as `sys.jobs` shows it. */
export interface SchemaJob {
  readonly jobId: string;
  /** The statement that started it. */
  readonly sql: string;
  /** `failed`, or `forgotten` where neither `sys.jobs` nor the catalogue has it. */
  readonly status: string;
  /** Why it failed, in the words of Aurora DSQL. */
  readonly details: string;
}

/** An asynchronous job failed: an index was not built, or rows violate a constraint. */
export class SchemaJobError extends DsqlError {
  override readonly name = 'SchemaJobError';

  /**
   * @param job - the job that failed
   * @param outcome - what was done about it and what to do next, as sentences
   */
  constructor(
    readonly job: SchemaJob,
    outcome: string,
  ) {
    super(`The job ${job.jobId} of "${job.sql}" ended as ${job.status}: ${job.details}. ${outcome}`);
  }
}

/** What the rows violate that a failed job was to see to. */
export type JobViolation = 'unique' | 'foreign key' | 'other';

function violationOf({ job: { sql, details } }: SchemaJobError): JobViolation {
  if (/^\s*CREATE UNIQUE INDEX/i.test(sql)) return 'unique';
  return /foreign key/i.test(details) ? 'foreign key' : 'other';
}

/**
 * Runs `work`; a job that failed becomes an error that the users of an ORM know from PostgreSQL.
 *
 * @param hostError - makes it
 */
export async function reportJobs(
  work: () => Promise<void>,
  hostError: (error: SchemaJobError, violation: JobViolation) => Error,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw isSchemaJobError(error) ? hostError(error, violationOf(error)) : error;
  }
}

/** Whether `error` is a {@link SchemaJobError}. */
export function isSchemaJobError(error: unknown): error is SchemaJobError {
  return error instanceof SchemaJobError;
}
