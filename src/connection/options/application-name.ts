import { PACKAGE } from './version';

/** PostgreSQL keeps 63 bytes of an application name. */
const MAX_BYTES = 63;

/**
 * The `application_name` of a connection: `<ormPrefix>:aurora-dsql-orm/<version>`, at most 63 bytes of UTF-8.
 * A long prefix is cut between two characters; our own part is never cut.
 */
export function applicationName(ormPrefix = ''): string {
  const room = MAX_BYTES - Buffer.byteLength(`:${PACKAGE}`);
  let prefix = '';
  let bytes = 0;
  for (const character of ormPrefix) {
    bytes += Buffer.byteLength(character);
    if (bytes > room) break;
    prefix += character;
  }
  return prefix === '' ? PACKAGE : `${prefix}:${PACKAGE}`;
}
