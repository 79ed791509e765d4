import { isServerError } from '../connection';
import { findInChain, sqlStateOf } from '../occ';
import { isSchemaJobError, progressLine, SchemaRunner, type SchemaProgress } from '../schema';
import { parseQuery, tablesNamed, type DsqlStatement } from '../sql';
import { UnsettledStatementError } from './errors';
import type { Journal, JournalledRun } from './journal/journal';
import type { RecordedStatement } from './journal/recorded-statement';
import type { Answer, MigrationSession } from './migration-session';
import { isPassing } from './patience';
import { estimatedRows, type TellStep } from './progress';
import { settleStatement } from './settle/settle';

/** What a statement answered that was sent, and what of it is kept. */
export interface Sent {
  readonly answer: Answer;
  readonly result: string | null;
}

/** What the statements of a migration that change the schema are carried out with. */
export interface SchemaStepsContext {
  readonly journal: Journal;
  readonly session: MigrationSession;
  /** Told of each step; nothing where nobody looks. */
  readonly tell: TellStep | undefined;
  /** What was read before, and is to be noted with the next statement. */
  readonly takeReads: () => readonly RecordedStatement[];
}

/** What the server says where something is there already, or no more. */
const WAS_DONE: ReadonlySet<string | undefined> = new Set([
  '42P07',
  '42701',
  '42710',
  '42P06',
  '42P01',
  '42703',
  '42704',
  '3F000',
]);

/**
 * The statements of one migration that change the schema: each is noted as begun, carried out, and noted as done. One that
 * was begun by an earlier run is settled by the catalogue first.
 */
export class SchemaSteps {
  readonly #run: JournalledRun;
  readonly #journal: Journal;
  readonly #session: MigrationSession;
  readonly #takeReads: SchemaStepsContext['takeReads'];
  readonly #tell: TellStep | undefined;
  readonly #runner: SchemaRunner;
  /** The statement that is being carried out; what else is sent meanwhile is that of the runner. */
  #current: { readonly sql: string; readonly send: () => Promise<Answer> } | undefined;
  #startedJob: string | undefined;
  /** How many rows there may be for the statement that is repeated. */
  #tableRows: number | undefined;
  readonly #jobs = new Map<string, RecordedStatement>();
  /** What is to be noted with the next statement. */
  #unnoted: RecordedStatement[] = [];
  /** What a transaction that the migration has begun holds of them. */
  #open: RecordedStatement[] = [];

  constructor(run: JournalledRun, { journal, session, tell, takeReads }: SchemaStepsContext) {
    this.#run = run;
    this.#journal = journal;
    this.#session = session;
    this.#takeReads = takeReads;
    this.#tell = tell;
    this.#runner = new SchemaRunner(
      {
        query: (sql) => (this.#current?.sql === sql ? this.#current.send() : session.send(sql)),
      },
      {
        onProgress: (progress) => {
          this.#follow(progress);
        },
      },
    );
  }

  /** Carries out a statement that `send` sends. */
  async carryOut(statement: RecordedStatement, send: () => Promise<Sent>): Promise<void> {
    await this.#begin(statement, send);
    await this.#noteRest();
  }

  /**
   * Carries out those of the statements that are not done.
   *
   * @param changeData - carries out one that changes data
   * @throws UnsettledStatementError for one that may have been done, and of which the catalogue does not tell
   */
  async goOn(
    statements: readonly RecordedStatement[],
    changeData: (statement: RecordedStatement) => Promise<unknown>,
  ): Promise<void> {
    // The whole plan is noted with the first of them.
    if (statements.every(({ state }) => state === 'planned')) this.#unnoted.push(...statements);
    for (const [index, statement] of statements.entries()) {
      const { state, kind, sql } = statement;
      this.#tell?.({ step: 'part', part: index + 1, parts: statements.length, sql });
      // What holds for the session is done again by each process.
      if (kind === 'session') {
        await this.#session.send(sql);
        this.#unnoted.push({ ...statement, state: 'done' });
      } else if (state === 'done') continue;
      else if (kind === 'dml') {
        await this.#noteRest();
        await changeData(statement);
      } else if (state === 'started' && (await this.#isDone(statement))) {
        this.#unnoted.push({ ...statement, state: 'done' });
      } else {
        await this.#begin(statement, async () => ({ answer: await this.#session.send(sql), result: null }));
      }
    }
    await this.#noteRest();
  }

  /**
   * Waits for the jobs that were started.
   *
   * @throws SchemaJobError when one of them failed
   */
  async settle(): Promise<void> {
    if (this.#jobs.size === 0) return;
    try {
      await this.#runner.settle();
    } catch (error) {
      await this.#noteFailure(undefined, error);
      throw error;
    }
    await this.#noteRest();
  }

  /** A transaction that the migration had begun has ended. */
  async transactionEnded(isCommitted: boolean): Promise<void> {
    const open = this.#open;
    this.#open = [];
    const error = isCommitted ? null : 'Its transaction was rolled back.';
    this.#unnoted.push(
      ...open.map((each) => ({
        ...each,
        state: isCommitted ? ('done' as const) : ('failed' as const),
        error,
      })),
    );
    await this.#noteRest();
  }

  async #begin(statement: RecordedStatement, send: () => Promise<Sent>): Promise<void> {
    const { kind } = statement;
    const isAgain = statement.attempt > 0;
    const sql = isAgain && kind === 'job' ? unlessThere(statement.sql) : statement.sql;
    const started: RecordedStatement = {
      ...statement,
      state: 'started',
      attempt: statement.attempt + 1,
      error: null,
    };
    await this.#waitBefore(statement);
    await this.#note(started);
    let result: string | null = null;
    const sendIt =
      sql === statement.sql ? send : async () => ({ answer: await this.#session.send(sql), result });
    try {
      await this.#carryOut(sql, started, async () => {
        const sent = await sendIt();
        ({ result } = sent);
        return sent.answer;
      });
    } catch (error) {
      const mayBeDone = isAgain && WAS_DONE.has(sqlStateOf(error));
      if (!mayBeDone || (await settleStatement(sql, this.#session.read)) !== 'done') {
        await this.#noteFailure(started, error);
        throw error;
      }
    }
    const jobId = this.#startedJob;
    const answered: RecordedStatement = { ...started, result };
    if (jobId !== undefined) {
      this.#startedJob = undefined;
      const running = { ...answered, jobId };
      this.#jobs.set(jobId, running);
      this.#unnoted.push(running);
    } else if (this.#session.isInTransaction) this.#open.push(answered);
    else this.#unnoted.push({ ...answered, state: 'done' });
  }

  /** A job that has ended is noted before what waits for it is sent: later the catalogue may show nothing of it. */
  async #waitBefore({ sql, kind }: RecordedStatement): Promise<void> {
    try {
      await this.#runner.waitBefore({ sql, kind: runnerKind(kind) });
    } catch (error) {
      await this.#noteFailure(undefined, error);
      throw error;
    }
  }

  async #carryOut(sql: string, { kind }: RecordedStatement, send: () => Promise<Answer>): Promise<void> {
    this.#current = { sql, send };
    const isWatched = kind === 'repeated' && this.#tell !== undefined;
    this.#tableRows = isWatched
      ? await estimatedRows(tablesNamed(parseQuery(sql)), this.#session.read)
      : undefined;
    try {
      await this.#runner.run([
        {
          sql,
          kind: runnerKind(kind),
          notes: [],
          start: 0,
          end: sql.length,
          ...(kind === 'repeated' && { repeat: { maxRows: 3000, table: { name: '' }, key: ['*'] } }),
        },
      ]);
    } finally {
      this.#current = undefined;
    }
  }

  async #isDone(statement: RecordedStatement): Promise<boolean> {
    const { kind, sql } = statement;
    if (kind === 'repeated') return false;
    const settlement = await settleStatement(sql, this.#session.read);
    if (settlement === 'done') return true;
    if (settlement === 'not done') return false;
    const reason = settlement === 'unknown' ? 'The catalogue does not tell.' : settlement.differs;
    throw new UnsettledStatementError(this.#run.migration, sql, reason);
  }

  #follow(progress: SchemaProgress): void {
    this.#session.onProgress?.(progress);
    const line = progressLine(progress);
    if (line !== undefined) this.#session.tell(`Migration "${this.#run.migration}": ${line}`);
    this.#tell?.(progress.step === 'batch' ? { ...progress, tableRows: this.#tableRows } : progress);
    if (progress.step === 'job started') this.#startedJob = progress.jobId;
    if (progress.step !== 'job ended') return;
    const job = this.#jobs.get(progress.jobId);
    if (job === undefined) return;
    this.#jobs.delete(progress.jobId);
    this.#unnoted.push({ ...job, state: 'done' });
  }

  /** Notes what has failed, where that is known; the failure is the error to report. */
  async #noteFailure(statement: RecordedStatement | undefined, error: unknown): Promise<void> {
    const job = findInChain(error, isSchemaJobError)?.job;
    const failed = job === undefined ? statement : this.#jobs.get(job.jobId);
    if (job !== undefined) this.#jobs.delete(job.jobId);
    const isKnown =
      job !== undefined || (!isPassing(error) && findInChain(error, isServerError) !== undefined);
    if (failed === undefined || !isKnown) return;
    const message = error instanceof Error ? error.message : String(error);
    await this.#note({ ...failed, state: 'failed', error: message }).catch(() => undefined);
  }

  async #noteRest(): Promise<void> {
    if (this.#unnoted.length > 0) await this.#note();
  }

  /** Notes what is new, the latest of each statement. */
  async #note(statement?: RecordedStatement): Promise<void> {
    const all = [...this.#takeReads(), ...this.#unnoted, ...(statement === undefined ? [] : [statement])];
    const latest = new Map(all.map((each) => [`${each.position} ${each.step}`, each]));
    await this.#journal.note(this.#run, [...latest.values()]);
    this.#unnoted = [];
  }
}

function runnerKind(kind: RecordedStatement['kind']): DsqlStatement['kind'] {
  return kind === 'repeated' || kind === 'read' || kind === 'batches' ? 'dml' : kind;
}

/** An index that is not found built may be one that is being built, or that could not be built. */
function unlessThere(sql: string): string {
  return sql.replace(/^(\s*CREATE (?:UNIQUE )?INDEX ASYNC )(?!IF NOT EXISTS)/i, '$1IF NOT EXISTS ');
}
