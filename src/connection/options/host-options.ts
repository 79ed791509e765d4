import { ConfigurationError } from '../errors';
import type { ConnectionOptions } from './connection-options';
import { unknownOption } from './options';

/** What is Aurora DSQL's own among the options of an ORM: the object `dsql` beside the ORM's own options. */
export type DsqlOptions = Pick<
  ConnectionOptions,
  | 'region'
  | 'profile'
  | 'credentials'
  | 'tokenDurationSecs'
  | 'ormPrefix'
  | 'hostaddr'
  | 'ca'
  | 'sslNegotiation'
  | 'maxLifetimeSecs'
>;

const dsqlOptionNames: ReadonlySet<string> = new Set<keyof DsqlOptions>([
  'region',
  'profile',
  'credentials',
  'tokenDurationSecs',
  'ormPrefix',
  'hostaddr',
  'ca',
  'sslNegotiation',
  'maxLifetimeSecs',
]);

/**
 * Refuses a name in `dsql: {…}` that is not an option.
 *
 * @throws {@link ConfigurationError} naming it
 */
export function checkDsqlOptions(dsql: object): void {
  for (const name of Object.keys(dsql)) {
    if (!dsqlOptionNames.has(name)) throw unknownOption(`dsql.${name}`);
  }
}

/**
 * Adds the trust roots of an ORM's `ssl` option to those of `dsql.ca`. The option may ask for what is always done.
 *
 * @param ca - the trust roots so far
 * @param option - the name of the ORM's option, for the errors
 * @throws {@link ConfigurationError} when it asks for anything less than full verification, or for anything else
 */
export function withTrustRoots(ca: DsqlOptions['ca'], option: string, ssl: unknown): DsqlOptions['ca'] {
  if (ssl === undefined || ssl === null || ssl === true) return ca;
  if (typeof ssl !== 'object') throw weakened(option);
  const { rejectUnauthorized = true, require = true, ca: more, ...others } = ssl as Record<string, unknown>;
  if (rejectUnauthorized !== true || require !== true) throw weakened(option);
  for (const name of Object.keys(others)) throw unknownOption(`${option}.${name}`);
  if (more === undefined) return ca;
  const roots = (Array.isArray(more) ? (more as unknown[]) : [more]).map((root) => {
    if (typeof root === 'string') return root;
    if (Buffer.isBuffer(root)) return root.toString('utf8');
    throw new ConfigurationError(`${option}.ca`, 'must be certificates in PEM.');
  });
  return [...(typeof ca === 'string' ? [ca] : (ca ?? [])), ...roots];
}

function weakened(option: string): ConfigurationError {
  return new ConfigurationError(
    option,
    'cannot switch off TLS or its verification: every connection to Aurora DSQL is verified in full. To trust another authority, give it in dsql.ca.',
  );
}
