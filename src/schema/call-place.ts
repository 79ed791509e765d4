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

const HOSTS = /[\\/]node_modules[\\/](?:typeorm|typeorm-0\.3|sequelize|umzug|sequelize-cli|p-map)[\\/]/;

/**
 * The place of the user's code that has called this package, as `file:line:column`.
 *
 * Ask before anything is awaited: the stack is gone then.
 *
 * @returns nothing where only this package and its hosts are on the stack, or a bundle that holds them
 */
export function callPlace(): string | undefined {
  const frames = framesIn(new Error().stack ?? '');
  const [own] = frames;
  const caller = frames.find(({ file }) => !isOwn(file, own?.file ?? '') && !HOSTS.test(file));
  return caller && `${caller.file}:${caller.line}:${caller.column}`;
}

/** Where this module is: by itself, or with the rest of its room, as the package is built. */
const OWN_FILE = /[\\/]schema[\\/](?:call-place|room)\.[jt]s$/;

/**
 * Whether a file is one of this package.
 *
 * @param self - the file of this module: the innermost on the stack. In a bundle of an application it is that of everything else, too
 */
function isOwn(file: string, self: string): boolean {
  const isBundled = !OWN_FILE.test(self);
  return isBundled ? file === self : file.startsWith(path.join(path.dirname(self), '..') + path.sep);
}
