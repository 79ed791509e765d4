import { randomUUID } from 'node:crypto';
import { classifyError, type ErrorKind } from '../classify-error';
import { isOccConflict, sqlStateOf } from '../conflict';
import { resolveRetryOptions, retry, type ResolvedRetryOptions } from '../retry';

/** Where the markers are. It is created when the first marker is made; a role that may not create it needs it before. */
export const COMMIT_MARKER_TABLE = 'aurora_dsql_orm_commit_marker';

/**
 * Runs one autocommit statement, on another connection than any transaction's.
 *
 * @returns its rows
 */
export type RunStatement = (
  text: string,
  values: readonly string[],
) => Promise<readonly Readonly<Record<string, unknown>>[]>;

const CREATE_TABLE = `CREATE TABLE IF NOT EXISTS ${COMMIT_MARKER_TABLE} (
  id uuid PRIMARY KEY,
  claimed boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now()
)`;

/** How many markers are deleted at once: a transaction may change 3,000 rows (AWS user guide, quotas, 2026-09-15). */
const BATCH_SIZE = 500;

/** A marker is of no use when its transaction and the caller that settles it are over: 5 minutes each at the most. */
const LEFT_OVER_AFTER = '1 hour';

const UNIQUE_VIOLATION = '23505';
const UNDEFINED_TABLE = '42P01';
const DUPLICATE_TABLE = '42P07';

/** Settling goes on when connections are lost or refused too: it is most likely then. */
const SETTLING: ResolvedRetryOptions = resolveRetryOptions({
  maxAttempts: 1000,
  baseDelayMs: 20,
  maxDelayMs: 1000,
  deadlineMs: 30_000,
  label: 'commit marker',
});

/** What may be over in a moment. */
const PASSING: ReadonlySet<ErrorKind> = new Set([
  'data-conflict',
  'schema-conflict',
  'connection-limit',
  'connection-rate',
  'token',
  'unavailable',
  'outcome-unknown',
]);

/**
 * Finds out whether a transaction was committed when the answer to its COMMIT was lost.
 *
 * Each transaction writes a row with an id of its own. Who wants to know its outcome afterwards writes a row with the same
 * id: if that is refused as a duplicate, the transaction was committed; if it is accepted, the transaction can never be
 * committed any more, even if its COMMIT is still under way, because its own row would be the duplicate.
 */
export class CommitMarkers {
  readonly #run: RunStatement;
  #ready: Promise<void> | undefined;
  #settled: string[] = [];

  /** @param run - how the host runs a statement by itself */
  constructor(run: RunStatement) {
    this.#run = run;
  }

  /**
   * A marker for one attempt. The first time this makes sure that the table is there.
   *
   * @param run - how to, where the attempt holds a connection already, and the pool may have no other
   * @returns the marker's id
   */
  async create(run = this.#run): Promise<string> {
    this.#ready ??= this.#prepare(run);
    try {
      await this.#ready;
    } catch (error) {
      this.#ready = undefined;
      throw error;
    }
    return randomUUID();
  }

  /**
   * Writes the marker, as the last thing before COMMIT.
   *
   * @param run - runs a statement in the transaction
   */
  async write(id: string, run: (text: string, values: readonly string[]) => Promise<unknown>): Promise<void> {
    try {
      await run(`INSERT INTO ${COMMIT_MARKER_TABLE} (id) VALUES ($1)`, [id]);
    } catch (error) {
      // Dropped with everything else, as a test does between two cases: the next transaction finds it again.
      if (sqlStateOf(error) === UNDEFINED_TABLE) this.#ready = undefined;
      throw error;
    }
  }

  /**
   * Finds out whether the transaction that wrote the marker was committed, and keeps it from being committed otherwise.
   *
   * @param run - how to ask, where a connection is held already
   * @returns nothing when the database could not be asked
   */
  async wasCommitted(id: string, run = this.#run): Promise<boolean | undefined> {
    try {
      const committed = await retry(() => claim(id, run), SETTLING, isPassing);
      // A claim that was accepted has to outlive the COMMIT that it blocks.
      if (committed === true) this.release(id);
      return committed;
    } catch {
      return undefined;
    }
  }

  /** Says that the transaction is known to be committed, so nobody is going to ask. Markers are deleted in batches. */
  release(id: string): void {
    this.#settled.push(id);
    if (this.#settled.length < BATCH_SIZE) return;
    const batch = this.#settled;
    this.#settled = [];
    const places = batch.map((_, index) => `$${index + 1}`).join(', ');
    // In the background, as nobody waits for it. What it leaves behind is found by the next process.
    void retry(
      () => this.#run(`DELETE FROM ${COMMIT_MARKER_TABLE} WHERE id IN (${places})`, batch),
      SETTLING,
      isOccConflict,
    ).catch(() => undefined);
  }

  async #prepare(run: RunStatement): Promise<void> {
    try {
      await deleteLeftOvers(run);
    } catch (error) {
      if (sqlStateOf(error) !== UNDEFINED_TABLE) throw error;
      await retry(() => run(CREATE_TABLE, []), SETTLING, isCreatedByOthers);
    }
  }
}

async function claim(id: string, run: RunStatement): Promise<boolean | undefined> {
  try {
    await run(`INSERT INTO ${COMMIT_MARKER_TABLE} (id, claimed) VALUES ($1, true)`, [id]);
    return false;
  } catch (error) {
    if (sqlStateOf(error) !== UNIQUE_VIOLATION) throw error;
  }
  // Or it is a claim of ours, whose answer was lost.
  const [marker] = await run(`SELECT claimed FROM ${COMMIT_MARKER_TABLE} WHERE id = $1`, [id]);
  return marker === undefined ? undefined : marker.claimed === false;
}

/** Of processes that ended before their batch was full. */
async function deleteLeftOvers(run: RunStatement): Promise<void> {
  const deleteSome = `DELETE FROM ${COMMIT_MARKER_TABLE} WHERE id IN (SELECT id FROM ${COMMIT_MARKER_TABLE} WHERE created_at < now() - interval '${LEFT_OVER_AFTER}' LIMIT ${BATCH_SIZE}) RETURNING id`;
  let deleted: number;
  do {
    const rows = await retry(() => run(deleteSome, []), SETTLING, mayBeDone);
    deleted = rows.length;
  } while (deleted === BATCH_SIZE);
}

/** Two processes that create the table at the same time get in each other's way. */
function isCreatedByOthers(error: unknown): boolean {
  return mayBeDone(error) || [UNIQUE_VIOLATION, DUPLICATE_TABLE].includes(sqlStateOf(error) ?? '');
}

/** Whether a statement conflicted, or was done and its answer lost: what prepares may be sent again in both cases. */
function mayBeDone(error: unknown): boolean {
  const { kind } = classifyError(error);
  return isOccConflict(error) || kind === 'outcome-unknown' || kind === 'unavailable';
}

/** Whether asking again later can bring an answer. A claim may be repeated: it is told from the transaction's own row. */
function isPassing(error: unknown): boolean {
  const { kind, sqlState } = classifyError(error);
  return sqlState === undefined || PASSING.has(kind) || /^(?:08|57P)/.test(sqlState);
}
