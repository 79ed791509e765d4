import { sleep } from './real-time';
import { BackendError } from './session/backend-link';
import type { Superuser } from './superuser';

/** What a job runner works with. */
export interface JobRunnerParts {
  readonly superuser: Superuser;
  /** The time by which jobs take theirs, and are forgotten. */
  readonly clock: () => Date;
  /** How long every job takes, in milliseconds by `clock`. */
  readonly durationMs: number;
  /** Says why the build of an index on a table, given as `schema.name`, is to fail. */
  readonly failIndexBuild: (table: string) => string | undefined;
}

/** One job, from its commit until it is forgotten. */
interface Job {
  readonly id: string;
  readonly dueAt: number;
  state: 'waiting' | 'started' | 'ended';
  endedAt: number;
  /** Why it is to fail. */
  failure: string | null;
}

/** How often it is looked whether a job is due, can have its table, or lost its index. */
const TICK_MS = 20;
/** The same for jobs that have ended. */
const FORGET_TICK_MS = 1000;
/** AWS user guide, "Asynchronous indexes", 2026-09-15. */
const REMEMBERED_MS = 30 * 60_000;

/** Does the work of asynchronous jobs, each when its time has passed, in the order they were committed. */
export class JobRunner {
  readonly #parts: JobRunnerParts;
  readonly #stopping = new AbortController();
  #jobs: Job[] = [];
  #running: Promise<void> | undefined;
  #wake: () => void = () => undefined;

  constructor(parts: JobRunnerParts) {
    this.#parts = parts;
  }

  /** Takes on a job; one that was rolled back after all is passed over. */
  run(id: string): void {
    const dueAt = this.#now() + this.#parts.durationMs;
    this.#jobs.push({ id, dueAt, state: 'waiting', endedAt: 0, failure: null });
    this.#wake();
    this.#running ??= this.#work().finally(() => {
      this.#running = undefined;
    });
  }

  /** Leaves the jobs that are not done as they are. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  #now(): number {
    return this.#parts.clock().getTime();
  }

  async #work(): Promise<void> {
    const { signal } = this.#stopping;
    try {
      while (!signal.aborted && this.#jobs.length > 0) {
        for (const job of this.#jobs) if (job.state !== 'ended') await this.#advance(job);
        await this.#forget();
        await this.#pause(this.#jobs.every(({ state }) => state === 'ended') ? FORGET_TICK_MS : TICK_MS);
      }
    } catch {
      // Without PostgreSQL there are no jobs, and stopping ends the wait.
    }
  }

  /** Waits, but not when a new job comes. Jobs that have ended are no reason to keep the process alive. */
  async #pause(ms: number): Promise<void> {
    const waking = new AbortController();
    this.#wake = () => {
      waking.abort();
    };
    const signal = AbortSignal.any([this.#stopping.signal, waking.signal]);
    await sleep(ms, undefined, { signal, ref: ms === TICK_MS }).catch(() => undefined);
  }

  /** Takes a job as far as it gets now. */
  async #advance(job: Job): Promise<void> {
    const { superuser, failIndexBuild } = this.#parts;
    if (job.state === 'waiting') {
      job.state = 'started';
      const [started] = await superuser.query(
        'SELECT job_type, table_name FROM pg_dsql_local.start_job($1)',
        [job.id],
      );
      const [type, table] = started ?? [];
      if (type === 'INDEX_BUILD' && table) job.failure = failIndexBuild(table) ?? null;
    }
    if (this.#now() < job.dueAt && (await this.#isWanted(job))) return;
    const [row] = await this.#finish(job);
    const [status = null] = row ?? [];
    if (status === 'processing') return; // a transaction that is open has the table locked
    job.state = 'ended';
    job.endedAt = this.#now();
  }

  /** Whether what the job works on is still there. */
  async #isWanted({ id }: Job): Promise<boolean> {
    const sql = `SELECT FROM pg_dsql_local.job j JOIN pg_catalog.pg_class c ON c.oid = j.object_id WHERE job_id = $1`;
    return (await this.#parts.superuser.query(sql, [id])).length > 0;
  }

  async #finish(job: Job): Promise<(string | null)[][]> {
    try {
      return await this.#parts.superuser.query('SELECT pg_dsql_local.finish_job($1, $2)', [
        job.id,
        job.failure,
      ]);
    } catch (error) {
      if (!(error instanceof BackendError)) throw error;
      if (error.sqlstate !== '40001') job.failure = error.message;
      return [['processing']];
    }
  }

  /** A cluster deletes what it knows of a job 30 minutes after its end. */
  async #forget(): Promise<void> {
    const isOld = ({ state, endedAt }: Job) => state === 'ended' && this.#now() - endedAt >= REMEMBERED_MS;
    const old = this.#jobs.filter(isOld);
    if (old.length === 0) return;
    this.#jobs = this.#jobs.filter((job) => !isOld(job));
    for (const { id } of old) {
      await this.#parts.superuser.query('SELECT pg_dsql_local.forget_job($1)', [id]);
    }
  }
}
