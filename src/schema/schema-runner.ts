import type { RangeVar } from 'libpg-query';
import { sleep } from '../connection';
import { isTooMuchAtOnce, partsOf } from '../occ';
import {
  literal,
  parseQuery,
  quoted,
  quotedTable,
  tableNameOf,
  type CatalogIndex,
  type DsqlStatement,
  type TableName,
} from '../sql';
import { isOneOf, readTablesWhere } from './catalogue/read-tables';
import { SchemaJobError } from './schema-job-error';

/**
 * Where the statements are sent: outside a transaction, each a transaction of its own, and sent again after a conflict.
 * One session can be used for all, or a pool.
 */
export interface SchemaSession {
  query(sql: string): Promise<{
    readonly rows: readonly Readonly<Record<string, unknown>>[];
    /** The rows that were changed. */
    readonly rowCount: number;
  }>;
}

/** A step of a change of the schema. */
export type SchemaProgress =
  | { readonly step: 'statement'; readonly sql: string }
  | {
      readonly step: 'batch';
      readonly sql: string;
      /** Rows of this batch. */
      readonly rows: number;
      /** Rows of all batches so far. */
      readonly totalRows: number;
    }
  | { readonly step: 'job started'; readonly sql: string; readonly jobId: string }
  | {
      readonly step: 'job ended';
      readonly sql: string;
      readonly jobId: string;
      readonly elapsedMs: number;
      /** How many jobs are still running. */
      readonly running: number;
    };

/** How a {@link SchemaRunner} works. */
export interface SchemaRunnerOptions {
  readonly onProgress?: ((progress: SchemaProgress) => void) | undefined;
  /** Ends the waiting for jobs; the jobs go on. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The longest wait between two looks at `sys.jobs`, in milliseconds; the first are shorter.
   * @defaultValue 2000
   */
  readonly pollDelayMs?: number | undefined;
}

/** How far a change has come, for the log; nothing for what is sent. */
export function progressLine(progress: SchemaProgress): string | undefined {
  switch (progress.step) {
    case 'job started':
      return `started: ${progress.sql}`;
    case 'job ended': {
      const { sql, elapsedMs, running } = progress;
      return `done after ${Math.round(elapsedMs)} ms, ${running} still running: ${sql}`;
    }
    case 'batch':
      return `${progress.totalRows} rows: ${progress.sql}`;
    default:
      return undefined;
  }
}

interface RunningJob {
  readonly jobId: string;
  readonly sql: string;
  /** Nothing where that is not known: then every statement waits. */
  readonly table: TableName | undefined;
  readonly startedAt: number;
}

const FIRST_POLL_DELAY_MS = 10;

/**
 * Carries out statements that `translate` has made.
 *
 * Jobs are started without waiting for those before them, so that independent indexes are built at the same time; a
 * statement about a table waits for the jobs of that table. They are watched in `sys.jobs`: `sys.wait_for_job` would
 * sit in a transaction, and that ends after five minutes (AWS user guide, quotas, 2026-09-15).
 */
export class SchemaRunner {
  readonly #session: SchemaSession;
  readonly #tell: (progress: SchemaProgress) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #pollDelayMs: number;
  #jobs: readonly RunningJob[] = [];
  /** The statements that drop again the constraints that were added here. */
  readonly #drops = new Set<string>();

  constructor(
    session: SchemaSession,
    { onProgress = () => undefined, signal, pollDelayMs = 2000 }: SchemaRunnerOptions = {},
  ) {
    this.#session = session;
    this.#tell = onProgress;
    this.#signal = signal;
    this.#pollDelayMs = pollDelayMs;
  }

  /**
   * Runs statements in order. Jobs may still be running when it is done: {@link settle} waits for them.
   *
   * @throws SchemaJobError when a job failed that a statement had to wait for
   */
  async run(statements: readonly DsqlStatement[]): Promise<void> {
    for (const statement of statements) {
      this.#signal?.throwIfAborted();
      const { sql, repeat } = statement;
      await this.waitBefore(statement);
      this.#tell({ step: 'statement', sql });
      if (isJob(statement)) await this.#startJob(sql, tableOf(sql));
      else if (repeat !== undefined && repeat.key.length > 0) await this.#repeat(sql);
      else await this.#session.query(sql);
      for (const drop of dropsOfConstraints(sql, 'AT_AddConstraint')) this.#drops.add(drop);
    }
  }

  /**
   * Waits for the jobs that have to end before a statement is sent.
   *
   * @throws SchemaJobError when one of them failed
   */
  async waitBefore(statement: Pick<DsqlStatement, 'sql' | 'kind'>): Promise<void> {
    if (isJob(statement) || this.#jobs.length === 0) return;
    const table = tableOf(statement.sql);
    await this.#waitFor(this.#jobs.filter((job) => mayConcern(job, table)));
  }

  /**
   * Takes on what a statement has answered that was sent elsewhere: {@link settle} waits for its job, if it has one.
   *
   * @param sql - the statement
   * @param rows - its answer
   */
  adoptJob(sql: string, rows: readonly Readonly<Record<string, unknown>>[]): void {
    const jobId = rows[0]?.job_id;
    if (typeof jobId !== 'string') return;
    this.#jobs = [...this.#jobs, { jobId, sql, table: tableOf(sql), startedAt: performance.now() }];
    this.#tell({ step: 'job started', sql, jobId });
  }

  /**
   * Waits for the jobs that are running.
   *
   * @throws SchemaJobError for the first one that failed, when all have ended; a failed index build leaves no index, and
   *   a failed validation no constraint that was added here
   */
  async settle(): Promise<void> {
    await this.#waitFor(this.#jobs);
  }

  async #repeat(sql: string): Promise<void> {
    let totalRows = 0;
    let sent = sql;
    for (;;) {
      this.#signal?.throwIfAborted();
      let rows: number;
      try {
        rows = (await this.#session.query(sent)).rowCount;
      } catch (error) {
        const smaller = isTooMuchAtOnce(error) ? withFewerRows(sent, partsOf(error)) : undefined;
        if (smaller === undefined) throw error;
        sent = smaller;
        continue;
      }
      if (rows === 0) return;
      totalRows += rows;
      this.#tell({ step: 'batch', sql, rows, totalRows });
    }
  }

  async #startJob(sql: string, table: TableName | undefined): Promise<void> {
    const { rows } = await this.#session.query(sql);
    if (typeof rows[0]?.job_id === 'string') {
      this.adoptJob(sql, rows);
      return;
    }
    // The index is there already, but it may be what a failed or an unfinished build has left.
    const name = indexNameOf(sql);
    if (name === undefined || table === undefined) return;
    const index = await this.#invalidIndex(isOneOf([table]), (each) => each.name === name);
    if (index === undefined) return;
    if (index.buildJobId !== null) {
      this.adoptJob(sql, [{ job_id: index.buildJobId }]);
      return;
    }
    await this.#session.query(`DROP INDEX IF EXISTS ${quotedTable(index)}`);
    await this.#startJob(sql, table);
  }

  async #waitFor(awaited: readonly RunningJob[]): Promise<void> {
    const waiting = new Map(awaited.map((job) => [job.jobId, job]));
    let failure: SchemaJobError | undefined;
    for (let delayMs = FIRST_POLL_DELAY_MS; waiting.size > 0; delayMs *= 1.5) {
      await sleep(Math.min(delayMs, this.#pollDelayMs), undefined, { signal: this.#signal });
      for (const { job, status, details, objectId } of await this.#look(waiting)) {
        if (status === 'submitted' || status === 'processing') continue;
        const { jobId, sql } = job;
        waiting.delete(jobId);
        this.#jobs = this.#jobs.filter((running) => running.jobId !== jobId);
        if (status === 'completed') {
          const elapsedMs = performance.now() - job.startedAt;
          this.#tell({ step: 'job ended', sql, jobId, elapsedMs, running: this.#jobs.length });
        } else {
          const outcome = await this.#clearUp(sql, objectId);
          failure ??= new SchemaJobError({ jobId, sql, status, details }, outcome);
        }
      }
    }
    if (failure !== undefined) throw failure;
  }

  async #look(waiting: ReadonlyMap<string, RunningJob>): Promise<readonly JobRow[]> {
    const ids = [...waiting.keys()].map(literal).join(', ');
    const { rows } = await this.#session.query(
      `SELECT job_id, status, details, object_id::text AS object_id FROM sys.jobs WHERE job_id IN (${ids})`,
    );
    const shown = new Map(rows.map((row) => [row.job_id, row]));
    const seen: JobRow[] = [];
    for (const job of waiting.values()) {
      const row = shown.get(job.jobId);
      if (row === undefined) seen.push(await this.#lookForResult(job));
      else {
        const { status, details, object_id: objectId } = row;
        seen.push({ job, status: String(status), details: String(details), objectId: String(objectId) });
      }
    }
    return seen;
  }

  /** Jobs that have ended leave `sys.jobs` after 30 minutes (AWS user guide, 2026-09-15): then their result tells. */
  async #lookForResult(job: RunningJob): Promise<JobRow> {
    const details = 'sys.jobs no longer has it';
    const unknown: JobRow = { job, status: 'forgotten', details, objectId: undefined };
    const index = indexNameOf(job.sql);
    const constraint = validatedBy(job.sql);
    if (job.table === undefined) return unknown;
    const where = isOneOf([job.table]);
    const tables = await readTablesWhere(where, async (sql) => (await this.#session.query(sql)).rows);
    const [found] = tables.flatMap(({ indexes, constraints }) => [
      ...indexes.filter(({ name }) => name === index).map(({ id, valid }) => ({ id, isDone: valid })),
      ...constraints
        .filter(({ name }) => name === constraint)
        .map(({ validated }) => ({ id: undefined, isDone: validated })),
    ]);
    if (found === undefined) return unknown;
    return { ...unknown, status: found.isDone ? 'completed' : 'failed', objectId: found.id };
  }

  /**
   * An index whose build has failed would be in the way of the next one, and a unique one goes on refusing rows. So would
   * a constraint that rows violate.
   */
  async #clearUp(sql: string, objectId: string | undefined): Promise<string> {
    const again = 'Correct the rows and run it again.';
    const [drop] = dropsOfConstraints(sql, 'AT_ValidateConstraint');
    if (drop !== undefined && this.#drops.has(drop)) {
      await this.#session.query(drop);
      return `The constraint was dropped. ${again}`;
    }
    if (objectId === undefined) {
      return 'Look whether its index is valid (pg_index.indisvalid) or its constraint validated (pg_constraint.convalidated).';
    }
    const table = `c.oid = (SELECT indrelid FROM pg_catalog.pg_index WHERE indexrelid = ${literal(objectId)}::oid)`;
    const index = await this.#invalidIndex(table, ({ id }) => id === objectId);
    if (index === undefined) return again;
    await this.#session.query(`DROP INDEX IF EXISTS ${quotedTable(index)}`);
    return `The index ${index.schema}.${index.name}, which stayed invalid, was dropped. ${again}`;
  }

  /** The index among those of a table that is not built, with the schema that both are in. */
  async #invalidIndex(
    where: string,
    isWanted: (index: CatalogIndex) => boolean,
  ): Promise<(CatalogIndex & { readonly schema: string }) | undefined> {
    const tables = await readTablesWhere(where, async (sql) => (await this.#session.query(sql)).rows);
    return tables
      .flatMap(({ schema, indexes }) => indexes.map((index) => ({ ...index, schema })))
      .find((index) => !index.valid && isWanted(index));
  }
}

function isJob({ kind }: Pick<DsqlStatement, 'kind'>): boolean {
  return kind === 'job' || kind === 'validate';
}

interface JobRow {
  readonly job: RunningJob;
  readonly status: string;
  readonly details: string;
  readonly objectId: string | undefined;
}

interface WithRelation {
  readonly relation?: RangeVar;
  readonly idxname?: string;
  readonly cmds?: readonly { readonly AlterTableCmd: AlterTableCommand }[];
}

interface AlterTableCommand {
  readonly subtype?: string;
  /** Of the constraint that is validated. */
  readonly name?: string;
  /** The constraint that is added. */
  readonly def?: { readonly Constraint?: { readonly conname?: string } };
}

/** A repeated write that takes fewer rows at once; nothing where it takes one, or says no number. */
function withFewerRows(sql: string, parts: number): string | undefined {
  const limits = [...sql.matchAll(/(?<=\bLIMIT )[1-9]\d*(?= *\))/g)];
  const [largest] = limits.sort((one, other) => Number(other[0]) - Number(one[0]));
  if (largest === undefined || Number(largest[0]) < 2) return undefined;
  const rows = Math.max(1, Math.floor(Number(largest[0]) / parts));
  return sql.slice(0, largest.index) + String(rows) + sql.slice(largest.index + largest[0].length);
}

const treeOf = (sql: string) => parseQuery(sql).statements[0]?.tree as WithRelation | undefined;

/** The table that a statement changes; nothing for one that names several or none. */
function tableOf(sql: string): TableName | undefined {
  const {
    statements: [statement],
  } = parseQuery(sql);
  // What has another name is to be found complete.
  if (statement?.node === 'RenameStmt') return undefined;
  const relation = (statement?.tree as WithRelation | undefined)?.relation;
  return relation?.relname === undefined ? undefined : tableNameOf(relation);
}

function indexNameOf(sql: string): string | undefined {
  return treeOf(sql)?.idxname;
}

/** The constraint that a statement validates. */
function validatedBy(sql: string): string | undefined {
  return treeOf(sql)?.cmds?.find(({ AlterTableCmd: { subtype } }) => subtype === 'AT_ValidateConstraint')
    ?.AlterTableCmd.name;
}

/** The statements that drop the constraints that a statement adds or validates. */
function dropsOfConstraints(sql: string, subtype: 'AT_AddConstraint' | 'AT_ValidateConstraint'): string[] {
  const { relation, cmds = [] } = treeOf(sql) ?? {};
  if (relation?.relname === undefined) return [];
  const table = quotedTable(tableNameOf(relation));
  return cmds.flatMap(({ AlterTableCmd: command }) => {
    const name = command.subtype === subtype ? (command.name ?? command.def?.Constraint?.conname) : undefined;
    return name === undefined ? [] : [`ALTER TABLE ${table} DROP CONSTRAINT IF EXISTS ${quoted(name)}`];
  });
}

/** A name without a schema may be that of any schema. */
function mayConcern(job: RunningJob, table: TableName | undefined): boolean {
  if (job.table === undefined || table === undefined) return true;
  if (job.table.name !== table.name) return false;
  return job.table.schema === undefined || table.schema === undefined || job.table.schema === table.schema;
}
