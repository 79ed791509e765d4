import { ConfigurationError } from '../errors';
import { connectionOptions } from './connection-options';
import type { OptionDescriptor, OptionTexts } from './option-table';
import { startUpSchema } from './start-up-options';

const SCHEMES = new Set(['postgres:', 'postgresql:', 'dsql:']);

/** The parameters that may follow the `?`, and the options that they say. */
const optionOf: ReadonlyMap<string, string> = new Map(
  Object.entries<OptionDescriptor>(connectionOptions).flatMap(([name, { parameter }]) =>
    parameter === undefined ? [] : [[parameter, name]],
  ),
);

/**
 * Reads `postgres://`, `postgresql://` or `dsql://` `[user@]host[:port][/database][?parameters]`.
 *
 * @returns the texts of the options that it says
 * @throws {@link ConfigurationError} for another scheme, a password, or a parameter that this package does not know
 */
export function parseConnectionString(text: string): OptionTexts {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !SCHEMES.has(url.protocol)) {
    throw new ConfigurationError(
      'connection string',
      'must be postgres://, postgresql:// or dsql://[user@]host[:port][/database][?parameters].',
    );
  }
  if (url.password !== '') {
    throw new ConfigurationError(
      'connection string',
      'must not hold a password: Aurora DSQL takes a signed token, and one is made for each connection.',
    );
  }
  const parts: readonly (readonly [option: string, text: string, source?: string])[] = [
    ['host', decodeURIComponent(url.hostname)],
    ['port', url.port],
    ['user', decodeURIComponent(url.username)],
    ['database', decodeURIComponent(url.pathname.slice(1))],
  ];
  const parameters = [...url.searchParams].map(([name, value]) => {
    const source = `connection string parameter ${name}`;
    if (name === 'options') return ['schema', startUpSchema(value, source), source] as const;
    const option = optionOf.get(name);
    if (option === undefined) throw unknownParameter(name);
    return [option, value, source] as const;
  });
  return Object.fromEntries(
    [...parts.filter(([, said]) => said !== ''), ...parameters].map(
      ([option, said, source = 'connection string']) => [option, { text: said, source }],
    ),
  );
}

function unknownParameter(name: string): ConfigurationError {
  const hint = /^ssl/i.test(name) ? ' TLS with full verification is always on.' : '';
  return new ConfigurationError(
    `connection string parameter ${name}`,
    `is not known; the parameters are ${[...optionOf.keys()].join(', ')}.${hint}`,
  );
}
