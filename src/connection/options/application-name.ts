import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** PostgreSQL keeps 63 bytes of an application name. */
const MAX_BYTES = 63;

let ownName: string | undefined;

function packageName(): string {
  if (ownName === undefined) {
    const manifest = JSON.parse(readFileSync(join(__dirname, '../../../package.json'), 'utf8')) as {
      name: string;
      version: string;
    };
    ownName = `${manifest.name}/${manifest.version}`;
  }
  return ownName;
}

/**
 * The `application_name` of a connection: `<ormPrefix>:aurora-dsql-orm/<version>`, at most 63 bytes of UTF-8.
 * A long prefix is cut between two characters; our own part is never cut.
 */
export function applicationName(ormPrefix = ''): string {
  const own = packageName();
  const room = MAX_BYTES - Buffer.byteLength(`:${own}`);
  let prefix = '';
  let bytes = 0;
  for (const character of ormPrefix) {
    bytes += Buffer.byteLength(character);
    if (bytes > room) break;
    prefix += character;
  }
  return prefix === '' ? own : `${prefix}:${own}`;
}
