import { ConfigurationError } from '../errors';
import type { ConnectionOptions } from './connection-options';

const SCHEMES = new Set(['postgres:', 'postgresql:', 'dsql:']);

type Writable<T> = { -readonly [key in keyof T]: T[key] };

/** The parameters that may stand behind the `?`, and what each becomes. */
const parameters = {
  region: (options, value) => (options.region = value),
  profile: (options, value) => (options.profile = value),
  tokenDurationSecs: (options, value) => (options.tokenDurationSecs = Number(value)),
  ormPrefix: (options, value) => (options.ormPrefix = value),
  hostaddr: (options, value) => (options.hostaddr = value),
  sslrootcert: (options, value) => (options.sslrootcert = value),
} satisfies Record<string, (options: Writable<ParsedConnectionString>, value: string) => unknown>;

/** What a connection string can say. */
export interface ParsedConnectionString extends Pick<
  ConnectionOptions,
  | 'host'
  | 'port'
  | 'user'
  | 'database'
  | 'region'
  | 'profile'
  | 'tokenDurationSecs'
  | 'ormPrefix'
  | 'hostaddr'
> {
  /** The path of a file of trust roots, as in libpq. */
  readonly sslrootcert?: string;
}

/**
 * Reads `postgres://`, `postgresql://` or `dsql://` `[user@]host[:port][/database][?parameters]`.
 *
 * @throws {@link ConfigurationError} for another scheme, a password, or a parameter that this package does not know
 */
export function parseConnectionString(text: string): ParsedConnectionString {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !SCHEMES.has(url.protocol)) {
    throw new ConfigurationError(
      'connection string',
      'expected postgres://, postgresql:// or dsql://[user@]host[:port][/database][?parameters].',
    );
  }
  if (url.password !== '') {
    throw new ConfigurationError(
      'connection string',
      'must not hold a password: Aurora DSQL takes a signed token, and one is made for each connection.',
    );
  }
  const options: Writable<ParsedConnectionString> = {};
  if (url.hostname !== '') options.host = decodeURIComponent(url.hostname);
  if (url.port !== '') options.port = Number(url.port);
  if (url.username !== '') options.user = decodeURIComponent(url.username);
  if (url.pathname.length > 1) options.database = decodeURIComponent(url.pathname.slice(1));
  for (const [name, value] of url.searchParams) {
    if (!Object.hasOwn(parameters, name)) {
      throw new ConfigurationError(
        `connection string parameter ${name}`,
        `is not known; the parameters are ${Object.keys(parameters).join(', ')}.${refusedParameterHint(name)}`,
      );
    }
    parameters[name as keyof typeof parameters](options, value);
  }
  return options;
}

function refusedParameterHint(name: string): string {
  return /^ssl/i.test(name) ? ' TLS with full verification is always on.' : '';
}
