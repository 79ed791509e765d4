import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { createSecureContext } from 'node:tls';
import { refuseOldNode } from '../node';
import { loadParser } from '../sql';
import { ConnectionLimits } from './limits/connection-limits';
import { FaultInjector } from './faults/fault-injector';
import type { Faults } from './faults/faults';
import { JobRunner } from './job-runner';
import { Limits } from './limits/limits';
import { Concurrency } from './concurrency/concurrency';
import { launchPostgres } from './postgres';
import type { PostgresServer } from './postgres';
import { LOOPBACK, ProxyServer } from './proxy-server';
import { Identities } from './identities';
import type { LocalCredentials } from './identities';
import { randomCharacters, resolveLocalOptions } from './options';
import type { LocalDsqlOptions, ResolvedLocalOptions } from './options';
import { realTime } from './real-time';
import { CatalogueReader } from './concurrency/catalogue/catalogue-reader';
import { Superuser } from './superuser';
import { issueCertificates } from './tls/certificates';
import { signToken } from './token';
import { Tracer } from './trace';
import type { Trace } from './trace';

refuseOldNode();

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

/** Where the cluster is reached in one of its Regions; {@link LocalDsql.endpoints} can be given to a pool as they are. */
export interface LocalEndpoint {
  /** The endpoint's name, `<id>.dsql.<region>.on.aws`, for TLS and tokens. It does not resolve: dial `hostaddr`. */
  readonly host: string;
  /** The address to dial, `127.0.0.1`. */
  readonly hostaddr: string;
  readonly port: number;
  readonly region: string;
}

/** A running local DSQL. */
export interface LocalDsql extends LocalEndpoint, AsyncDisposable {
  /** The endpoints of all Regions: its own first, then those of `otherRegions`. */
  readonly endpoints: readonly LocalEndpoint[];
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

const TOKEN_LIFETIME_SECS = 604_800;
const ROLE_ARN = 'arn:aws:iam::123456789012:role/local';
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
 * @throws RangeError or TypeError for an invalid option, PostgresUnavailableError when there is no PostgreSQL to run
 */
export async function startLocalDsql(options: LocalDsqlOptions = {}): Promise<LocalDsql> {
  const resolved = resolveLocalOptions(options);
  const [postgres] = await Promise.all([
    launchPostgres({
      maxConnections: Math.min(resolved.maxConnections + SPARE_CONNECTIONS, 10_000),
      settings: Concurrency.postgresSettings,
    }),
    loadParser(),
  ]);
  try {
    return await serve(postgres, resolved);
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}

/** Serves clients as a cluster does, from a PostgreSQL that is theirs alone. */
async function serve(postgres: PostgresServer, options: ResolvedLocalOptions): Promise<LocalDsql> {
  const { clusterId, clock } = options;
  const regions = namesOf(options);
  const { ca, cert, key } = issueCertificates(
    regions.map(({ host }) => host),
    realTime(),
  );
  const caFile = path.join(postgres.directory, 'ca.pem');
  writeFileSync(caFile, ca);
  const identities = new Identities();
  const proxies: ProxyServer[] = [];
  const faults = faultsOf(proxies, clock);
  const trace = new Tracer();
  const sessions = await openOwnSessions(postgres, options, faults);
  const secureContext = createSecureContext({ cert, key, minVersion: 'TLSv1.2' });
  const common = { secureContext, faults, trace, ...sharedParts(options, sessions) };
  const gate = gateTo(postgres, options, { identities, faults, trace });
  const endpoints: LocalEndpoint[] = [];
  for (const names of regions) {
    const proxy = new ProxyServer({ ...common, gate: { ...gate, ...names } });
    proxies.push(proxy);
    const port = await proxy.listen(names.clusterId === clusterId ? options.port : 0);
    endpoints.push({ host: names.host, hostaddr: LOOPBACK, port, region: names.region });
  }
  const [own] = endpoints as [LocalEndpoint];
  const closeProxies = () => Promise.all(proxies.map((proxy) => proxy.close()));
  const end = async () => {
    await closeProxies();
    await sessions.close();
    await postgres.stop();
  };
  let stopped: Promise<void> | undefined;
  const stop = () => (stopped ??= end());
  // Without PostgreSQL there is nothing to serve; clients learn it from their connections closing.
  void postgres.ended.then(closeProxies);
  const credentials = identities.assumeRole(ROLE_ARN);
  const address = { ...own, clusterId, ca, caFile, credentials };
  return {
    ...address,
    endpoints,
    roleArn: ROLE_ARN,
    assumeRole: (arn) => identities.assumeRole(arn),
    faults,
    trace,
    env: (user = 'admin') => environment(address, user, clock()),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** @param proxies - those that there are when something is to fail */
function faultsOf(proxies: readonly ProxyServer[], clock: () => Date): FaultInjector {
  return new FaultInjector(
    {
      regions: () => proxies.map(({ region }) => region),
      end: () => proxies.reduce((count, proxy) => count + proxy.endSessions(), 0),
      cut: (cutOff) => {
        for (const proxy of proxies) if ((cutOff ?? proxy.region) === proxy.region) proxy.cutConnections();
      },
    },
    clock,
  );
}

/** Who is let in, at every endpoint alike. */
function gateTo(
  postgres: PostgresServer,
  { requireSni, tokenClocks, maxConnections, clock }: ResolvedLocalOptions,
  { identities, faults, trace }: { identities: Identities; faults: FaultInjector; trace: Tracer },
) {
  const connections = new ConnectionLimits(maxConnections, clock);
  return {
    requireSni,
    tokenClocks,
    credentials: (accessKeyId: string) => identities.of(accessKeyId),
    admit: (user: string) => faults.atConnection(user) ?? connections.admit(),
    leave: () => {
      connections.release();
    },
    onToken: (accepted: boolean) => {
      trace.count(accepted ? 'tokensVerified' : 'tokensRefused');
    },
    postgres,
  };
}

/** What the endpoints are called: the cluster's own first. */
function namesOf({ region, otherRegions, clusterId }: ResolvedLocalOptions) {
  return [region, ...otherRegions].map((each, index) => {
    const id = index === 0 ? clusterId : randomCharacters(26);
    return { region: each, clusterId: id, host: `${id}.dsql.${each}.on.aws` };
  });
}

/**
 * Opens our own sessions with PostgreSQL. Jobs and readers of the catalogue may wait for a lock; what looks after locks
 * must not wait for them, so each has a session of its own.
 */
async function openOwnSessions(
  postgres: PostgresServer,
  { clock, jobDurationMs, staleCatalogues }: ResolvedLocalOptions,
  faults: FaultInjector,
) {
  const [superuser, worker] = await Promise.all([Superuser.connect(postgres), Superuser.connect(postgres)]);
  const concurrency = new Concurrency(superuser, staleCatalogues);
  const catalogue = await CatalogueReader.connect(postgres, concurrency.monitor);
  const jobs = new JobRunner({
    superuser: worker,
    clock,
    durationMs: jobDurationMs,
    failIndexBuild: (table) => faults.atIndexBuild(table),
  });
  const close = async () => {
    await jobs.stop();
    superuser.close();
    worker.close();
    catalogue.close();
  };
  return { concurrency, catalogue, jobs, close };
}

/** What all endpoints serve their clients with. */
function sharedParts(
  { clock, cancelRequests, onConnectionRefused }: ResolvedLocalOptions,
  { concurrency, catalogue, jobs }: Awaited<ReturnType<typeof openOwnSessions>>,
) {
  return {
    clock,
    concurrency,
    limits: new Limits(catalogue),
    cancelRequests,
    onRefused: onConnectionRefused,
    onJobs: (jobIds: readonly string[]) => {
      for (const jobId of jobIds) jobs.run(jobId);
    },
  };
}

/** What a client finds the local DSQL by. */
type Address = Pick<LocalDsql, 'host' | 'hostaddr' | 'port' | 'region' | 'caFile' | 'credentials'>;

async function environment(address: Address, user: string, now: Date): Promise<LocalDsqlEnvironment> {
  const { host, hostaddr, port, region, caFile, credentials } = address;
  return {
    PGHOST: host,
    PGHOSTADDR: hostaddr,
    PGPORT: String(port),
    PGUSER: user,
    PGDATABASE: 'postgres',
    PGPASSWORD: await signToken({
      host,
      region,
      action: user === 'admin' ? 'DbConnectAdmin' : 'DbConnect',
      ...credentials,
      now,
      expiresSecs: TOKEN_LIFETIME_SECS,
    }),
    PGSSLMODE: 'verify-full',
    PGSSLROOTCERT: caFile,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_REGION: region,
    CLUSTER_ENDPOINT: host,
    CLUSTER_USER: user,
  };
}
