import { isIP } from 'node:net';
import type { Credentials } from '../token';
import type { EndpointPolicy } from '../endpoints/endpoint-policy';
import type { EndpointOptions } from './endpoint-options';
import { isObject, numberThat, oneOf, text, textThat, valueThat, wholeNumber } from './option-kinds';
import type { OptionDescriptor, OptionsOf } from './option-table';
import { readTrustRoots } from './trust-roots';

/** AWS user guide, authentication, 2026-09-15. */
const MAX_TOKEN_SECS = 604_800;
const MAX_LIFETIME_SECS = 3600;

const DNS_NAME = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/i;

/** The options of a connection; {@link ConnectionOptions} has the types that follow from them. */
export const connectionOptions = {
  /**
   * `postgres://`, `postgresql://` or `dsql://[user@]host[:port][/database]`, with options as parameters. The options
   * beside it win over it.
   */
  connectionString: { kind: text(), meaning: '`dsql://[user@]host[:port]`; see below', otherwise: 'none' },
  /**
   * Cluster endpoint, PrivateLink name, or 26-character cluster id.
   * @defaultValue the environment's CLUSTER_ENDPOINT
   */
  host: {
    kind: text(),
    meaning: 'cluster endpoint, PrivateLink name, or 26-character cluster id',
    environment: ['CLUSTER_ENDPOINT'],
  },
  /**
   * The endpoints of a cluster of several Regions, in the place of `host`: names, or objects. New connections go to the
   * nearest that can be reached. Aurora DSQL does not fail over by itself (AWS user guide, multi-Region clusters, 2026-09-15).
   * @defaultValue none: there is one endpoint, `host`
   */
  endpoints: {
    kind: valueThat<readonly (string | EndpointOptions)[]>(
      (value) =>
        Array.isArray(value) &&
        value.length > 0 &&
        value.every((each) => (typeof each === 'string' && each !== '') || isObject(each)),
      'a list of at least one endpoint, each a host name or `{ host, region, port, hostaddr }`',
    ),
    meaning: 'the endpoints of a cluster of several Regions, in the place of `host`; see below',
    otherwise: 'none',
    inDsql: true,
  },
  /**
   * How endpoints are chosen, set aside and tried again; only with `endpoints`.
   * @defaultValue that of each of its options
   */
  endpointPolicy: {
    kind: valueThat<EndpointPolicy>(isObject, 'an object'),
    meaning: 'how endpoints are set aside and tried again; see below',
    otherwise: 'see below',
    inDsql: true,
  },
  /**
   * The cluster's AWS Region.
   * @defaultValue the one in the host name, else the environment's AWS_REGION or AWS_DEFAULT_REGION
   */
  region: {
    kind: text(),
    meaning: "the cluster's region",
    environment: ['AWS_REGION', 'AWS_DEFAULT_REGION'],
    parameter: 'region',
    otherwise: 'from the host',
    inDsql: true,
  },
  /**
   * The database role. `admin` is authorised by dsql:DbConnectAdmin, every other role by dsql:DbConnect.
   * @defaultValue the environment's CLUSTER_USER, else `admin`
   */
  user: {
    kind: text(),
    meaning: 'database role; `admin` signs DbConnectAdmin, every other role DbConnect',
    environment: ['CLUSTER_USER'],
    defaultValue: 'admin',
  },
  /**
   * Aurora DSQL has exactly one database.
   * @defaultValue `postgres`
   */
  database: {
    kind: textThat((name) =>
      name === 'postgres'
        ? undefined
        : `must be "postgres", the only database of a cluster, got ${JSON.stringify(name)}; use a schema to keep data apart.`,
    ),
    meaning: 'the only one that there is',
    defaultValue: 'postgres',
  },
  /**
   * TCP port, 1 to 65,535.
   * @defaultValue the environment's PGPORT, else 5432
   */
  port: {
    kind: wholeNumber(1, 65_535),
    meaning: 'TCP port',
    environment: ['PGPORT'],
    defaultValue: 5432,
  },
  /**
   * The named profile of the shared AWS configuration files. It cannot be combined with `credentials`.
   * @defaultValue the environment's AWS_PROFILE, which the default chain of the AWS SDK reads itself
   */
  profile: {
    kind: text(),
    meaning: 'a profile of the AWS configuration files',
    parameter: 'profile',
    otherwise: '`AWS_PROFILE`',
    inDsql: true,
  },
  /**
   * AWS credentials, or a function that gives them.
   * @defaultValue the default credential provider chain of the AWS SDK
   */
  credentials: {
    kind: valueThat<Credentials>(
      (value) => isObject(value) || typeof value === 'function',
      'AWS credentials, or a function that returns them',
    ),
    meaning: 'AWS credentials or a provider',
    otherwise: "the SDK's default chain",
    inDsql: true,
  },
  /**
   * How long a token opens connections, in seconds, 1 to 604,800 (7 days). A connection outlives its token, so short is
   * good; more than an hour is warned about once.
   * @defaultValue 900
   */
  tokenDurationSecs: {
    kind: wholeNumber(1, MAX_TOKEN_SECS, ' of seconds'),
    meaning: 'how long a token opens connections',
    parameter: 'tokenDurationSecs',
    defaultValue: 900,
    inDsql: true,
  },
  /**
   * The first part of `application_name`, before `:aurora-dsql-orm/<version>`.
   * @defaultValue `typeorm` or `sequelize` by their entry points, none without an ORM
   */
  ormPrefix: {
    kind: textThat((prefix) =>
      /\p{Cc}/u.test(prefix)
        ? `must not contain control characters, got ${JSON.stringify(prefix)}.`
        : undefined,
    ),
    meaning: 'first part of `application_name`, before `:aurora-dsql-orm/<version>`',
    parameter: 'ormPrefix',
    otherwise: '`typeorm`, `sequelize`',
    inDsql: true,
  },
  /**
   * The IP address or DNS name to dial instead of `host`, such as the own name of a VPC endpoint; SNI, certificate check
   * and token keep the cluster's name (AWS user guide, PrivateLink, 2026-09-15).
   * @defaultValue the environment's PGHOSTADDR
   */
  hostaddr: {
    kind: textThat((address) =>
      isIP(address) === 0 && !DNS_NAME.test(address)
        ? `must be an IP address or a DNS name, got ${JSON.stringify(address)}.`
        : undefined,
    ),
    meaning: 'address or DNS name to dial; SNI, certificate and token keep `host`',
    environment: ['PGHOSTADDR'],
    parameter: 'hostaddr',
    inDsql: true,
  },
  /**
   * Further certificate authorities to trust, in PEM, beside those that Node.js trusts.
   * @defaultValue the file that the environment's PGSSLROOTCERT names
   */
  ca: {
    kind: {
      ...valueThat<string | readonly string[]>(
        (value) => [value].flat().every((root) => typeof root === 'string'),
        'certificates in PEM',
      ),
      parse: readTrustRoots,
    },
    meaning: 'further trust roots, in PEM; as a parameter and in the environment, their file',
    environment: ['PGSSLROOTCERT'],
    parameter: 'sslrootcert',
    inDsql: true,
  },
  /**
   * `direct` starts TLS at once and saves a round trip (where the installed `pg` can); `postgres` asks first.
   * @defaultValue `direct`
   */
  sslNegotiation: {
    kind: oneOf(['direct', 'postgres']),
    meaning: '`direct` (where `pg` can) or `postgres`',
    defaultValue: 'direct',
    inDsql: true,
  },
  /**
   * The schema that becomes the search_path of every new connection.
   * @defaultValue the role's own search_path
   */
  schema: {
    kind: text(),
    meaning: 'search_path of every new connection',
    otherwise: "the role's",
  },
  /**
   * How long a connection is used, in seconds, 1 to 3,600, less a random part of up to a tenth. Aurora DSQL ends
   * connections after 60 minutes (AWS user guide, quotas, 2026-09-15).
   * @defaultValue 3300
   */
  maxLifetimeSecs: {
    kind: numberThat(
      (seconds) => seconds >= 1 && seconds <= MAX_LIFETIME_SECS,
      `from 1 to ${MAX_LIFETIME_SECS} seconds (Aurora DSQL ends a connection after 60 minutes)`,
    ),
    meaning: 'life of a connection, less a random 0 to 10 %',
    defaultValue: 3300,
    inDsql: true,
  },
} as const satisfies Record<string, OptionDescriptor>;

type Table = typeof connectionOptions;

/** How to reach a cluster. */
export type ConnectionOptions = OptionsOf<Table>;

type DsqlOptionName = {
  [Name in keyof Table]: Table[Name] extends { readonly inDsql: true } ? Name : never;
}[keyof Table];

/** The options of a connection that are DSQL's own: they go in `dsql` beside the options of an ORM. */
export type DsqlOptions = Pick<ConnectionOptions, DsqlOptionName>;

/** The rows of {@link connectionOptions} that go in `dsql`. */
export const dsqlOptions = Object.fromEntries(
  Object.entries<OptionDescriptor>(connectionOptions).filter(([, { inDsql }]) => inDsql === true),
);
