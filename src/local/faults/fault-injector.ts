import type { Refusal, Statement, TableName } from '../../sql';
import { CONNECTION_REFUSALS } from '../limits/connection-limits';
import { DATA_CONFLICT, SCHEMA_CONFLICT } from '../session/client-error';
import type {
  CommitFault,
  ConnectionFault,
  CutFault,
  CutOff,
  Fault,
  Faults,
  FaultTiming,
  IndexBuildFault,
  Sleep,
  StatementFault,
  StatementMatch,
} from './faults';
import { checkNamedOptions } from '../named-options';
import { FaultList } from './placed-fault';
import { Slumber } from './slumber';

/** The client is cut off. */
export interface Cut {
  /** Called right before. */
  readonly onCut: () => void;
}

/** What a session does where a fault strikes: it closes at once, or answers this. */
export type FaultEffect = Cut | Refusal;

/** Whether a session closes at once. */
export function isCut(effect: FaultEffect): effect is Cut {
  return 'onCut' in effect;
}

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

/** What ends the connections of the endpoints. */
export interface ConnectionEnds {
  /** The Regions that have an endpoint. */
  readonly regions: () => readonly string[];
  /** Ends every connection; returns how many there were. */
  readonly end: () => number;
  /** Ends, without a word, those of the endpoint of a Region, or of all. */
  readonly cut: (region: string | undefined) => void;
}

/** An endpoint that is cut off. */
interface PlacedCutOff extends Fault {
  fired: number;
  readonly cutOff: CutOff;
}

/** A latency that is in place. */
interface Delay extends Fault {
  fired: number;
  readonly ms: number;
  readonly region: string | undefined;
}

/** {@link Faults}, with what the parts of the local DSQL ask of it where something can fail. */
export class FaultInjector implements Faults {
  readonly #statements = new FaultList<Statement, FaultEffect>();
  readonly #commits = new FaultList<CommitSubject, CommitEffect>();
  readonly #connections = new FaultList<string, Refusal>();
  readonly #indexBuilds = new FaultList<string, string>();
  readonly #slumbers = new Set<Slumber>();
  readonly #cutOffs = new Set<PlacedCutOff>();
  readonly #delays = new Set<Delay>();
  readonly #connectionEnds: ConnectionEnds;
  readonly #clock: () => Date;

  /**
   * @param connectionEnds - what ends connections
   * @param clock - the time by which a cluster wakes up
   */
  constructor(connectionEnds: ConnectionEnds, clock: () => Date) {
    this.#connectionEnds = connectionEnds;
    this.#clock = clock;
  }

  failCommit(fault: CommitFault): Fault {
    checkFault('failCommit', fault, "failCommit({ error: 'OC000' })");
    const { error, committed = false, table, ...timing } = fault;
    if (committed && error !== 'XX000') {
      throw new RangeError(
        `committed: a commit that was done is never answered with ${error}, only with XX000`,
      );
    }
    const applies = (commit: CommitSubject) =>
      (error !== 'OC000' || commit.tables.length > 0) && touches(commit.tables, table);
    return this.#commits.add(applies, { committed, effect: faultRefusal(error) }, timing);
  }

  failStatement(fault: StatementFault): Fault {
    checkFault('failStatement', fault, "failStatement({ error: 'XX000' })");
    const { error, text, kind, table, ...timing } = fault;
    return this.#statements.add(statementFilter({ text, kind, table }), faultRefusal(error), timing);
  }

  cutConnection(fault: CutFault): Fault {
    checkFault('cutConnection', fault, "cutConnection({ at: 'before commit' })");
    const { onCut = () => undefined } = fault;
    if (typeof onCut !== 'function') throw new TypeError('onCut: expected a function');
    if (fault.at === 'statement') return this.#statements.add(statementFilter(fault), { onCut }, fault);
    const { table } = fault;
    const at: string = fault.at; // not every caller is checked by TypeScript
    if (at !== 'before commit' && at !== 'after commit') {
      throw new RangeError(
        `at: expected statement, before commit or after commit, got ${JSON.stringify(at)}`,
      );
    }
    const effect: CommitEffect = { committed: at === 'after commit', effect: { onCut } };
    return this.#commits.add(({ tables }) => touches(tables, table), effect, fault);
  }

  refuseConnections(fault: ConnectionFault): Fault {
    checkFault('refuseConnections', fault, "refuseConnections({ error: '53300' })");
    const { error, user, ...timing } = fault;
    if (!Object.hasOwn(CONNECTION_REFUSALS, error)) {
      throw new RangeError(`error: expected 53300 or 53400, got ${JSON.stringify(error)}`);
    }
    const applies = (connecting: string) => user === undefined || user === connecting;
    return this.#connections.add(applies, CONNECTION_REFUSALS[error], timing);
  }

  sleep(sleep: Sleep = {}): Fault {
    checkFault('sleep', sleep, 'sleep({ durationMs: 5000 })');
    const slumber = new Slumber(sleep, this.#clock, (each) => this.#slumbers.delete(each));
    this.#slumbers.add(slumber);
    return slumber;
  }

  endConnections(): number {
    return this.#connectionEnds.end();
  }

  cutOff(cutOff: CutOff = {}): Fault {
    checkFault('cutOff', cutOff, "cutOff({ region: 'us-east-1' })");
    this.#checkRegion(cutOff.region);
    const { newConnections = 'reset' }: { readonly newConnections?: string | undefined } = cutOff;
    if (newConnections !== 'reset' && newConnections !== 'unanswered') {
      throw new RangeError(
        `newConnections: expected reset or unanswered, got ${JSON.stringify(newConnections)}`,
      );
    }
    const placed = { cutOff, fired: 0, remove: () => void this.#cutOffs.delete(placed) };
    this.#cutOffs.add(placed);
    this.#connectionEnds.cut(cutOff.region);
    return placed;
  }

  failIndexBuild(fault: IndexBuildFault = {}): Fault {
    checkFault('failIndexBuild', fault, "failIndexBuild({ table: 'accounts' })");
    const { table, details = DUPLICATE_KEY, ...timing } = fault;
    const applies = (built: string) => table === undefined || built === table || built.endsWith(`.${table}`);
    return this.#indexBuilds.add(applies, details, timing);
  }

  addLatency(ms: number, region?: string): Fault {
    if (!Number.isFinite(ms) || ms < 0) throw new RangeError(`ms: expected a number from 0, got ${ms}`);
    this.#checkRegion(region);
    const delay = { ms, region, fired: 0, remove: () => void this.#delays.delete(delay) };
    this.#delays.add(delay);
    return delay;
  }

  clear(): void {
    this.#statements.clear();
    this.#commits.clear();
    this.#connections.clear();
    this.#slumbers.clear();
    this.#indexBuilds.clear();
    this.#cutOffs.clear();
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

  /** A connection has arrived at the endpoint of a Region; returns what it meets where that is cut off. */
  atArrival(region: string): 'reset' | 'unanswered' | undefined {
    for (const placed of this.#cutOffs) {
      const { region: cutOff = region, newConnections = 'reset' } = placed.cutOff;
      if (cutOff !== region) continue;
      placed.fired++;
      return newConnections;
    }
    return undefined;
  }

  /** A connection to the endpoint of a Region is about to be answered; returns how many milliseconds later. */
  beforeLogIn(region: string): number {
    return this.#delayMs((delay) => delay.region === region);
  }

  /** A round trip is about to be served in a Region; returns how many milliseconds later. */
  atRoundTrip(region: string): number {
    return this.#delayMs((delay) => delay.region === undefined || delay.region === region);
  }

  #checkRegion(region: string | undefined): void {
    const regions = this.#connectionEnds.regions();
    if (region === undefined || regions.includes(region)) return;
    throw new RangeError(
      `region: no endpoint is in ${JSON.stringify(region)}; there is one in ${regions.join(', ')}`,
    );
  }

  #delayMs(applies: (delay: Delay) => boolean): number {
    let ms = 0;
    for (const delay of this.#delays) {
      if (!applies(delay)) continue;
      delay.fired++;
      ms += delay.ms;
    }
    return ms;
  }
}

const ofTiming: readonly string[] = ['nth', 'times', 'share', 'seed'] satisfies (keyof FaultTiming)[];
const ofStatements = ['text', 'kind', 'table'] satisfies (keyof StatementMatch)[];

/** The options of each fault; not every caller is checked by TypeScript. */
const faultOptions = {
  failCommit: ['error', 'committed', 'table', ...ofTiming],
  failStatement: ['error', ...ofStatements, ...ofTiming],
  cutConnection: ['at', 'onCut', ...ofStatements, ...ofTiming],
  refuseConnections: ['error', 'user', ...ofTiming],
  sleep: ['connections', 'durationMs', 'queries'],
  cutOff: ['region', 'newConnections'],
  failIndexBuild: ['table', 'details', ...ofTiming],
} as const satisfies Partial<Record<keyof Faults, readonly string[]>>;

function checkFault(call: keyof typeof faultOptions, fault: unknown, example: string): void {
  checkNamedOptions(`faults.${call}`, fault, faultOptions[call], `faults.${example}`);
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
