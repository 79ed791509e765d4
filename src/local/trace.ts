import type { Statement, StatementKind } from '../sql';
import type { CutFault } from './faults/faults';
import { elapsedMs, realTime } from './real-time';

/** A session, as a trace names it. */
export interface TracedConnection {
  /** Counts up from 1 since the local DSQL was started. */
  readonly id: number;
  readonly user: string;
  /** `application_name` as it was when the session began. */
  readonly applicationName: string | undefined;
}

/** A statement that was executed. */
export interface TracedStatement {
  /** As the client wrote it, except DSQL's own words, which are blanked. */
  readonly text: string;
  readonly kind: StatementKind;
  /** The error that it failed with; for an autocommit statement, also that of its commit. */
  readonly sqlstate?: string;
  /**
   * How many rows it was answered to have read or changed. Only what reads or changes rows has it, and not what was rolled
   * back at once because of an error.
   */
  readonly rowCount?: number;
  /** Where a fault has cut the connection at it: only with `after commit` was it done. */
  readonly cut?: CutFault['at'];
}

/**
 * What a client sent before it waited for an answer, and the answer. Pipelined messages, which do not wait for the
 * answer to those before, are one round trip.
 */
export interface RoundTrip {
  readonly connection: TracedConnection;
  /** Statements that were executed, in order; empty where a client only prepared one, for example. */
  readonly statements: readonly TracedStatement[];
  /** When its first message was processed. */
  readonly startedAt: Date;
  /** From then to the last byte of the answer, in milliseconds. */
  readonly durationMs: number;
}

/** What a {@link Trace} has recorded since it was started; it grows until it is stopped. */
export interface TraceRecording {
  /** Those that were answered, in the order in which they began, without those of logging in. */
  readonly roundTrips: readonly RoundTrip[];
  /** The statements of `roundTrips`, in order. */
  readonly statements: readonly TracedStatement[];
  /** How many round trips were not kept, because of the limit. */
  readonly dropped: number;
  /** How many sessions began. */
  readonly connectionsOpened: number;
  /** How many sessions ended. */
  readonly connectionsClosed: number;
  /** How many connections were refused before they became a session. */
  readonly connectionsRefused: number;
  /** How many tokens were accepted. */
  readonly tokensVerified: number;
  /** How many tokens were refused. */
  readonly tokensRefused: number;
  /** Ends the recording, and keeps what it holds. Idempotent. */
  stop(): TraceRecording;
}

/** Records what clients do, so that round trips, tokens and connections can be counted. */
export interface Trace {
  /**
   * Starts a recording; any number can run at a time.
   *
   * @example
   * ```ts
   * const recording = local.trace.start();
   * await users.findOneBy({ id });
   * expect(recording.stop().roundTrips).toHaveLength(1);
   * ```
   * @param limit - how many round trips to keep, from the first; a positive integer, 100,000 unless given
   * @throws RangeError for an invalid limit
   */
  start(limit?: number): TraceRecording;
}

/** Something that is counted. */
type Counted =
  'connectionsOpened' | 'connectionsClosed' | 'connectionsRefused' | 'tokensVerified' | 'tokensRefused';

const DEFAULT_LIMIT = 100_000;

class Recording implements TraceRecording {
  readonly #limit: number;
  readonly #onStop: (recording: Recording) => void;
  readonly roundTrips: RoundTrip[] = [];
  dropped = 0;
  connectionsOpened = 0;
  connectionsClosed = 0;
  connectionsRefused = 0;
  tokensVerified = 0;
  tokensRefused = 0;

  constructor(limit: number, onStop: (recording: Recording) => void) {
    this.#limit = limit;
    this.#onStop = onStop;
  }

  get statements(): TracedStatement[] {
    return this.roundTrips.flatMap(({ statements }) => statements);
  }

  add(roundTrip: RoundTrip): void {
    if (this.roundTrips.length < this.#limit) this.roundTrips.push(roundTrip);
    else this.dropped++;
  }

  stop(): this {
    this.#onStop(this);
    return this;
  }
}

/** {@link Trace}, with what the parts of the local DSQL report to it. It costs next to nothing while nobody records. */
export class Tracer implements Trace {
  readonly #recordings = new Set<Recording>();
  #connections = 0;

  start(limit = DEFAULT_LIMIT): TraceRecording {
    if (!Number.isInteger(limit) || limit < 1) {
      throw new RangeError(`limit: expected a positive integer, got ${limit}`);
    }
    const recording = new Recording(limit, (stopped) => this.#recordings.delete(stopped));
    this.#recordings.add(recording);
    return recording;
  }

  get recording(): boolean {
    return this.#recordings.size > 0;
  }

  count(counted: Counted): void {
    for (const recording of this.#recordings) recording[counted]++;
  }

  add(roundTrip: RoundTrip): void {
    for (const recording of this.#recordings) recording.add(roundTrip);
  }

  /** A session begins. */
  connection(user: string, applicationName: string | undefined): ConnectionTrace {
    return new ConnectionTrace(this, Object.freeze({ id: ++this.#connections, user, applicationName }));
  }
}

/** What one session reports to the trace. */
export class ConnectionTrace {
  readonly #tracer: Tracer;
  readonly #connection: TracedConnection;
  #current: { statements: TracedStatement[]; startedAt: Date; started: number } | undefined;
  #underWay = false;
  #closed = false;

  constructor(tracer: Tracer, connection: TracedConnection) {
    this.#tracer = tracer;
    this.#connection = connection;
    tracer.count('connectionsOpened');
  }

  /**
   * Messages are taken up; they belong to the round trip that is under way, if there is one.
   *
   * @returns whether they begin one
   */
  begin(): boolean {
    if (this.#underWay) return false;
    this.#underWay = true;
    if (this.#tracer.recording) {
      this.#current = { statements: [], startedAt: realTime(), started: elapsedMs() };
    }
    return true;
  }

  /** A statement is executed. */
  statement({ text, kind }: Statement): void {
    this.#current?.statements.push({ text: text.trim(), kind });
  }

  /**
   * A statement was done. Those of a round trip come to their end in their order.
   *
   * @param tag - the command tag, such as `UPDATE 3`
   */
  done({ text, kind }: Statement, tag: string): void {
    const [rows] = /\d+$/.exec(tag) ?? [];
    const statements = this.#current?.statements ?? [];
    if (rows === undefined) return;
    const isIt = (each: TracedStatement) =>
      each.rowCount === undefined && each.kind === kind && each.text === text.trim();
    const at = statements.findIndex(isIt);
    const found = statements[at];
    if (found !== undefined) statements[at] = { ...found, rowCount: Number(rows) };
  }

  /** The last statement was answered with an error. */
  failed(sqlstate: string): void {
    const statements = this.#current?.statements;
    const last = statements?.pop();
    if (last) statements?.push({ ...last, sqlstate });
  }

  /** A fault cuts the connection at the last statement. */
  cut(at: CutFault['at']): void {
    const statements = this.#current?.statements;
    const last = statements?.pop();
    if (last) statements?.push({ ...last, cut: at });
  }

  /** Everything that was taken up is answered, and the client has sent nothing else meanwhile. */
  end(): void {
    this.#underWay = false;
    if (!this.#current) return;
    const { statements, startedAt, started } = this.#current;
    this.#current = undefined;
    const durationMs = elapsedMs() - started;
    this.#tracer.add({ connection: this.#connection, statements, startedAt, durationMs });
  }

  /** The session ends. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.end();
    this.#tracer.count('connectionsClosed');
  }
}
