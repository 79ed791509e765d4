import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { applicationName } from './application-name';
import type { ConnectionOptions } from './connection-options';
import { parseConnectionString } from './connection-string';
import { resolveEndpoint } from './endpoint';
import { ConfigurationError } from '../errors';
import { createTokenSigner, type TokenSigner } from '../token';

/** {@link ConnectionOptions}, checked and completed. Frozen; it holds no credentials, and its signer keeps them in its closure. */
export interface ResolvedConnection {
  readonly host: string;
  readonly region: string;
  readonly user: string;
  readonly database: string;
  readonly port: number;
  readonly hostaddr: string | undefined;
  readonly ca: readonly string[];
  readonly sslNegotiation: 'direct' | 'postgres';
  readonly schema: string | undefined;
  readonly applicationName: string;
  readonly maxLifetimeSecs: number;
  /** How long a token opens connections, in seconds. */
  readonly tokenDurationSecs: number;
  readonly signToken: TokenSigner;
}

const DNS_NAME = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/i;

const LONG_TOKEN_SECS = 3600;
const MAX_TOKEN_SECS = 604_800;
const MAX_LIFETIME_SECS = 3600;

const optionNames: ReadonlySet<string> = new Set<keyof ConnectionOptions>([
  'connectionString',
  'host',
  'region',
  'user',
  'database',
  'port',
  'profile',
  'credentials',
  'tokenDurationSecs',
  'ormPrefix',
  'hostaddr',
  'ca',
  'sslNegotiation',
  'schema',
  'maxLifetimeSecs',
]);

const alwaysVerified = 'TLS with full verification is always on; `ca` adds a trust root.';
const refusedAtStartUp =
  'Aurora DSQL refuses it as a start-up parameter, so the connection would fail. A transaction ends after 5 minutes by itself; bound a single call in your own code.';
const tokenInstead = 'A token is signed for each connection instead; see `credentials` and `profile`.';

/** What people coming from node-postgres, TypeORM or Sequelize write, and what to do instead. */
const refusedOptions: Readonly<Record<string, string>> = {
  password: tokenInstead,
  ssl: alwaysVerified,
  sslmode: alwaysVerified,
  sslrootcert: 'Give the certificates in `ca`, or the file in PGSSLROOTCERT.',
  sslnegotiation: 'It is called `sslNegotiation`.',
  application_name: 'Set `ormPrefix`; the rest of the name tells the cluster which library connects.',
  username: 'It is called `user`.',
  options: 'Set `schema` for the search_path; send other settings with SET on the connection.',
  statement_timeout: refusedAtStartUp,
  lock_timeout: `${refusedAtStartUp} Nothing waits for a lock on Aurora DSQL.`,
  idle_in_transaction_session_timeout: refusedAtStartUp,
  idle_session_timeout: refusedAtStartUp,
  default_transaction_isolation: 'Every transaction on Aurora DSQL is REPEATABLE READ.',
  default_transaction_read_only: 'Send BEGIN READ ONLY where you want it.',
  client_min_messages: refusedAtStartUp,
};

/**
 * What to say about an option that does not exist here.
 *
 * @param option - how the user wrote it
 */
export function unknownOption(option: string): ConfigurationError {
  const name = option.slice(option.lastIndexOf('.') + 1);
  const hint = Object.hasOwn(refusedOptions, name) ? refusedOptions[name] : undefined;
  return new ConfigurationError(
    option,
    hint === undefined
      ? 'is not an option of this package; remove it or check its spelling.'
      : `cannot be used. ${hint}`,
  );
}

/**
 * Checks {@link ConnectionOptions} and completes them from the connection string and the environment, in this order.
 *
 * @param options - left untouched
 * @param defaultPrefix - the `ormPrefix` where neither the options nor the connection string name one
 * @throws {@link ConfigurationError} naming the first option that cannot be
 */
export function resolveConnection(
  options: ConnectionOptions | string = {},
  defaultPrefix?: string,
): ResolvedConnection {
  const given: ConnectionOptions = typeof options === 'string' ? { connectionString: options } : options;
  for (const name of Object.keys(given)) {
    if (!optionNames.has(name)) throw unknownOption(name);
  }
  const { env } = process;
  const fromString =
    given.connectionString === undefined ? {} : parseConnectionString(given.connectionString);

  const host = given.host ?? fromString.host ?? setting(env.CLUSTER_ENDPOINT);
  if (host === undefined) {
    throw new ConfigurationError(
      'host',
      'is needed: set it to the cluster endpoint or id, or set CLUSTER_ENDPOINT.',
    );
  }
  const endpoint = resolveEndpoint(
    host,
    given.region ?? fromString.region,
    setting(env.AWS_REGION) ?? setting(env.AWS_DEFAULT_REGION),
  );
  const user = given.user ?? fromString.user ?? setting(env.CLUSTER_USER) ?? 'admin';
  if (user === '') throw new ConfigurationError('user', 'must not be empty.');

  const database = given.database ?? fromString.database ?? 'postgres';
  if (database !== 'postgres') {
    throw new ConfigurationError(
      'database',
      `must be "postgres", the only database of a cluster, got ${JSON.stringify(database)}; use a schema to keep data apart.`,
    );
  }
  const port = given.port ?? fromString.port ?? Number(setting(env.PGPORT) ?? 5432);
  if (!isWithin(port, 1, 65_535))
    throw new ConfigurationError('port', `must be a whole number from 1 to 65535, got ${port}.`);

  const tokenDurationSecs = given.tokenDurationSecs ?? fromString.tokenDurationSecs ?? 900;
  if (!isWithin(tokenDurationSecs, 1, MAX_TOKEN_SECS)) {
    throw new ConfigurationError(
      'tokenDurationSecs',
      `must be a whole number of seconds from 1 to ${MAX_TOKEN_SECS}, got ${tokenDurationSecs}.`,
    );
  }
  if (tokenDurationSecs > LONG_TOKEN_SECS) warnOfLongToken(tokenDurationSecs);

  const maxLifetimeSecs = given.maxLifetimeSecs ?? 3300;
  if (!(maxLifetimeSecs >= 1 && maxLifetimeSecs <= MAX_LIFETIME_SECS)) {
    throw new ConfigurationError(
      'maxLifetimeSecs',
      `must be from 1 to ${MAX_LIFETIME_SECS} seconds (Aurora DSQL ends a connection after 60 minutes), got ${maxLifetimeSecs}.`,
    );
  }
  const hostaddr = given.hostaddr ?? fromString.hostaddr ?? setting(env.PGHOSTADDR);
  if (hostaddr !== undefined && isIP(hostaddr) === 0 && !DNS_NAME.test(hostaddr)) {
    throw new ConfigurationError(
      'hostaddr',
      `must be an IP address or a DNS name, got ${JSON.stringify(hostaddr)}.`,
    );
  }
  const sslNegotiation: string = given.sslNegotiation ?? 'direct';
  if (sslNegotiation !== 'direct' && sslNegotiation !== 'postgres') {
    throw new ConfigurationError(
      'sslNegotiation',
      `must be "direct" or "postgres", got ${JSON.stringify(sslNegotiation)}.`,
    );
  }
  if (given.profile !== undefined && given.credentials !== undefined) {
    throw new ConfigurationError('profile', 'cannot be combined with `credentials`.');
  }
  const ca =
    given.ca ??
    readTrustRoots('connection string parameter sslrootcert', fromString.sslrootcert) ??
    readTrustRoots('PGSSLROOTCERT', setting(env.PGSSLROOTCERT)) ??
    [];

  return Object.freeze({
    ...endpoint,
    user,
    database,
    port,
    hostaddr,
    ca: Object.freeze(typeof ca === 'string' ? [ca] : [...ca]),
    sslNegotiation,
    schema: given.schema,
    applicationName: applicationName(given.ormPrefix ?? fromString.ormPrefix ?? defaultPrefix),
    maxLifetimeSecs,
    tokenDurationSecs,
    signToken: createTokenSigner({
      ...endpoint,
      user,
      tokenDurationSecs,
      profile: given.profile ?? fromString.profile,
      credentials: copyOf(given.credentials),
    }),
  });
}

/** An empty environment variable says nothing. */
function setting(variable: string | undefined): string | undefined {
  return variable === '' ? undefined : variable;
}

function isWithin(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

/** The caller may change or clear the object later. */
function copyOf(credentials: ConnectionOptions['credentials']): ConnectionOptions['credentials'] {
  return typeof credentials === 'object' ? { ...credentials } : credentials;
}

/** `system` is libpq's word for the roots of the machine, which are trusted anyway. */
function readTrustRoots(source: string, file: string | undefined): readonly string[] | undefined {
  if (file === undefined) return undefined;
  if (file === 'system') return [];
  try {
    return [readFileSync(file, 'utf8')];
  } catch (cause) {
    throw new ConfigurationError(source, `the file of trust roots ${JSON.stringify(file)} cannot be read.`, {
      cause,
    });
  }
}

let warnedOfLongToken = false;

function warnOfLongToken(tokenDurationSecs: number): void {
  if (warnedOfLongToken) return;
  warnedOfLongToken = true;
  process.emitWarning(
    `tokenDurationSecs is ${tokenDurationSecs}: a token is only needed while a connection opens, so one that lives longer than an hour is a risk without a use.`,
    { code: 'DSQL_LONG_TOKEN' },
  );
}
