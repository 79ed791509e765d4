import { randomInt } from 'node:crypto';
import { realTime } from './real-time';

/** How a local DSQL is to be; every field is optional. */
export interface LocalDsqlOptions {
  /**
   * The port to listen on, 0 to 65,535; 0 takes a free one.
   * @defaultValue 0
   */
  readonly port?: number | undefined;
  /**
   * The AWS region the cluster pretends to be in: part of its host name, and what tokens must be signed for.
   * @defaultValue `us-east-1`
   */
  readonly region?: string | undefined;
  /**
   * The cluster's id, 26 characters of `a` to `z` and `0` to `9`.
   * @defaultValue random
   */
  readonly clusterId?: string | undefined;
  /**
   * The time by which tokens expire, transactions and connections age, new connections are counted and asynchronous jobs
   * take their time. A test moves it instead of waiting; while it stands still, 1,000 connections are let in.
   * @defaultValue the system's time, and for tokens that of `Date`, which a test may have faked for those who sign, too
   */
  readonly clock?: (() => Date) | undefined;
  /**
   * How many connections there may be at a time, 1 to 10,000. A cluster takes 10,000; here each of them has a process of
   * PostgreSQL, and room for 10,000 alone takes 300 MB.
   * @defaultValue 1000
   */
  readonly maxConnections?: number | undefined;
  /**
   * How long asynchronous jobs take (`CREATE INDEX ASYNC`, `VALIDATE CONSTRAINT`), in milliseconds by `clock`, 0 or more.
   * On a cluster it is 5 to 30 seconds for an empty table.
   * @defaultValue 0
   */
  readonly jobDurationMs?: number | undefined;
  /**
   * Whether a client must name the cluster in the TLS handshake (SNI), as DSQL demands.
   * @defaultValue true
   */
  readonly requireSni?: boolean | undefined;
  /**
   * Whether a session keeps the catalogue that it has read, so that its next statement against a table that another
   * session has changed, by DDL, GRANT or REVOKE, fails with 40001 `(OC001)`, once, however long ago that was. If not,
   * it takes the catalogue as it finds it, and only a transaction meets OC001, over what is changed while it is open.
   * @defaultValue true
   */
  readonly staleCatalogues?: boolean | undefined;
  /**
   * Whether a CancelRequest stops the statement of the session that it names. On a cluster it has no effect (observed,
   * 2026-09).
   * @defaultValue false
   */
  readonly cancelRequests?: boolean | undefined;
  /**
   * Hears why a connection was refused; a client is told no more of it than DSQL tells. `cause` holds the exact reason
   * where there is one.
   */
  readonly onConnectionRefused?: ((error: Error) => void) | undefined;
}

/** {@link LocalDsqlOptions}, checked and completed. */
export interface ResolvedLocalOptions {
  readonly port: number;
  readonly region: string;
  readonly clusterId: string;
  readonly clock: () => Date;
  readonly tokenClock: () => Date;
  readonly maxConnections: number;
  readonly jobDurationMs: number;
  readonly requireSni: boolean;
  readonly staleCatalogues: boolean;
  readonly cancelRequests: boolean;
  readonly onConnectionRefused: ((error: Error) => void) | undefined;
}

const CLUSTER_ID = /^[a-z0-9]{26}$/;
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';

/**
 * Checks and completes options.
 *
 * @throws RangeError for the first one that cannot be
 */
export function resolveLocalOptions(options: LocalDsqlOptions): ResolvedLocalOptions {
  const { port = 0, region = 'us-east-1', clusterId = randomCharacters(26) } = options;
  const { maxConnections = 1000, jobDurationMs = 0 } = options;
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new RangeError(`port: expected an integer from 0 to 65535, got ${port}`);
  }
  if (!CLUSTER_ID.test(clusterId)) {
    throw new RangeError(
      `clusterId: expected 26 characters of a-z and 0-9, got ${JSON.stringify(clusterId)}`,
    );
  }
  if (!/^[a-z]{2}(-[a-z]+)+-\d+$/.test(region)) {
    throw new RangeError(`region: expected an AWS region such as us-east-1, got ${JSON.stringify(region)}`);
  }
  if (!Number.isInteger(maxConnections) || maxConnections < 1 || maxConnections > 10_000) {
    throw new RangeError(`maxConnections: expected an integer from 1 to 10000, got ${maxConnections}`);
  }
  if (!Number.isFinite(jobDurationMs) || jobDurationMs < 0) {
    throw new RangeError(`jobDurationMs: expected a number from 0, got ${jobDurationMs}`);
  }
  const { clock = realTime, requireSni = true, staleCatalogues = true, cancelRequests = false } = options;
  return {
    port,
    region,
    clusterId,
    clock,
    // A client in this process signs its token by `Date`, which a test may have faked.
    tokenClock: options.clock ?? (() => new Date()),
    maxConnections,
    jobDurationMs,
    requireSni,
    staleCatalogues,
    cancelRequests,
    onConnectionRefused: options.onConnectionRefused,
  };
}

/** As many random characters of `a` to `z` and `0` to `9`. */
export function randomCharacters(count: number): string {
  return Array.from({ length: count }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}
