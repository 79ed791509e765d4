import path from 'node:path';

/** Where this package is: in its sources, or built. */
const OWN_FOLDER = path.resolve(__dirname, '..') + path.sep;
const HOSTS = /[\\/]node_modules[\\/](?:typeorm|typeorm-0\.3|sequelize|umzug|sequelize-cli|p-map)[\\/]/;
const PLACE = /(?:\(|at (?:async )?)(?:file:\/\/)?((?:\/|[A-Za-z]:\\)[^()]+:\d+:\d+)\)?$/;

/**
 * The place of the user's code that has called this package, as `file:line:column`.
 *
 * Ask before anything is awaited: the stack is gone then.
 *
 * @returns nothing where only this package and its hosts are on the stack
 */
export function callPlace(): string | undefined {
  for (const line of (new Error().stack ?? '').split('\n').slice(1)) {
    const place = PLACE.exec(line)?.[1];
    if (place !== undefined && !place.startsWith(OWN_FOLDER) && !HOSTS.test(place)) return place;
  }
  return undefined;
}
