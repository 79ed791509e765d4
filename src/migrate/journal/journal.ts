import { HalfDoneMigrationError, LeaseLostError, StatementDoneError } from '../errors';
import type { Lease } from '../lease/lease';
import { codeChecksum, keptCode } from './migration-code';
import { heldBy, whileHeld } from '../lease/lease-statements';
import type { JournalConnection, JournalRow, JournalStatement } from './journal-connection';
import { arraysIn, noteArrays, readArrays } from './noted-arrays';
import { enumsIn, noteEnum, readEnums } from './noted-enums';
import type { RecordedStatement } from './recorded-statement';
import type { ArrayChange, EnumChange } from '../../schema';
import type { ArrayColumn, EnumFacts } from '../../sql';
import { sqlStateOf } from '../../occ';

/** Which way a migration is run. */
export type Direction = 'up' | 'down';

/** A run of a migration, up or down. It goes on in the next process until the migration is recorded. */
export interface JournalledRun {
  readonly migration: string;
  readonly direction: Direction;
  /** Counts the runs of the migration, from 1. */
  readonly run: number;
  /** Of the migration, where it is known. */
  readonly code: string | null;
  /** Whether it begins now, and is to be noted. */
  readonly isNew: boolean;
  /** What was journalled of it so far. */
  readonly statements: readonly RecordedStatement[];
}

/** What became of a run: `resolved` by a person. */
export type RunState = 'running' | 'done' | 'resolved';

/** How the answer of a statement in a transaction comes back. */
export type RunInTransaction = (
  text: string,
  values: readonly (string | null)[],
) => Promise<readonly JournalRow[]>;

/** Rows of one run that go into the journal together. */
export interface JournalEntry {
  readonly run: JournalledRun;
  readonly statements: readonly RecordedStatement[];
  /** The run begins. */
  readonly isBegin: boolean;
  /** The run is over: its migration is recorded in the same transaction. */
  readonly isEnd: boolean;
  /** What it has made of types, where it is over. */
  readonly types?: TypeChanges | undefined;
}

/** What a migration has made of types that Aurora DSQL does not have. */
export interface TypeChanges {
  readonly enums: readonly EnumChange[];
  readonly arrays: readonly ArrayChange[];
}

/** Such types, as migrations have made them. */
export interface NotedTypes {
  readonly enums: readonly EnumFacts[];
  readonly arrays: readonly ArrayColumn[];
}

const INSUFFICIENT_PRIVILEGE = '42501';

/** A transaction may change 3,000 rows; many parameters make long messages. */
const ROWS_AT_ONCE = 100;

/**
 * What the migrations of one history have done, statement by statement, in the database that they change.
 *
 * Each write is done only as long as the lease is held, which its statement or its transaction itself finds out.
 */
export class Journal {
  readonly history: string;
  readonly lease: Lease;
  readonly #connection: JournalConnection;
  /** Counts what has gone into the journal. */
  #progress = 0;

  /** @param history - what the ORM calls its table of migrations */
  constructor(connection: JournalConnection, lease: Lease, history: string) {
    this.#connection = connection;
    this.lease = lease;
    this.history = history;
  }

  /** Counts up with everything that is done for good. */
  get progress(): number {
    return this.#progress;
  }

  /**
   * Finds the run of a migration that was not ended, or makes a new one.
   *
   * @throws HalfDoneMigrationError when the migration was run the other way, and not to its end
   */
  async find(migration: string, direction: Direction, code: string | null): Promise<JournalledRun> {
    const { tables } = this.#connection;
    const [last] = await this.#connection.run({
      text: `SELECT run, direction, state FROM ${tables.migration} WHERE history = $1 AND migration = $2 ORDER BY run DESC LIMIT 1`,
      values: [this.history, migration],
    });
    const isNew = last?.state !== 'running';
    if (!isNew && last.direction !== direction) {
      throw new HalfDoneMigrationError(migration, last.direction as Direction);
    }
    const run = Number(last?.run ?? 0) + (isNew ? 1 : 0);
    const statements = isNew ? [] : await this.#statementsOf(migration, run);
    return { migration, direction, run, code, isNew, statements };
  }

  /** Notes that a run begins. */
  async begin(run: JournalledRun): Promise<void> {
    await this.#write(this.#begin(run));
  }

  /**
   * Makes sure that no other migration is half-done.
   *
   * @param mayBeOpen - tells which may be
   * @throws HalfDoneMigrationError for the first one that is
   */
  async expectOnly(
    mayBeOpen: (run: Pick<JournalledRun, 'migration' | 'direction'>) => boolean,
  ): Promise<void> {
    for (const run of await this.openRuns()) {
      if (!mayBeOpen(run)) throw new HalfDoneMigrationError(run.migration, run.direction);
    }
  }

  /** The runs that have not come to their end, the oldest first. */
  async openRuns(): Promise<readonly Pick<JournalledRun, 'migration' | 'direction'>[]> {
    const rows = await this.#connection.run({
      text: `SELECT migration, direction FROM ${this.#connection.tables.migration} WHERE history = $1 AND state = 'running' ORDER BY started_at`,
      values: [this.history],
    });
    return rows as unknown as readonly Pick<JournalledRun, 'migration' | 'direction'>[];
  }

  /** The checksums of the migrations that were run up to their end, and not down again, by their names. */
  async checksums(): Promise<ReadonlyMap<string, string>> {
    const rows = await this.#connection.run({
      text: `SELECT migration, checksum FROM ${this.#connection.tables.migration} AS m WHERE history = $1 AND state = 'done' AND direction = 'up' AND checksum IS NOT NULL AND NOT EXISTS (SELECT 1 FROM ${this.#connection.tables.migration} AS l WHERE l.history = m.history AND l.migration = m.migration AND l.run > m.run) ORDER BY migration`,
      values: [this.history],
    });
    return new Map(rows.map(({ migration, checksum }) => [String(migration), String(checksum)]));
  }

  /** What is kept of the code of migrations that were run up to their end, by their names. */
  async codeOf(migrations: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const names = migrations.map((_, index) => `$${index + 2}`).join(', ');
    const rows = await this.#connection.run({
      text: `SELECT migration, code FROM ${this.#connection.tables.migration} WHERE history = $1 AND migration IN (${names}) AND state = 'done' AND direction = 'up' AND code IS NOT NULL ORDER BY run`,
      values: [this.history, ...migrations],
    });
    return new Map(rows.map(({ migration, code }) => [String(migration), String(code)]));
  }

  /** Notes what becomes of statements, at once. */
  async note(run: JournalledRun, statements: readonly RecordedStatement[]): Promise<void> {
    for (const part of parts(statements)) {
      await this.#write(this.#upsert(run, part, false));
      this.#progress += part.filter(({ state }) => state === 'done').length;
    }
  }

  /**
   * Notes statements in the transaction in which they were done.
   *
   * @param run - runs a statement in it
   * @throws StatementDoneError when they had been done before
   * @throws LeaseLostError when another process has the lease
   */
  async noteWith(entries: readonly JournalEntry[], run: RunInTransaction): Promise<void> {
    await this.lease.hold();
    for (const entry of entries) {
      if (entry.isBegin) {
        const { text, values } = this.#begin(entry.run);
        if ((await run(text, values)).length === 0) await this.#refuse();
      }
      for (const part of parts(entry.statements)) {
        const { text, values } = this.#upsert(entry.run, part, true);
        const rows = await run(text, values);
        if (rows.length < part.length) await this.#refuse();
      }
      for (const { text, values } of this.#ofTypes(entry.types)) await run(text, values);
      if (!entry.isEnd) continue;
      const { text, values } = this.#end(entry.run, 'done');
      if ((await run(text, values)).length === 0) await this.#refuse();
    }
  }

  /**
   * The enum types and the columns of arrays that migrations have made, of any history.
   *
   * @returns nothing where they are not kept: the role may neither make the tables nor read them. Earlier versions had none
   */
  async types(): Promise<NotedTypes | undefined> {
    const { tables } = this.#connection;
    try {
      const enums = enumsIn(await this.#connection.run(readEnums(tables)));
      return { enums, arrays: arraysIn(await this.#connection.run(readArrays(tables))) };
    } catch (error) {
      if (sqlStateOf(error) !== INSUFFICIENT_PRIVILEGE) throw error;
      return undefined;
    }
  }

  #ofTypes({ enums, arrays }: TypeChanges = { enums: [], arrays: [] }): readonly JournalStatement[] {
    const { tables } = this.#connection;
    return [
      ...enums.map((type) => noteEnum(tables, this.#held, type)),
      ...noteArrays(tables, this.#held, arrays),
    ];
  }

  /** Reads the catalogue on the connection of the journal. */
  readCatalogue(sql: string): Promise<readonly JournalRow[]> {
    return this.#connection.readCatalogue(sql);
  }

  /** What was noted in a transaction is committed. */
  noteCommit(): void {
    this.#progress++;
  }

  /**
   * Ends a run of which a person says what became, in the transaction in which that is recorded.
   *
   * @param runStatement - runs a statement in it
   * @throws LeaseLostError when another process has the lease
   */
  async resolveWith(
    run: Pick<JournalledRun, 'migration' | 'run'>,
    runStatement: RunInTransaction,
  ): Promise<void> {
    const { text, values } = this.#end({ ...run, code: null }, 'resolved');
    if ((await runStatement(text, values)).length === 0) await this.#refuse();
  }

  /** Ends all runs that are open. */
  async forget(): Promise<void> {
    const { tables } = this.#connection;
    await this.#connection.run({
      text: `${whileHeld(tables, 1)} UPDATE ${tables.migration} AS m SET state = 'resolved', ended_at = now(), fence = held.fence FROM held WHERE m.history = $3 AND m.state = 'running'`,
      values: [...this.#held, this.history],
    });
  }

  /** Which of two reasons kept a statement of the journal from writing. */
  async #refuse(): Promise<never> {
    await this.lease.verify();
    throw new StatementDoneError();
  }

  #begin({ migration, run, direction, code }: JournalledRun): JournalStatement {
    const { tables } = this.#connection;
    return {
      text: `${whileHeld(tables, 1)} INSERT INTO ${tables.migration} (history, migration, run, direction, state, checksum, code, fence) SELECT $3, $4, $5::int, $6, 'running', $7, $8, fence FROM held ON CONFLICT (history, migration, run) DO UPDATE SET fence = excluded.fence RETURNING 1`,
      values: [...this.#held, this.history, migration, String(run), direction, ...codeValues(code)],
    };
  }

  /** A half-done migration may have been corrected since it was begun: its code is that of its end. */
  #end(
    { migration, run, code }: Pick<JournalledRun, 'migration' | 'run' | 'code'>,
    state: RunState,
  ): JournalStatement {
    const { tables } = this.#connection;
    return {
      text: `${whileHeld(tables, 1)} UPDATE ${tables.migration} AS m SET state = $3, ended_at = now(), fence = held.fence, checksum = coalesce($7, m.checksum), code = CASE WHEN $7 IS NULL THEN m.code ELSE $8 END FROM held WHERE m.history = $4 AND m.migration = $5 AND m.run = $6::int AND m.state = 'running' RETURNING 1`,
      values: [...this.#held, state, this.history, migration, String(run), ...codeValues(code)],
    };
  }

  get #held(): readonly string[] {
    return heldBy(this.lease.fence);
  }

  async #write(statement: JournalStatement): Promise<void> {
    await this.lease.hold();
    const rows = await this.#connection.run(statement);
    if (rows.length === 0) throw new LeaseLostError();
  }

  /** @param isOnce - whether what is done already is left alone */
  #upsert(
    { migration, run }: JournalledRun,
    statements: readonly RecordedStatement[],
    isOnce: boolean,
  ): JournalStatement {
    const { tables } = this.#connection;
    const values: (string | null)[] = [...this.#held, this.history, migration, String(run)];
    const place = (value: string | number | null, type: string) => {
      values.push(value === null ? null : String(value));
      return `$${values.length}::${type}`;
    };
    const rows = statements.map(
      ({ position, step, hash, kind, sql, state, attempt, jobId, result, error }) =>
        `(${[
          place(position, 'int'),
          place(step, 'int'),
          place(hash, 'text'),
          place(kind, 'text'),
          place(sql, 'text'),
          place(state, 'text'),
          place(attempt, 'int'),
          place(jobId, 'text'),
          place(result, 'text'),
          place(error, 'text'),
        ].join(', ')})`,
    );
    const columns = 'position, step, hash, kind, sql, state, attempt, job_id, result, error';
    const changes = ['hash', 'kind', 'sql', 'state', 'attempt', 'job_id', 'result', 'error', 'fence']
      .map((column) => `${column} = excluded.${column}`)
      .join(', ');
    const unlessDone = isOnce ? " WHERE s.state <> 'done'" : '';
    return {
      text: `${whileHeld(tables, 1)} INSERT INTO ${tables.statement} AS s (history, migration, run, ${columns}, fence) SELECT $3, $4, $5::int, ${columns
        .split(', ')
        .map((column) => `v.${column}`)
        .join(
          ', ',
        )}, held.fence FROM held CROSS JOIN (VALUES ${rows.join(', ')}) AS v (${columns}) ON CONFLICT (history, migration, run, position, step) DO UPDATE SET ${changes}, updated_at = now()${unlessDone} RETURNING 1`,
      values,
    };
  }

  async #statementsOf(migration: string, run: number): Promise<readonly RecordedStatement[]> {
    const rows = await this.#connection.run({
      text: `SELECT position, step, hash, kind, sql, state, attempt, job_id AS "jobId", result, error FROM ${this.#connection.tables.statement} WHERE history = $1 AND migration = $2 AND run = $3::int ORDER BY position, step`,
      values: [this.history, migration, String(run)],
    });
    return rows as unknown as readonly RecordedStatement[];
  }
}

function* parts(statements: readonly RecordedStatement[]): Generator<readonly RecordedStatement[]> {
  for (let at = 0; at < statements.length; at += ROWS_AT_ONCE) yield statements.slice(at, at + ROWS_AT_ONCE);
}

/** What is noted of the code of a migration: its checksum, and its text. */
function codeValues(code: string | null): readonly [checksum: string | null, code: string | null] {
  return code === null ? [null, null] : [codeChecksum(code), keptCode(code)];
}
