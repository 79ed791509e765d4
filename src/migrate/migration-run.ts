import { classifyError, COMMIT_MARKER_TABLE } from '../occ';
import { isTransaction, isUntilDone, sentInstead, type PlannedChange } from '../schema';
import { loadParser, parseQuery, summarizeText, type DsqlStatement } from '../sql';
import { BatchSteps } from './batches/batch-steps';
import type { TableBatches } from './batches/table-batches';
import { lookedAt } from './dry-run/reads';
import type { Journal, JournalledRun, RunInTransaction } from './journal/journal';
import { labelOf, MAX_TEXT_LENGTH, type RecordedStatement } from './journal/recorded-statement';
import { Replay, type RecordedCall } from './journal/replay';
import { resultOf, resultText } from './journal/result-text';
import { statementHash } from './journal/statement-hash';
import type { MigrationCalls } from './migration-calls';
import type { MigrationSession, MigrationStatement } from './migration-session';
import { patiently } from './patience';
import type { TellStep } from './progress';
import { SchemaSteps } from './schema-steps';
import { Turns } from './turns';

/** A call of the migration's code that is to be carried out. */
interface Call {
  readonly position: number;
  readonly hash: string;
}

/** What holds for the session alone is done again by each process. */
const OF_SESSION: ReadonlySet<string> = new Set(['SET', 'RESET', 'DISCARD', 'DEALLOCATE']);

/**
 * One migration that is being carried out, up or down: each statement that its code sends is journalled.
 *
 * What an earlier run has done is not done again: its results are given to the code as they were. A transaction of Aurora
 * DSQL takes one DDL statement and no data with it (recorded from a cluster, 2026-09), so a DDL statement is a transaction
 * of its own; it is noted as begun before and as done after. Changes of data are noted in the transaction in which they
 * are done. What was only read is noted with what is done next.
 *
 * Jobs are started one after the other, and waited for before a statement about the same table, before a transaction,
 * and before the migration is recorded.
 */
export class MigrationRun implements MigrationCalls {
  readonly isDryRun = false;
  readonly #run: JournalledRun;
  readonly #journal: Journal;
  readonly #session: MigrationSession;
  readonly #patienceMs: number;
  readonly #tell: TellStep | undefined;
  readonly #replay: Replay;
  readonly #schema: SchemaSteps;
  #position = 0;
  #positionAtBegin = 0;
  /** What was read and is not noted yet. */
  #reads: RecordedStatement[] = [];
  /** Statements that stay whatever comes. */
  #committed = 0;
  /** Statements in the transaction that is open. */
  #pending = 0;
  #isSplit = false;
  readonly #turns = new Turns();

  constructor(run: JournalledRun, { journal, patienceMs, tell }: RunContext, session: MigrationSession) {
    this.#run = run;
    this.#journal = journal;
    this.#patienceMs = patienceMs;
    this.#tell = tell;
    this.#session = session;
    this.#replay = new Replay(run.migration, run.statements);
    this.#committed = run.statements.filter(({ state, kind }) => state === 'done' && kind !== 'read').length;
    this.#schema = new SchemaSteps(run, { journal, session, tell, takeReads: () => this.#takeReads() });
  }

  /**
   * Carries out a statement of the migration, in turn.
   *
   * @param session - the connection or the transaction in which it is sent
   * @returns its result, or that which it had in an earlier run
   * @throws MigrationChangedError for another statement than was done at its place
   * @throws UnsettledStatementError when it may have been done, and the catalogue does not tell
   */
  statement<Result>(
    statement: MigrationStatement<Result>,
    session: MigrationSession = this.#session,
  ): Promise<Result> {
    const { verb, firstWord } = summarizeText(statement.text);
    const isOurs = statement.text.includes(COMMIT_MARKER_TABLE);
    const isCounted = verb === undefined && !isOurs && !OF_SESSION.has(firstWord);
    if (verb === 'begin') this.#positionAtBegin = this.#position;
    if (verb === 'rollback' && session.isRunAgain) this.rewind(this.#positionAtBegin);
    const position = isCounted ? ++this.#position : 0;
    return this.#turns.take(async () => {
      if (isCounted) return this.#call(position, statement, session);
      if (verb === 'begin') await this.settle();
      const isTranslated = verb === undefined && !isOurs;
      const result = await (isTranslated
        ? this.#sendTranslated(statement, session)
        : statement.send(statement.text));
      if (verb === 'commit' || verb === 'rollback') await this.#schema.transactionEnded(verb === 'commit');
      return result;
    });
  }

  /**
   * Changes rows in batches, in turn. It is one call of the migration; what its batches send is not.
   *
   * @throws as {@link statement}, and as {@link TableBatches.run}
   */
  batches(batches: TableBatches, session: MigrationSession = this.#session): Promise<void> {
    const position = ++this.#position;
    return this.#turns.take(() => this.#carryOutBatches(position, batches, session));
  }

  /** How many calls its code has made so far. */
  get position(): number {
    return this.#position;
  }

  get committed(): number {
    return this.#committed;
  }

  /** What was called behind a position was rolled back, and is going to be called again. */
  rewind(position: number): void {
    this.#position = position;
    this.#replay.rewind(position);
  }

  /** A statement here has failed, or a COMMIT. */
  noteFailure(error: unknown): void {
    this.#turns.noteFailure(error);
  }

  /** Whether an error comes from a statement here, and not from what else the code of the migration does. */
  hasFailedWith(error: unknown): boolean {
    return this.#turns.hasFailedWith(error);
  }

  /**
   * Waits for the jobs that were started.
   *
   * @throws SchemaJobError when one of them failed
   */
  settle(): Promise<void> {
    return this.#schema.settle();
  }

  /**
   * The code of the migration has come to its end.
   *
   * @throws SchemaJobError when a job failed
   * @throws what a statement has failed with that the code did not wait for
   * @throws MigrationChangedError when the code has left out what an earlier run had done
   */
  async end(): Promise<void> {
    await this.#turns.end();
    await this.settle();
    this.#replay.expectComplete();
  }

  /** What there is to say when the migration has failed; nothing when nothing of it has stayed. */
  get remains(): string | undefined {
    if (this.#committed === 0) return undefined;
    const statements = this.#committed === 1 ? 'One statement' : `${this.#committed} statements`;
    return `${statements} of migration "${this.#run.migration}" had been committed before and will stay: Aurora DSQL cannot roll back a committed change of the schema. The migration is not recorded: correct what has failed, and the next run continues behind them.`;
  }

  async #call<Result>(
    position: number,
    statement: MigrationStatement<Result>,
    session: MigrationSession,
  ): Promise<Result> {
    const { text, parameters } = statement;
    const { onlyReads } = summarizeText(text);
    this.#tell?.({ step: 'call', position, sql: text });
    await this.#journal.lease.hold();
    const hash = statementHash(text, parameters);
    const { isInTransaction } = session;
    const recorded = this.#replay.take({ position, hash, text, onlyReads, isInTransaction });
    if (recorded !== undefined) return this.#goOn(recorded, statement, session);
    const call = { position, hash };
    if (!onlyReads) return this.#carryOut(call, statement, session);
    const result = await this.#sendTranslated(statement, session);
    this.#reads.push({ ...noted(call, text, 'read'), result: keptOf(statement, result) });
    return result;
  }

  /** What an earlier run has done of a call stays; the rest is done now. */
  async #goOn<Result>(
    { position, statements }: RecordedCall,
    statement: MigrationStatement<Result>,
    session: MigrationSession,
  ): Promise<Result> {
    const [first] = statements;
    if (first !== undefined && first.kind !== 'read') await statement.recall?.();
    if (statements.every(({ state }) => state === 'done')) {
      const { result = null, kind } = first ?? {};
      // Too long to be kept.
      if (result === null && kind === 'read') return this.#sendTranslated(statement, session);
      return statement.resultOf(result === null ? undefined : resultOf(result));
    }
    if (first !== undefined && statements.length === 1 && first.state === 'failed') {
      return this.#carryOut({ position, hash: first.hash }, statement, session);
    }
    await loadParser();
    await this.#alone(session, () =>
      this.#schema.goOn(statements, (each) => this.#changeDataOf(each, session)),
    );
    return statement.resultOf(undefined);
  }

  async #carryOut<Result>(
    call: Call,
    statement: MigrationStatement<Result>,
    session: MigrationSession,
  ): Promise<Result> {
    const planned = await this.#plan(statement, session);
    if (planned === undefined) return this.#carryOutAs(statement.text, call, statement, session);
    const only = onlyWriteOf(planned);
    if (only !== undefined) return this.#carryOutAs(only, call, statement, session);
    await this.#carryOutAll(planned.statements, call, statement.text, session);
    return statement.resultOf(undefined);
  }

  /** What changes neither data nor the schema: a setting that Aurora DSQL fixes, a function that it lacks. */
  async #sendTranslated<Result>(
    statement: MigrationStatement<Result>,
    session: MigrationSession,
  ): Promise<Result> {
    const planned = await this.#plan(statement, session);
    if (planned === undefined) return statement.send(statement.text);
    const only = onlyWriteOf(planned);
    if (only !== undefined) return statement.send(only);
    for (const { sql } of planned.statements) await session.send(sql);
    return statement.resultOf(undefined);
  }

  /** What takes the place of a statement; nothing where it is sent as it is. Parameters belong to one statement. */
  async #plan(
    { text, parameters, plan }: Pick<MigrationStatement<unknown>, 'text' | 'parameters' | 'plan'>,
    session: MigrationSession,
  ): Promise<PlannedChange | undefined> {
    await loadParser();
    const planned = await plan((sql) => this.#read(sql, session));
    if (typeof planned === 'string') return undefined;
    const hasParameters = parameters !== undefined && !(Array.isArray(parameters) && parameters.length === 0);
    if (hasParameters && onlyWriteOf(planned) === undefined) return undefined;
    this.#session.log(
      `Migration "${this.#run.migration}" instead of ${text.trim()}: ${sentInstead(planned)}`,
    );
    return planned;
  }

  /** In a transaction that holds nothing yet the connection at hand can read outside of it. */
  #read(sql: string, session: MigrationSession): Promise<readonly unknown[]> {
    if (!session.isSplit || !session.isInTransaction) return session.read(sql);
    if (this.#pending === 0) return session.outsideTransaction(() => session.read(sql));
    // What is planned by rows is planned by those that the migration has written, too.
    return lookedAt(sql).isAtRows ? this.#alone(session, () => session.read(sql)) : session.read(sql);
  }

  /** One text, as it is written or as it was translated. */
  async #carryOutAs<Result>(
    sql: string,
    call: Call,
    statement: MigrationStatement<Result>,
    session: MigrationSession,
  ): Promise<Result> {
    const { statements } = parseQuery(sql);
    const isDdl = statements.some(({ kind }) => kind === 'ddl');
    const isRepeated = isUntilDone(sql);
    if (isRepeated && statements.length !== 1) {
      throw new TypeError(
        `Migration "${this.#run.migration}" sends ${statements.length} statements in one query that is to be run "until it touches no row". Send each in a query of its own: ${sql}`,
      );
    }
    if (!isDdl && !isRepeated) {
      await this.#waitForIndexes(sql);
      const recorded = noted(call, sql, 'dml');
      const kept = (result: Result) => keptOf(statement, result);
      return this.#changeData(recorded, session, { send: () => statement.send(sql), kept });
    }
    const kind = isRepeated ? 'repeated' : statements.every(({ async }) => async) ? 'job' : 'ddl';
    const recorded = { ...noted(call, sql, kind), sql, state: 'planned' } as const;
    let result: Result | undefined;
    await this.#alone(session, () =>
      this.#schema.carryOut(recorded, async () => {
        if (isRepeated) return { answer: await this.#session.send(sql), result: null };
        result = await statement.send(sql);
        return { answer: statement.answerOf(result), result: keptOf(statement, result) };
      }),
    );
    this.#committed++;
    return result ?? statement.resultOf(undefined);
  }

  /** Several statements, in the place of one text. */
  async #carryOutAll(
    statements: readonly DsqlStatement[],
    call: Call,
    text: string,
    session: MigrationSession,
  ): Promise<void> {
    const steps = statements
      // What changes the schema is a transaction of its own, and so is each change of data.
      .filter(({ kind }) => kind !== 'transaction')
      .map((each, index): RecordedStatement => {
        const kind = each.repeat !== undefined && each.repeat.key.length > 0 ? 'repeated' : each.kind;
        return { ...noted(call, each.sql, kind), step: index + 1, sql: each.sql, state: 'planned' };
      });
    if (steps.length === 0) {
      await this.#changeData(noted(call, text, 'dml'), session, { send: () => Promise.resolve() });
      return;
    }
    const tooLong = steps.find(({ sql }) => sql.length > MAX_TEXT_LENGTH);
    if (tooLong !== undefined) {
      throw new TypeError(
        `Migration "${this.#run.migration}" sends a text of ${tooLong.sql.length} characters that changes the schema; the journal keeps at most ${MAX_TEXT_LENGTH}. Send its statements in queries of their own.`,
      );
    }
    const carryOut = () => this.#schema.goOn(steps, (each) => this.#changeDataOf(each, session));
    await (steps.every(({ kind }) => kind === 'dml') ? carryOut() : this.#alone(session, carryOut));
    this.#committed += steps.filter(({ kind }) => kind !== 'dml').length;
  }

  /** ON CONFLICT finds a unique index only when that is built. */
  async #waitForIndexes(sql: string): Promise<void> {
    if (/\bON\s+CONFLICT\b/i.test(sql)) await this.settle();
  }

  /** A change of data, noted in its transaction. */
  async #changeDataOf(recorded: RecordedStatement, session: MigrationSession): Promise<unknown> {
    await this.#waitForIndexes(recorded.sql);
    return this.#changeData(recorded, session);
  }

  async #changeData<Result>(
    recorded: RecordedStatement,
    session: MigrationSession,
    change?: DataChange<Result>,
  ): Promise<Result> {
    const send = change?.send ?? (() => session.send(recorded.sql) as Promise<Result>);
    const done = (result: Result): RecordedStatement => ({
      ...recorded,
      sql: labelOf(recorded.sql),
      state: 'done',
      attempt: recorded.attempt + 1,
      result: change?.kept?.(result) ?? null,
    });
    if (session.isInTransaction) {
      const result = await send();
      session.entries.add(this.#run, [...this.#takeReads(), done(result)]);
      this.#pending++;
      return result;
    }
    const reads = this.#takeReads();
    const once = async (run: RunInTransaction) => {
      const result = await send();
      const statements = [...reads, done(result)];
      await this.#journal.noteWith([{ run: this.#run, statements, isBegin: false, isEnd: false }], run);
      return result;
    };
    const result = await patiently(() => session.inTransaction(once), {
      patienceMs: this.#patienceMs,
      // After anything else it may have been committed.
      mayTryAgain: (error) => classifyError(error).isRetryable,
    });
    this.#journal.noteCommit();
    this.#committed++;
    return result;
  }

  async #carryOutBatches(position: number, batches: TableBatches, session: MigrationSession): Promise<void> {
    const { text } = batches;
    this.#tell?.({ step: 'call', position, sql: text });
    await this.#journal.lease.hold();
    const { isInTransaction } = session;
    const hash = statementHash(text, undefined);
    const recorded = this.#replay.take({ position, hash, text, onlyReads: false, isInTransaction });
    if (recorded?.statements[0]?.state === 'done') return;
    // It goes on where its batches are noted, also when it comes in another order now.
    const call = { position: recorded?.position ?? position, hash };
    const context = {
      run: this.#run,
      journal: this.#journal,
      session,
      patienceMs: this.#patienceMs,
      tell: this.#tell,
      committed: () => {
        this.#committed++;
      },
    };
    const steps = new BatchSteps(context, { ...noted(call, text, 'batches'), state: 'started' });
    await this.#alone(session, async () => {
      await this.settle();
      await steps.carryOut(batches, recorded?.statements ?? [], this.#takeReads());
    });
  }

  /** Does something that is a transaction of its own. */
  async #alone<T>(session: MigrationSession, step: () => Promise<T>): Promise<T> {
    if (!session.isSplit || !session.isInTransaction) return step();
    this.#tellOfSplit();
    return session.outsideTransaction(async () => {
      this.#committed += this.#pending;
      this.#pending = 0;
      const result = await step();
      // The snapshot of the next transaction would never see the job end.
      await this.settle();
      return result;
    });
  }

  #takeReads(): RecordedStatement[] {
    const reads = this.#reads;
    this.#reads = [];
    return reads;
  }

  #tellOfSplit(): void {
    if (this.#isSplit) return;
    this.#isSplit = true;
    this.#session.warn(
      `Migration "${this.#run.migration}" changes the schema in a transaction. A transaction of Aurora DSQL takes one DDL statement and no data with it, so each DDL statement is a transaction of its own, and so are the changes of data between them.`,
    );
  }
}

/** What the runs of migrations have in common. */
export interface RunContext {
  readonly journal: Journal;
  /** How long a statement is tried, in milliseconds. */
  readonly patienceMs: number;
  /** Told of each step; nothing where nobody looks. */
  readonly tell?: TellStep | undefined;
}

/** The only statement that takes the place of a text, unless it has to be a transaction of its own. */
function onlyWriteOf({ statements: [first, ...others] }: PlannedChange): string | undefined {
  return first === undefined || others.length > 0 || isTransaction(first) ? undefined : first.sql;
}

function noted({ position, hash }: Call, sql: string, kind: RecordedStatement['kind']): RecordedStatement {
  const of = { position, step: 1, hash, kind, sql: labelOf(sql) };
  return { ...of, state: 'done', attempt: kind === 'read' ? 1 : 0, jobId: null, result: null, error: null };
}

/** How data is changed. */
interface DataChange<Result> {
  readonly send: () => Promise<Result>;
  /** What is kept of the result. */
  readonly kept?: (result: Result) => string | null;
}

function keptOf<Result>({ kept }: MigrationStatement<Result>, result: Result): string | null {
  const text = resultText(kept === undefined ? result : kept());
  return text.length > MAX_TEXT_LENGTH ? null : text;
}
