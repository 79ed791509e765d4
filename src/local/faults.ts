import type { Refusal, Statement, StatementKind, TableName } from '../sql';
import { CONNECTION_REFUSALS } from './limits/connection-limits';
import { DATA_CONFLICT, SCHEMA_CONFLICT } from './session/client-error';

/** Which of the events that a fault applies to it really strikes. */
export interface FaultTiming {
  /**
   * The first of them to strike, counted from 1 since the fault was added.
   * @defaultValue 1
   */
  readonly nth?: number | undefined;
  /**
   * How often to strike before the fault is used up; `Infinity` for as long as it is there.
   * @defaultValue 1, with `share` no limit
   */
  readonly times?: number | undefined;
  /**
   * The share of them to strike, above 0 and up to 1. Which ones follows from `seed` alone.
   * @defaultValue 1
   */
  readonly share?: number | undefined;
  /**
   * An integer that decides which ones `share` picks.
   * @defaultValue 1
   */
  readonly seed?: number | undefined;
}

/** Which statements a fault applies to: those that everything given holds for. */
export interface StatementMatch {
  /** A part of the statement's text, or a pattern of it. */
  readonly text?: string | RegExp | undefined;
  /** What the statement does, as `read`, `write`, `ddl`, `begin`… */
  readonly kind?: StatementKind | undefined;
  /** A table that it writes or locks, as `accounts`, or `bank.accounts` where statements name the schema, too. */
  readonly table?: string | undefined;
}

/** Which commits a fault applies to. */
export interface CommitMatch {
  /**
   * A table that the transaction wrote or locked, as `accounts`, or `bank.accounts` where its statements name the schema,
   * too.
   */
  readonly table?: string | undefined;
}

/** How a commit fails. */
export interface CommitFault extends FaultTiming, CommitMatch {
  /**
   * What the client is told: 40001 with `(OC000)`, as after a conflict of data; 40001 with `(OC001)`, as after a change
   * of the schema; or XX000 `server unavailable`. A transaction that wrote and locked nothing never meets OC000.
   */
  readonly error: 'OC000' | 'OC001' | 'XX000';
  /**
   * With XX000 alone, which leaves the client in doubt: whether the transaction was committed all the same.
   * @defaultValue false
   */
  readonly committed?: boolean | undefined;
}

/** How a statement fails. */
export interface StatementFault extends FaultTiming, StatementMatch {
  /** 40001 with `(OC000)` or `(OC001)`, or XX000 `server unavailable`. */
  readonly error: 'OC000' | 'OC001' | 'XX000';
}

/** Where a connection is cut, without a word, as by a network that is gone. */
export type CutFault = FaultTiming &
  (
    | (StatementMatch & {
        /** The statement has not been run; its transaction is rolled back. */
        readonly at: 'statement';
      })
    | (CommitMatch & {
        /** The transaction is rolled back, or was committed and the client is not told. */
        readonly at: 'before commit' | 'after commit';
      })
  );

/** How a connection is refused. */
export interface ConnectionFault extends FaultTiming {
  /** 53300, too many connections; or 53400, too many new ones in a second. */
  readonly error: '53300' | '53400';
  /** The role that wants to connect; every one if it is absent. */
  readonly user?: string | undefined;
}

/** How a cluster sleeps, and wakes up. */
export interface Sleep {
  /**
   * How many connections are refused before it is awake, if nothing else lasts longer; the first of them wakes it up.
   * @defaultValue 1
   */
  readonly connections?: number | undefined;
  /**
   * How long it takes to wake up, from the first connection on, in milliseconds by `clock`: until then every connection
   * is refused.
   * @defaultValue 0
   */
  readonly durationMs?: number | undefined;
  /**
   * How many of the connections that it takes then have their first query refused, which ends them.
   * @defaultValue 0
   */
  readonly queries?: number | undefined;
}

/** How the build of an asynchronous index fails. */
export interface IndexBuildFault extends FaultTiming {
  /** The table it is on, as `accounts` or `bank.accounts`; every one if it is absent. */
  readonly table?: string | undefined;
  /**
   * What `sys.jobs` says of it.
   * @defaultValue `Found duplicate key while validating index for UCVs`, as recorded from a cluster, 2026-09
   */
  readonly details?: string | undefined;
}

/** A fault that is in place. */
export interface Fault {
  /** How often it has struck. */
  readonly fired: number;
  /** Takes it away; what it struck stays as it is. Idempotent. */
  remove(): void;
}

/**
 * Makes the local DSQL fail on demand, in the ways a cluster does. Any number of faults may be in place; of several that
 * apply to one event the one that was added first strikes.
 *
 * Every commit counts: COMMIT, and the end of a statement outside of a transaction block, where the fault is the
 * statement's. What fails for a reason of its own before is no event.
 */
export interface Faults {
  /**
   * Makes a commit fail.
   *
   * @throws RangeError for an impossible option
   */
  failCommit(fault: CommitFault): Fault;
  /**
   * Makes a statement fail before it is run; a transaction block is aborted by it.
   *
   * @throws RangeError for an impossible option
   */
  failStatement(fault: StatementFault): Fault;
  /**
   * Cuts a connection.
   *
   * @throws RangeError for an impossible option
   */
  cutConnection(fault: CutFault): Fault;
  /**
   * Refuses a connection, before its token is asked for.
   *
   * @throws RangeError for an impossible option
   */
  refuseConnections(fault: ConnectionFault): Fault;
  /**
   * Puts the cluster to sleep, as one is that nobody has used for a while: it refuses connections, and says that it is
   * waking up. Connections that are open stay open.
   *
   * @throws RangeError for an impossible option
   */
  sleep(sleep?: Sleep): Fault;
  /** Ends every connection at once, as a cluster does when one is 60 minutes old; returns how many there were. */
  endConnections(): number;
  /**
   * Makes the build of an asynchronous index fail.
   *
   * @throws RangeError for an impossible option
   */
  failIndexBuild(fault?: IndexBuildFault): Fault;
  /**
   * Makes every round trip of every session last longer; several add up.
   *
   * @param ms - milliseconds, 0 or more
   * @throws RangeError for anything else
   */
  addLatency(ms: number): Fault;
  /** Takes every fault away. */
  clear(): void;
}

/** What a session does where a fault strikes: it closes at once, or answers this. */
export type FaultEffect = 'cut' | Refusal;

/** What happens to a commit that a fault strikes. */
export interface CommitEffect {
  /** Whether it is done first. */
  readonly committed: boolean;
  readonly effect: FaultEffect;
}

/** A transaction that is about to be committed. */
export interface CommitSubject {
  /** The tables that its statements wrote or locked. */
  readonly tables: readonly TableName[];
}

const REFUSALS: Readonly<Record<CommitFault['error'], Refusal>> = {
  OC000: DATA_CONFLICT,
  OC001: SCHEMA_CONFLICT,
  // AWS user guide, "Troubleshooting", 2026-09-15.
  XX000: { rule: 'server unavailable', sqlstate: 'XX000', message: 'server unavailable' },
};

/** AWS's skill "Troubleshooting in DSQL", observed 2026-10-01; the SQLSTATE is PostgreSQL's for a server that starts. */
const WAKING_UP: Refusal = {
  rule: 'waking up',
  sqlstate: '57P03',
  message: 'unable to accept connection, waking up cluster, please retry later',
};

const DUPLICATE_KEY = 'Found duplicate key while validating index for UCVs';

/** One fault in place: tells for each event in turn whether it strikes. */
class PlacedFault<Subject, Effect> implements Fault {
  readonly #applies: (subject: Subject) => boolean;
  readonly effect: Effect;
  readonly #first: number;
  readonly #times: number;
  readonly #share: number;
  readonly #random: () => number;
  readonly #onRemove: (fault: PlacedFault<Subject, Effect>) => void;
  #seen = 0;
  #fired = 0;

  constructor(
    applies: (subject: Subject) => boolean,
    effect: Effect,
    { nth = 1, share, times = share === undefined ? 1 : Infinity, seed = 1 }: FaultTiming,
    onRemove: (fault: PlacedFault<Subject, Effect>) => void,
  ) {
    if (!Number.isInteger(nth) || nth < 1)
      throw new RangeError(`nth: expected a positive integer, got ${nth}`);
    if (times !== Infinity && (!Number.isInteger(times) || times < 1)) {
      throw new RangeError(`times: expected a positive integer or Infinity, got ${times}`);
    }
    if (share !== undefined && !(share > 0 && share <= 1)) {
      throw new RangeError(`share: expected a number above 0 and up to 1, got ${share}`);
    }
    if (!Number.isInteger(seed)) throw new RangeError(`seed: expected an integer, got ${seed}`);
    this.#applies = applies;
    this.effect = effect;
    this.#first = nth;
    this.#times = times;
    this.#share = share ?? 1;
    this.#random = randomNumbers(seed);
    this.#onRemove = onRemove;
  }

  get fired(): number {
    return this.#fired;
  }

  remove(): void {
    this.#onRemove(this);
  }

  strikes(subject: Subject): boolean {
    if (this.#fired >= this.#times || !this.#applies(subject)) return false;
    this.#seen++;
    if (this.#seen < this.#first || this.#random() >= this.#share) return false;
    this.#fired++;
    return true;
  }
}

/** A cluster that sleeps until it has been called for long and often enough. */
class Slumber implements Fault {
  readonly #clock: () => Date;
  readonly #durationMs: number;
  readonly #onRemove: (slumber: Slumber) => void;
  #connections: number;
  #queries: number;
  #wokenAt: number | undefined;
  #fired = 0;

  constructor(
    { connections = 1, durationMs = 0, queries = 0 }: Sleep,
    clock: () => Date,
    onRemove: (slumber: Slumber) => void,
  ) {
    for (const [name, value] of Object.entries({ connections, queries })) {
      if (value !== Infinity && (!Number.isInteger(value) || value < 0)) {
        throw new RangeError(`${name}: expected an integer from 0 or Infinity, got ${value}`);
      }
    }
    if (Number.isNaN(durationMs) || durationMs < 0) {
      throw new RangeError(`durationMs: expected a number from 0, got ${durationMs}`);
    }
    this.#connections = connections;
    this.#durationMs = durationMs;
    this.#queries = queries;
    this.#clock = clock;
    this.#onRemove = onRemove;
  }

  get fired(): number {
    return this.#fired;
  }

  remove(): void {
    this.#onRemove(this);
  }

  /** Whether it refuses a connection. */
  refusesConnection(): boolean {
    const now = this.#clock().getTime();
    this.#wokenAt ??= now;
    if (this.#connections <= 0 && now - this.#wokenAt >= this.#durationMs) return false;
    this.#connections--;
    this.#fired++;
    return true;
  }

  /** Whether it refuses the first query of a connection. */
  refusesQuery(): boolean {
    // Connections that were there before it slept are none of those it has taken since.
    if (this.#wokenAt === undefined || this.#queries <= 0) return false;
    this.#queries--;
    this.#fired++;
    return true;
  }
}

/** The faults of one kind that are in place, in the order they were added. */
class FaultList<Subject, Effect> {
  readonly #faults = new Set<PlacedFault<Subject, Effect>>();

  add(applies: (subject: Subject) => boolean, effect: Effect, timing: FaultTiming): Fault {
    const fault = new PlacedFault(applies, effect, timing, (placed) => this.#faults.delete(placed));
    this.#faults.add(fault);
    return fault;
  }

  strike(subject: Subject): Effect | undefined {
    for (const fault of this.#faults) {
      if (fault.strikes(subject)) return fault.effect;
    }
    return undefined;
  }

  get isEmpty(): boolean {
    return this.#faults.size === 0;
  }

  clear(): void {
    this.#faults.clear();
  }
}

/** {@link Faults}, with what the parts of the local DSQL ask of it where something can fail. */
export class FaultInjector implements Faults {
  readonly #statements = new FaultList<Statement, FaultEffect>();
  readonly #commits = new FaultList<CommitSubject, CommitEffect>();
  readonly #connections = new FaultList<string, Refusal>();
  readonly #indexBuilds = new FaultList<string, string>();
  readonly #slumbers = new Set<Slumber>();
  readonly #delays = new Set<Fault & { readonly ms: number; fired: number }>();
  readonly #endConnections: () => number;
  readonly #clock: () => Date;

  /**
   * @param endConnections - ends every connection and says how many there were
   * @param clock - the time by which a cluster wakes up
   */
  constructor(endConnections: () => number, clock: () => Date) {
    this.#endConnections = endConnections;
    this.#clock = clock;
  }

  failCommit({ error, committed = false, table, ...timing }: CommitFault): Fault {
    if (committed && error !== 'XX000') {
      throw new RangeError(
        `committed: a commit that was done is never answered with ${error}, only with XX000`,
      );
    }
    const applies = (commit: CommitSubject) =>
      (error !== 'OC000' || commit.tables.length > 0) && touches(commit.tables, table);
    return this.#commits.add(applies, { committed, effect: faultRefusal(error) }, timing);
  }

  failStatement({ error, text, kind, table, ...timing }: StatementFault): Fault {
    return this.#statements.add(statementFilter({ text, kind, table }), faultRefusal(error), timing);
  }

  cutConnection(fault: CutFault): Fault {
    if (fault.at === 'statement') return this.#statements.add(statementFilter(fault), 'cut', fault);
    const { table } = fault;
    const at: string = fault.at; // not every caller is checked by TypeScript
    if (at !== 'before commit' && at !== 'after commit') {
      throw new RangeError(
        `at: expected statement, before commit or after commit, got ${JSON.stringify(at)}`,
      );
    }
    const effect: CommitEffect = { committed: at === 'after commit', effect: 'cut' };
    return this.#commits.add(({ tables }) => touches(tables, table), effect, fault);
  }

  refuseConnections({ error, user, ...timing }: ConnectionFault): Fault {
    if (!Object.hasOwn(CONNECTION_REFUSALS, error)) {
      throw new RangeError(`error: expected 53300 or 53400, got ${JSON.stringify(error)}`);
    }
    const applies = (connecting: string) => user === undefined || user === connecting;
    return this.#connections.add(applies, CONNECTION_REFUSALS[error], timing);
  }

  sleep(sleep: Sleep = {}): Fault {
    const slumber = new Slumber(sleep, this.#clock, (each) => this.#slumbers.delete(each));
    this.#slumbers.add(slumber);
    return slumber;
  }

  endConnections(): number {
    return this.#endConnections();
  }

  failIndexBuild({ table, details = DUPLICATE_KEY, ...timing }: IndexBuildFault = {}): Fault {
    const applies = (built: string) => table === undefined || built === table || built.endsWith(`.${table}`);
    return this.#indexBuilds.add(applies, details, timing);
  }

  addLatency(ms: number): Fault {
    if (!Number.isFinite(ms) || ms < 0) throw new RangeError(`ms: expected a number from 0, got ${ms}`);
    const delay = { ms, fired: 0, remove: () => void this.#delays.delete(delay) };
    this.#delays.add(delay);
    return delay;
  }

  clear(): void {
    this.#statements.clear();
    this.#commits.clear();
    this.#connections.clear();
    this.#slumbers.clear();
    this.#indexBuilds.clear();
    this.#delays.clear();
  }

  /** A statement is about to be run. */
  beforeStatement(statement: Statement): FaultEffect | undefined {
    return this.#statements.strike(statement);
  }

  /** Whether {@link FaultInjector.atCommit} has to be asked. */
  get watchesCommits(): boolean {
    return !this.#commits.isEmpty;
  }

  /** A transaction is about to be committed. */
  atCommit(commit: CommitSubject): CommitEffect | undefined {
    return this.#commits.strike(commit);
  }

  /** A client wants to log in. */
  atConnection(user: string): Refusal | undefined {
    for (const slumber of this.#slumbers) if (slumber.refusesConnection()) return WAKING_UP;
    return this.#connections.strike(user);
  }

  /** A client sends the first statement of its connection. */
  atFirstStatement(): Refusal | undefined {
    for (const slumber of this.#slumbers) if (slumber.refusesQuery()) return WAKING_UP;
    return undefined;
  }

  /**
   * An index is to be built on `table`, given as `schema.name`.
   *
   * @returns why it fails
   */
  atIndexBuild(table: string): string | undefined {
    return this.#indexBuilds.strike(table);
  }

  /** A round trip is about to be served; returns how many milliseconds later. */
  atRoundTrip(): number {
    let ms = 0;
    for (const delay of this.#delays) {
      delay.fired++;
      ms += delay.ms;
    }
    return ms;
  }
}

function faultRefusal(error: CommitFault['error']): Refusal {
  if (!Object.hasOwn(REFUSALS, error)) {
    throw new RangeError(`error: expected OC000, OC001 or XX000, got ${JSON.stringify(error)}`);
  }
  return REFUSALS[error];
}

function statementFilter({ text, kind, table }: StatementMatch): (statement: Statement) => boolean {
  const pattern =
    typeof text === 'object' ? new RegExp(text.source, text.flags.replace(/[gy]/g, '')) : undefined;
  return (statement) =>
    (kind === undefined || statement.kind === kind) &&
    (table === undefined || touches(statement.targets, table)) &&
    (typeof text !== 'string' || statement.text.includes(text)) &&
    (!pattern || pattern.test(statement.text));
}

/** Whether a table is among those that statements name; without a schema it may be of any. */
function touches(tables: readonly TableName[], wanted: string | undefined): boolean {
  if (wanted === undefined) return true;
  return tables.some(({ schema, name }) => name === wanted || `${schema ?? ''}.${name}` === wanted);
}

/** A generator of numbers from 0 up to 1 that gives the same ones for a seed (Mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
