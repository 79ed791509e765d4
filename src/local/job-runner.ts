import { setTimeout as sleep } from 'node:timers/promises';
import type { PostgresServer } from './postgres';
import { BackendError, BackendLink } from './session/backend-link';

const RETRY_MS = 20;

/** Does the work of asynchronous jobs, as superuser, one job after the other in the order they were committed. */
export class JobRunner {
  readonly #link: BackendLink;
  readonly #failIndexBuild: (table: string) => string | undefined;
  readonly #stopping = new AbortController();
  #work: Promise<void> = Promise.resolve();

  private constructor(link: BackendLink, failIndexBuild: (table: string) => string | undefined) {
    this.#link = link;
    this.#failIndexBuild = failIndexBuild;
  }

  /** @param failIndexBuild - says why the build of an index on a table, given as `schema.name`, is to fail */
  static async start(
    postgres: PostgresServer,
    failIndexBuild: (table: string) => string | undefined,
  ): Promise<JobRunner> {
    const parameters = new Map([
      ['user', postgres.superuser],
      ['database', 'postgres'],
    ]);
    return new JobRunner(await BackendLink.open(() => postgres.connect(), parameters), failIndexBuild);
  }

  /** Takes on a job; one that was rolled back after all is passed over. */
  run(jobId: string): void {
    this.#work = this.#work.then(() => this.#perform(jobId));
  }

  /** Leaves the jobs that are not done as they are. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#link.close();
    await this.#work;
  }

  async #perform(jobId: string): Promise<void> {
    const { signal } = this.#stopping;
    let failure: string | null = await this.#demandedFailure(jobId);
    while (!signal.aborted) {
      try {
        await this.#statement('SELECT pg_dsql_local.start_job($1)', [jobId]);
        const status = await this.#statement('SELECT pg_dsql_local.finish_job($1, $2)', [jobId, failure]);
        if (status !== 'processing') return;
        // A transaction that is open has the table locked.
        await sleep(RETRY_MS, undefined, { signal });
      } catch (error) {
        // Without PostgreSQL there are no jobs, and stopping ends the wait.
        if (!(error instanceof BackendError)) return;
        if (error.sqlstate !== '40001') failure = error.message;
      }
    }
  }

  async #demandedFailure(jobId: string): Promise<string | null> {
    const table = await this.#statement(
      `SELECT table_name FROM pg_dsql_local.job WHERE job_id = $1 AND job_type = 'INDEX_BUILD'`,
      [jobId],
    );
    return table === null ? null : (this.#failIndexBuild(table) ?? null);
  }

  async #statement(sql: string, parameters: readonly (string | null)[]): Promise<string | null> {
    try {
      const [row] = await this.#link.hidden(sql, parameters);
      return row?.[0] ?? null;
    } finally {
      await this.#link.hiddenExchange([], 'sync');
    }
  }
}
