import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { applicationName } from './application-name';
import { connectionOptions, type ConnectionOptions } from './connection-options';
import { parseConnectionString } from './connection-string';
import { resolveEndpoint, type Endpoint } from './endpoint';
import { resolveEndpointPolicy, resolveEndpoints, type DialledEndpoint } from './resolve-endpoints';
import { checkOptionNames, resolveOptions, type ResolvedOptionsOf } from './option-table';
import { ConfigurationError } from '../errors';
import { EndpointRanking } from '../endpoints/endpoint-ranking';
import { createTokenSigners, type TokenSigner } from '../token';

type Settings = ResolvedOptionsOf<typeof connectionOptions>;

/** How one endpoint is reached. Frozen; it holds no credentials, and its signer keeps them in its closure. */
export interface ResolvedEndpoint
  extends
    Endpoint,
    Pick<
      Settings,
      'user' | 'database' | 'port' | 'hostaddr' | 'sslNegotiation' | 'schema' | 'maxLifetimeSecs'
    > {
  readonly applicationName: string;
  /** What is trusted: made when it is first needed, and then shared by all connections. */
  readonly secureContext: () => SecureContext;
  readonly signToken: TokenSigner;
}

/** {@link ConnectionOptions}, checked and completed. Of several endpoints it is itself the first. Frozen. */
export interface ResolvedConnection extends ResolvedEndpoint {
  /** Where there are several endpoints: which of them a new connection goes to. */
  readonly endpoints: EndpointRanking<ResolvedEndpoint> | undefined;
}

const LONG_TOKEN_SECS = 3600;

/**
 * Checks {@link ConnectionOptions} and completes them from the connection string and the environment, in this order.
 *
 * @param options - left untouched
 * @param defaultPrefix - the `ormPrefix` where neither the options nor the connection string name one
 * @param isWholeName - whether `ormPrefix` is all of the `application_name`, as an ORM's own option says it
 * @throws {@link ConfigurationError} naming the first option that is unknown or has a wrong value
 */
export function resolveConnection(
  options: ConnectionOptions | string = {},
  defaultPrefix?: string,
  isWholeName = false,
): ResolvedConnection {
  const given: ConnectionOptions = typeof options === 'string' ? { connectionString: options } : options;
  checkOptionNames(given, connectionOptions);
  const { connectionString } = given;
  const texts = connectionString === undefined ? {} : parseConnectionString(connectionString);
  const settings = resolveOptions(connectionOptions, given, '', texts);
  if (given.profile !== undefined && given.credentials !== undefined) {
    throw new ConfigurationError('profile', 'cannot be combined with `credentials`.');
  }
  const policy = resolveEndpointPolicy(settings);
  const isRegionNamed = (given.region ?? texts.region) !== undefined;
  const dialled =
    settings.endpoints === undefined
      ? [{ ...endpointOf(settings, isRegionNamed), port: settings.port, hostaddr: settings.hostaddr }]
      : resolveEndpoints(given, texts, settings, isRegionNamed ? undefined : settings.region);
  if (settings.tokenDurationSecs > LONG_TOKEN_SECS) warnOfLongToken(settings.tokenDurationSecs);
  const { ormPrefix = defaultPrefix } = settings;
  const name = isWholeName && ormPrefix !== undefined ? ormPrefix : applicationName(ormPrefix);
  const connections = connectionsTo(dialled, settings, name);
  const [first, ...others] = connections as [ResolvedEndpoint, ...ResolvedEndpoint[]];
  const endpoints =
    settings.endpoints === undefined ? undefined : new EndpointRanking([first, ...others], policy);
  return Object.freeze({ ...first, endpoints });
}

function connectionsTo(
  endpoints: readonly DialledEndpoint[],
  settings: Settings,
  name: string,
): readonly ResolvedEndpoint[] {
  const { user, tokenDurationSecs, profile, credentials, ca = [] } = settings;
  const common = {
    user,
    database: settings.database,
    sslNegotiation: settings.sslNegotiation,
    schema: settings.schema,
    applicationName: name,
    maxLifetimeSecs: settings.maxLifetimeSecs,
    secureContext: trust([ca].flat()),
  };
  const signerOf = createTokenSigners({
    user,
    tokenDurationSecs,
    profile,
    // The caller may change or clear the object later.
    credentials: typeof credentials === 'object' ? { ...credentials } : credentials,
  });
  return endpoints.map((endpoint) =>
    Object.freeze({ ...endpoint, ...common, signToken: signerOf(endpoint) }),
  );
}

function endpointOf({ host, region }: Settings, isRegionNamed: boolean): Endpoint {
  if (host === undefined) {
    const [variable] = connectionOptions.host.environment;
    throw new ConfigurationError(
      'host',
      `is needed: set it to the cluster endpoint or id, or set ${variable}.`,
    );
  }
  return isRegionNamed ? resolveEndpoint(host, region) : resolveEndpoint(host, undefined, region);
}

let lastTrust: { readonly roots: string; readonly secureContext: () => SecureContext } | undefined;

/**
 * The trust roots are parsed once for all connections, of whatever pool, that trust the same: there are about 150 of them,
 * which take 40 ms.
 */
function trust(ca: readonly string[]): () => SecureContext {
  const roots = JSON.stringify(ca);
  if (lastTrust?.roots === roots) return lastTrust.secureContext;
  let context: SecureContext | undefined;
  const secureContext = () =>
    (context ??= createSecureContext(ca.length === 0 ? {} : { ca: [...rootCertificates, ...ca] }));
  lastTrust = { roots, secureContext };
  return secureContext;
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
