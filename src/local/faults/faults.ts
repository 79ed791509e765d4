import type { StatementKind } from '../../sql';

/** Which of the events that a fault applies to it strikes. */
export interface FaultTiming {
  /**
   * The first of them to strike, counted from 1 since the fault was added.
   * @defaultValue 1
   */
  readonly nth?: number | undefined;
  /**
   * How often to strike; `Infinity` until the fault is removed.
   * @defaultValue 1, with `share` no limit
   */
  readonly times?: number | undefined;
  /**
   * The share of them to strike, above 0 and up to 1. `seed` alone decides which.
   * @defaultValue 1
   */
  readonly share?: number | undefined;
  /**
   * An integer: the same `seed` picks the same ones.
   * @defaultValue 1
   */
  readonly seed?: number | undefined;
}

/** Which statements a fault applies to: those that match every given field. */
export interface StatementMatch {
  /** A part of the statement's text, or a pattern that it matches. */
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
   * Only with XX000, which leaves the outcome unknown to the client: whether the transaction was committed.
   * @defaultValue false
   */
  readonly committed?: boolean | undefined;
}

/** How a statement fails. */
export interface StatementFault extends FaultTiming, StatementMatch {
  /** 40001 with `(OC000)` or `(OC001)`, or XX000 `server unavailable`. */
  readonly error: 'OC000' | 'OC001' | 'XX000';
}

/** Where a connection is cut, without an error, as when the network fails. */
export type CutFault = FaultTiming & {
  /** Called right before the client is cut off: a test can kill its process there, before that finds out. */
  readonly onCut?: (() => void) | undefined;
} & (
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
  /** The role that connects; any role if omitted. */
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
   * How many of the connections accepted after that have their first query refused, which ends them.
   * @defaultValue 0
   */
  readonly queries?: number | undefined;
}

/** How the endpoint of a Region is cut off. */
export interface CutOff {
  /** The Region; every endpoint if omitted. */
  readonly region?: string | undefined;
  /**
   * What new connections meet: they are reset at once, or nothing ever answers them.
   * @defaultValue `reset`
   */
  readonly newConnections?: 'reset' | 'unanswered' | undefined;
}

/** How the build of an asynchronous index fails. */
export interface IndexBuildFault extends FaultTiming {
  /** The table it is on, as `accounts` or `bank.accounts`; any table if omitted. */
  readonly table?: string | undefined;
  /**
   * What `sys.jobs` reports.
   * @defaultValue `Found duplicate key while validating index for UCVs`, as recorded from a cluster, 2026-09
   */
  readonly details?: string | undefined;
}

/** A fault that is in place. */
export interface Fault {
  /** How often it has struck. */
  readonly fired: number;
  /** Removes it; what it struck stays as it is. Idempotent. */
  remove(): void;
}

/**
 * Makes the local DSQL fail on demand, in the ways a cluster does. Any number of faults may be in place; if several
 * apply to one event, the one that was added first strikes.
 *
 * COMMIT is a commit, and so is the end of an autocommit statement, which the fault then makes fail. What fails earlier
 * for another reason is not counted.
 */
export interface Faults {
  /**
   * Makes a commit fail.
   *
   * @throws RangeError for an invalid option, TypeError where it is not an object
   */
  failCommit(fault: CommitFault): Fault;
  /**
   * Makes a statement fail before it is run; that aborts a transaction block.
   *
   * @throws RangeError for an invalid option, TypeError where it is not an object
   */
  failStatement(fault: StatementFault): Fault;
  /**
   * Cuts a connection.
   *
   * @throws RangeError for an invalid option, TypeError where it is not an object
   */
  cutConnection(fault: CutFault): Fault;
  /**
   * Refuses a connection before it is asked for its token.
   *
   * @throws RangeError for an invalid option, TypeError where it is not an object
   */
  refuseConnections(fault: ConnectionFault): Fault;
  /**
   * Puts the cluster to sleep, like one that nobody has used for a while: it refuses connections, and reports that it is
   * waking up. Open connections stay open.
   *
   * @throws RangeError for an invalid option, TypeError where it is not an object
   */
  sleep(sleep?: Sleep): Fault;
  /** Ends every connection at once, as a cluster does after 60 minutes; returns how many there were. */
  endConnections(): number;
  /**
   * Cuts an endpoint off from its clients, as when the network of its Region fails: open connections end without a word, and
   * new ones are not taken until the fault is removed. `fired` counts the new ones.
   *
   * @throws RangeError for an invalid option, TypeError where it is not an object
   */
  cutOff(cutOff?: CutOff): Fault;
  /**
   * Makes the build of an asynchronous index fail.
   *
   * @throws RangeError for an invalid option, TypeError where it is not an object
   */
  failIndexBuild(fault?: IndexBuildFault): Fault;
  /**
   * Makes every round trip of every session take longer; several calls add up.
   *
   * @param ms - milliseconds, 0 or more
   * @param region - only at the endpoint of this Region, which then also takes that much longer to answer a new connection
   * @throws RangeError for anything else
   */
  addLatency(ms: number, region?: string): Fault;
  /** Removes every fault. */
  clear(): void;
}
