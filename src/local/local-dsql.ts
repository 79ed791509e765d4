import { randomBytes, randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { createSecureContext } from 'node:tls';
import { loadParser } from '../sql';
import { ConnectionLimits } from './limits/connection-limits';
import { FaultInjector } from './faults/fault-injector';
import type { Faults } from './faults/faults';
import { JobRunner } from './job-runner';
import { Limits } from './limits/limits';
import { Concurrency } from './concurrency/concurrency';
import { launchPostgres } from './postgres';
import { LOOPBACK, ProxyServer } from './proxy-server';
import { realTime } from './real-time';
import { CatalogueReader } from './concurrency/catalogue-reader';
import { Superuser } from './superuser';
import { issueCertificates } from './tls/certificates';
import { signToken } from './token';
import { Tracer } from './trace';
import type { Trace } from './trace';

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
   * The cluster's id, 26 characters of `a` to `z` and `0` to `9`.
   * @defaultValue random
   */
  readonly clusterId?: string | undefined;
  /**
   * The clock for the age of tokens, transactions and connections, the rate of new connections, and asynchronous jobs.
   * A test moves it instead of waiting. While it does not move, 1,000 connections can be opened.
   * @defaultValue the system's time; for tokens that of `Date`, because a test that fakes `Date` also signs by it
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

/** An access key, valid for one local DSQL and nowhere else. */
export interface LocalCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** The environment variables that `psql`, the AWS SDK and this package read to reach the local DSQL. */
export interface LocalDsqlEnvironment extends Record<string, string> {
  PGHOST: string;
  PGHOSTADDR: string;
  PGPORT: string;
  PGUSER: string;
  PGDATABASE: string;
  /** A token, valid for a week by the clock of the local DSQL. */
  PGPASSWORD: string;
  PGSSLMODE: string;
  PGSSLROOTCERT: string;
  AWS_ACCESS_KEY_ID: string;
  AWS_SECRET_ACCESS_KEY: string;
  AWS_REGION: string;
  CLUSTER_ENDPOINT: string;
  CLUSTER_USER: string;
}

/** A running local DSQL. */
export interface LocalDsql extends AsyncDisposable {
  /** The cluster's name, `<id>.dsql.<region>.on.aws`, for TLS and tokens. It does not resolve: dial `hostaddr`. */
  readonly host: string;
  /** The address to dial, `127.0.0.1`. */
  readonly hostaddr: string;
  readonly port: number;
  readonly region: string;
  readonly clusterId: string;
  /** The certificate to trust, in PEM. */
  readonly ca: string;
  /** A file with `ca`, removed by {@link LocalDsql.stop}. */
  readonly caFile: string;
  /** Credentials of the IAM role `roleArn`; those of other roles come from {@link LocalDsql.assumeRole}. */
  readonly credentials: LocalCredentials;
  /** Name it in `AWS IAM GRANT … TO`, so that `credentials` may connect as a database role other than `admin`. */
  readonly roleArn: string;
  /**
   * Returns credentials of any IAM role. They may connect as `admin`, and as the database roles that were granted to
   * that role with `AWS IAM GRANT`.
   *
   * @param arn - such as `arn:aws:iam::123456789012:role/billing`
   * @throws RangeError when it does not look like an IAM ARN
   */
  assumeRole(arn: string): LocalCredentials;
  /** Makes it fail on demand. */
  readonly faults: Faults;
  /** Records what clients do. */
  readonly trace: Trace;
  /**
   * Returns the environment variables for a client.
   *
   * @param user - the role to connect as, `admin` unless given
   */
  env(user?: string): Promise<LocalDsqlEnvironment>;
  /** Ends every connection and the server, and removes all files. Idempotent. */
  stop(): Promise<void>;
}

const CLUSTER_ID = /^[a-z0-9]{26}$/;
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';
const TOKEN_LIFETIME_SECS = 604_800;
const ROLE_ARN = 'arn:aws:iam::123456789012:role/local';
const IAM_ARN = /^arn:aws[a-z-]*:iam::\d{12}:(role|user)\/./;
/** For our own sessions with PostgreSQL, besides those of clients. */
const SPARE_CONNECTIONS = 20;

/**
 * Starts a local Aurora DSQL: a real PostgreSQL 16 of its own, behind a server that speaks TLS, verifies IAM tokens and
 * answers as DSQL does. It listens on 127.0.0.1 only.
 *
 * @example
 * ```ts
 * const local = await startLocalDsql();
 * const client = new DsqlClient({ host: local.host, hostaddr: local.hostaddr, port: local.port, ca: local.ca, credentials: local.credentials });
 * await local.stop();
 * ```
 * @throws RangeError for an invalid option, PostgresUnavailableError when there is no PostgreSQL to run
 */
export async function startLocalDsql(options: LocalDsqlOptions = {}): Promise<LocalDsql> {
  const { port = 0, region = 'us-east-1', clusterId = randomClusterId(), requireSni = true } = options;
  const { clock = realTime, maxConnections = 1000, jobDurationMs = 0 } = options;
  const { staleCatalogues = true, cancelRequests = false } = options;
  // Tokens are signed in this process by `Date`, which a test may have faked.
  const tokenClock = options.clock ?? (() => new Date());
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
  const host = `${clusterId}.dsql.${region}.on.aws`;
  const identities = new Map<string, LocalCredentials & { readonly arn: string }>();
  const assumeRole = (arn: string): LocalCredentials => {
    if (!IAM_ARN.test(arn)) throw new RangeError(`arn: expected an IAM ARN, got ${JSON.stringify(arn)}`);
    const accessKeyId = `AKIA${randomCharacters(16).toUpperCase()}`;
    const secretAccessKey = randomBytes(30).toString('base64');
    identities.set(accessKeyId, { accessKeyId, secretAccessKey, arn });
    return Object.freeze({ accessKeyId, secretAccessKey });
  };
  const credentials = assumeRole(ROLE_ARN);
  const connections = new ConnectionLimits(maxConnections, clock);
  const { ca, cert, key } = issueCertificates([host], realTime());
  const [postgres] = await Promise.all([
    launchPostgres({
      maxConnections: Math.min(maxConnections + SPARE_CONNECTIONS, 10_000),
      settings: Concurrency.postgresSettings,
    }),
    loadParser(),
  ]);
  try {
    const caFile = path.join(postgres.directory, 'ca.pem');
    writeFileSync(caFile, ca);
    const faults = new FaultInjector(() => proxy.endSessions(), clock);
    const trace = new Tracer();
    // Jobs and readers of the catalogue may wait for a lock; what looks after locks must not wait for them.
    const [superuser, worker] = await Promise.all([Superuser.connect(postgres), Superuser.connect(postgres)]);
    const concurrency = new Concurrency(superuser, staleCatalogues);
    const catalogue = await CatalogueReader.connect(postgres, concurrency.monitor);
    const jobs = new JobRunner({
      superuser: worker,
      clock,
      durationMs: jobDurationMs,
      failIndexBuild: (table) => faults.atIndexBuild(table),
    });
    const proxy: ProxyServer = new ProxyServer({
      secureContext: createSecureContext({ cert, key, minVersion: 'TLSv1.2' }),
      gate: {
        clusterId,
        host,
        region,
        requireSni,
        tokenClock,
        credentials: (accessKeyId) => identities.get(accessKeyId),
        admit: (user) => faults.atConnection(user) ?? connections.admit(),
        leave: () => {
          connections.release();
        },
        onToken: (accepted) => {
          trace.count(accepted ? 'tokensVerified' : 'tokensRefused');
        },
        postgres,
      },
      clock,
      concurrency,
      faults,
      limits: new Limits(catalogue),
      trace,
      cancelRequests,
      onRefused: options.onConnectionRefused,
      onJobs: (jobIds) => {
        for (const jobId of jobIds) jobs.run(jobId);
      },
    });
    const listening = await proxy.listen(port);
    let stopped: Promise<void> | undefined;
    const stop = () => {
      stopped ??= proxy
        .close()
        .then(() => jobs.stop())
        .then(() => {
          superuser.close();
          worker.close();
          catalogue.close();
          return postgres.stop();
        });
      return stopped;
    };
    // Without PostgreSQL there is nothing to serve; clients learn it from their connections closing.
    void postgres.ended.then(() => proxy.close());
    return {
      host,
      hostaddr: LOOPBACK,
      port: listening,
      region,
      clusterId,
      ca,
      caFile,
      credentials,
      roleArn: ROLE_ARN,
      assumeRole,
      faults,
      trace,
      env: async (user = 'admin') => ({
        PGHOST: host,
        PGHOSTADDR: LOOPBACK,
        PGPORT: String(listening),
        PGUSER: user,
        PGDATABASE: 'postgres',
        PGPASSWORD: await signToken({
          host,
          region,
          action: user === 'admin' ? 'DbConnectAdmin' : 'DbConnect',
          ...credentials,
          now: tokenClock(),
          expiresSecs: TOKEN_LIFETIME_SECS,
        }),
        PGSSLMODE: 'verify-full',
        PGSSLROOTCERT: caFile,
        AWS_ACCESS_KEY_ID: credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
        AWS_REGION: region,
        CLUSTER_ENDPOINT: host,
        CLUSTER_USER: user,
      }),
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}

function randomClusterId(): string {
  return randomCharacters(26);
}

function randomCharacters(count: number): string {
  return Array.from({ length: count }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
}
