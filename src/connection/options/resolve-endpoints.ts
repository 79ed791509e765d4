import { endpointPolicyOptions, type ResolvedEndpointPolicy } from '../endpoints/endpoint-policy';
import { ConfigurationError } from '../errors';
import { connectionOptions, type ConnectionOptions } from './connection-options';
import { resolveEndpoint, type Endpoint } from './endpoint';
import { checkOptionNames, resolveOptions, type OptionTexts, type ResolvedOptionsOf } from './option-table';

/** An endpoint of several, and how it is dialled. */
export interface DialledEndpoint extends Endpoint {
  readonly port: number;
  readonly hostaddr: string | undefined;
}

/** The options that say for one endpoint what `endpoints` says for each, and what to do instead. */
const REPLACED = {
  host: 'list it among the endpoints, and leave it out',
  region: 'it follows from each host; for a cluster id give `{ host, region }`',
  hostaddr: 'give each endpoint its own, as `{ host, hostaddr }`',
} as const;

const { host, region, port, hostaddr } = connectionOptions;

/** The options of one endpoint. Nothing in the environment says them, as it knows one endpoint only. */
const endpointOptions = {
  host: { kind: host.kind, meaning: host.meaning },
  region: { kind: region.kind, meaning: region.meaning },
  port: { kind: port.kind, meaning: port.meaning },
  hostaddr: { kind: hostaddr.kind, meaning: hostaddr.meaning },
} as const;

/**
 * Checks and completes `endpoints`.
 *
 * @param texts - what the connection string says
 * @param settings - the options of the connection, checked
 * @param ambientRegion - the Region of the environment, for cluster ids
 * @throws {@link ConfigurationError} naming the option that has a wrong value, or contradicts `endpoints`
 */
export function resolveEndpoints(
  given: ConnectionOptions,
  texts: OptionTexts,
  settings: ResolvedOptionsOf<typeof connectionOptions>,
  ambientRegion: string | undefined,
): readonly DialledEndpoint[] {
  const endpoints = (settings.endpoints ?? []).map((endpoint, index) => {
    const prefix = `endpoints[${index}].`;
    const options = typeof endpoint === 'string' ? { host: endpoint } : endpoint;
    checkOptionNames(options, endpointOptions, prefix);
    const resolved = resolveOptions(endpointOptions, options, prefix);
    if (resolved.host === undefined) throw new ConfigurationError(`${prefix}host`, 'is needed.');
    return {
      ...resolveEndpoint(resolved.host, resolved.region, ambientRegion),
      port: resolved.port ?? settings.port,
      hostaddr: resolved.hostaddr,
    };
  });
  checkReplaced(given, texts, endpoints);
  const names = endpoints.map((endpoint) => `${endpoint.host}:${endpoint.port}`);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new ConfigurationError('endpoints', `must name ${twice} only once.`);
  return endpoints;
}

function checkReplaced(
  given: ConnectionOptions,
  texts: OptionTexts,
  endpoints: readonly DialledEndpoint[],
): void {
  for (const [name, instead] of Object.entries(REPLACED)) {
    const value = given[name as keyof typeof REPLACED] ?? texts[name]?.text;
    // The options of a `Sequelize` of ours name the first endpoint, and make other instances.
    const isFirst = name === 'host' && value === endpoints[0]?.host;
    if (value === undefined || isFirst) continue;
    throw new ConfigurationError('endpoints', `cannot be combined with \`${name}\`: ${instead}.`);
  }
}

/**
 * Checks and completes `endpointPolicy`.
 *
 * @throws {@link ConfigurationError} naming the option that has a wrong value
 */
export function resolveEndpointPolicy({
  endpoints,
  endpointPolicy = {},
}: Pick<ConnectionOptions, 'endpoints' | 'endpointPolicy'>): ResolvedEndpointPolicy {
  const prefix = 'endpointPolicy.';
  checkOptionNames(endpointPolicy, endpointPolicyOptions, prefix);
  const policy = resolveOptions(endpointPolicyOptions, endpointPolicy, prefix);
  if (policy.minBackoffMs > policy.maxBackoffMs) {
    throw new ConfigurationError(
      `${prefix}minBackoffMs`,
      `is ${policy.minBackoffMs}, which is more than maxBackoffMs (${policy.maxBackoffMs}).`,
    );
  }
  if (endpoints === undefined && Object.keys(endpointPolicy).length > 0) {
    throw new ConfigurationError('endpointPolicy', 'says nothing without `endpoints`; remove it.');
  }
  return Object.freeze(policy);
}
