import { ConfigurationError } from '../errors';

/** `<cluster id>.dsql.<region>.on.aws`, or with a PrivateLink service name (`dsql-fnh4`) in the second place. */
const ENDPOINT = /^[a-z0-9]{26}\.dsql(?:-[a-z0-9]+)*\.(?<region>[a-z]{2,}(?:-[a-z0-9]+)+)\.on\.aws$/;
const CLUSTER_ID = /^[a-z0-9]{26}$/;

/** Where a cluster is: the name that is dialled, shown in SNI, checked in the certificate and signed into the token. */
export interface Endpoint {
  readonly host: string;
  readonly region: string;
}

/**
 * Completes a host and a region from each other.
 *
 * @param host - cluster endpoint, PrivateLink name, or 26-character cluster id
 * @param region - the region that the user named
 * @param ambientRegion - the region of the environment: used for a cluster id alone, because a host name knows better
 * @throws {@link ConfigurationError} when the host is of none of these forms, when the region contradicts it, or when
 *   no region is known
 */
export function resolveEndpoint(host: string, region?: string, ambientRegion?: string): Endpoint {
  const name = host.trim().toLowerCase().replace(/\.$/, '');
  if (CLUSTER_ID.test(name)) {
    const known = region ?? ambientRegion;
    if (known === undefined) {
      throw new ConfigurationError(
        'region',
        `is needed because host "${name}" is a cluster id; set it, set AWS_REGION, or give the whole endpoint (${name}.dsql.<region>.on.aws).`,
      );
    }
    return { host: `${name}.dsql.${known}.on.aws`, region: known };
  }
  const found = ENDPOINT.exec(name)?.groups?.region;
  if (found === undefined) {
    throw new ConfigurationError(
      'host',
      `expected a cluster endpoint (<26 characters>.dsql.<region>.on.aws), its PrivateLink name (<26 characters>.dsql-<service>.<region>.on.aws) or a 26-character cluster id, got ${JSON.stringify(host)}. To dial another address, keep the cluster's name here and set hostaddr.`,
    );
  }
  if (region !== undefined && region !== found) {
    throw new ConfigurationError('region', `"${region}" contradicts host "${name}", which is in ${found}.`);
  }
  return { host: name, region: found };
}
