import { readFileSync } from 'node:fs';
import { ConfigurationError } from '../errors';
import { unknownOption } from './refused-options';

/** Certificate authorities in PEM. */
type TrustRoots = string | readonly string[];

/**
 * Reads trust roots from a file. `system` is libpq's word for the roots of the machine, which are trusted anyway.
 *
 * @param source - what names the file, for the errors
 * @throws {@link ConfigurationError} when it cannot be read
 */
export function readTrustRoots(file: string, source: string): TrustRoots {
  if (file === 'system') return [];
  try {
    return [readFileSync(file, 'utf8')];
  } catch (cause) {
    throw new ConfigurationError(source, `the file of trust roots ${JSON.stringify(file)} cannot be read.`, {
      cause,
    });
  }
}

/**
 * Adds the trust roots of an ORM's `ssl` option to those of `dsql.ca`. The option may ask for what is always done.
 *
 * @param ca - the trust roots so far
 * @param option - the name of the ORM's option, for the errors
 * @throws {@link ConfigurationError} when it asks for anything less than full verification, or for anything else
 */
export function withTrustRoots(
  ca: TrustRoots | undefined,
  option: string,
  ssl: unknown,
): TrustRoots | undefined {
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
    'cannot switch off TLS or its verification: every connection to Aurora DSQL is verified in full. To trust another authority, give it in `dsql.ca`.',
  );
}
