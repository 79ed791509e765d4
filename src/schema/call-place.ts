import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** A line of a stack trace. */
export interface Frame {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

const PLACE = /(?:\(|at (?:async )?)((?:file:\/\/|\/|[A-Za-z]:[\\/])[^()]*):(\d+):(\d+)\)?$/;

/** The files in a stack trace, the innermost first; what runs in no file is left out. */
export function framesIn(stack: string): Frame[] {
  return stack.split('\n').flatMap((line) => {
    const [, place, number, column] = PLACE.exec(line) ?? [];
    if (place === undefined) return [];
    const file = place.startsWith('file://') ? fileURLToPath(place) : place;
    return [{ file, line: Number(number), column: Number(column) }];
  });
}

/** Where this package is: in its sources, or built. */
const OWN_FOLDER = path.resolve(__dirname, '..') + path.sep;
const HOSTS = /[\\/]node_modules[\\/](?:typeorm|typeorm-0\.3|sequelize|umzug|sequelize-cli|p-map)[\\/]/;

/**
 * The place of the user's code that has called this package, as `file:line:column`.
 *
 * Ask before anything is awaited: the stack is gone then.
 *
 * @returns nothing where only this package and its hosts are on the stack
 */
export function callPlace(): string | undefined {
  const caller = framesIn(new Error().stack ?? '').find(
    ({ file }) => !file.startsWith(OWN_FOLDER) && !HOSTS.test(file),
  );
  return caller && `${caller.file}:${caller.line}:${caller.column}`;
}
