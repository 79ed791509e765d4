import { randomInt } from 'node:crypto';
import { checkNamedOptions } from './named-options';
import { realTime } from './real-time';

/** Options of a local DSQL; all are optional. */
export interface LocalDsqlOptions {
  /**
   * The port to listen on, 0 to 65,535; 0 takes a free one.
   * @defaultValue 0
   */
  readonly port?: number | undefined;
  /**
   * The AWS region of the cluster: part of its host name, and what tokens must be signed for.
   * @defaultValue `us-east-1`
   */
  readonly region?: string | undefined;
  /**
   * Further Regions of the cluster. Each has an endpoint with an id of its own, on the same data: what is committed at one is
   * seen at all, and transactions conflict whichever endpoint they came by (AWS user guide, multi-Region clusters,
   * 2026-09-15).
   * @defaultValue none
   */
  readonly otherRegions?: readonly string[] | undefined;
  /**
   * The cluster's id, 26 characters of `a` to `z` and `0` to `9`.
   * @defaultValue random
   */
  readonly clusterId?: string | undefined;
  /**
   * The clock for the age of tokens, transactions and connections, the rate of new connections, and asynchronous jobs.
   * A test moves it instead of waiting. While it does not move, 1,000 connections can be opened.
   * @defaultValue the system's time; tokens may also be signed by `Date`, as a client does that knows only what a test has faked
   */
  readonly clock?: (() => Date) | undefined;
  /**
   * How many connections may be open at a time, 1 to 10,000. A cluster takes 10,000; here each is a process of
   * PostgreSQL, and room for 10,000 takes 300 MB by itself.
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
   * Whether a session keeps the catalogue that it has read. When another session has changed a table by DDL, GRANT or
   * REVOKE, however long ago, its next statement against that table then fails once with 40001 `(OC001)`. With `false`,
   * only transactions get OC001, for what is changed while they are open.
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
   * Called with why a connection was refused; the client is told only what DSQL tells. `cause` holds the exact reason
   * where there is one.
   */
  readonly onConnectionRefused?: ((error: Error) => void) | undefined;
}

/** {@link LocalDsqlOptions}, checked and completed. */
export interface ResolvedLocalOptions {
  readonly port: number;
  readonly region: string;
  readonly otherRegions: readonly string[];
  readonly clusterId: string;
  readonly clock: () => Date;
  /** A token is taken that is good by one of them. */
  readonly tokenClocks: readonly (() => Date)[];
  readonly maxConnections: number;
  readonly jobDurationMs: number;
  readonly requireSni: boolean;
  readonly staleCatalogues: boolean;
  readonly cancelRequests: boolean;
  readonly onConnectionRefused: ((error: Error) => void) | undefined;
}

const optionNames = Object.keys({
  port: true,
  region: true,
  otherRegions: true,
  clusterId: true,
  clock: true,
  maxConnections: true,
  jobDurationMs: true,
  requireSni: true,
  staleCatalogues: true,
  cancelRequests: true,
  onConnectionRefused: true,
} satisfies Record<keyof LocalDsqlOptions, true>);

const CLUSTER_ID = /^[a-z0-9]{26}$/;
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';

/**
 * Checks and completes options.
 *
 * @throws RangeError for the first one that cannot be, TypeError for one of another kind
 */
export function resolveLocalOptions(options: LocalDsqlOptions): ResolvedLocalOptions {
  checkNamedOptions('startLocalDsql', options, optionNames, "startLocalDsql({ region: 'us-east-1' })");
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
  const { otherRegions = [] } = options;
  const isList: boolean = Array.isArray(otherRegions);
  if (!isList) throw new TypeError('otherRegions: expected a list of AWS regions');
  for (const name of ['clock', 'onConnectionRefused'] as const) {
    if (!['function', 'undefined'].includes(typeof options[name])) {
      throw new TypeError(`${name}: expected a function`);
    }
  }
  checkRegions(region, otherRegions);
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
    otherRegions: [...otherRegions],
    clusterId,
    clock,
    // The AWS SDK signs by `Date`, which a test in this process may have faked.
    tokenClocks: options.clock === undefined ? [realTime, () => new Date()] : [options.clock],
    maxConnections,
    jobDurationMs,
    requireSni,
    staleCatalogues,
    cancelRequests,
    onConnectionRefused: options.onConnectionRefused,
  };
}

function checkRegions(region: string, otherRegions: readonly string[]): void {
  const isRegion = (name: string) => /^[a-z]{2}(-[a-z]+)+-\d+$/.test(name);
  const expected = 'expected an AWS region such as us-east-1, got';
  if (!isRegion(region)) throw new RangeError(`region: ${expected} ${JSON.stringify(region)}`);
  for (const other of otherRegions) {
    if (!isRegion(other)) throw new RangeError(`otherRegions: ${expected} ${JSON.stringify(other)}`);
  }
  const names = [region, ...otherRegions];
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new RangeError(`otherRegions: expected each Region once, got ${JSON.stringify(twice)} twice`);
  }
}

/** As many random characters of `a` to `z` and `0` to `9`. */
export function randomCharacters(count: number): string {
  return Array.from({ length: count }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}
