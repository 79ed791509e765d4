/** The versions of Node.js that this package runs on: the text of `engines` in package.json; a test compares the two. */
export const NODE_RANGE = '>=20.19.0';

/**
 * Refuses a Node.js that this package does not run on. The rooms that everything else is reached through call it as they
 * are loaded, so that an old version is named before something that it lacks is.
 *
 * @param version - of Node.js
 * @throws Error that says which versions there must be
 */
export function refuseOldNode(version: string = process.versions.node): void {
  const needed = numbersIn(NODE_RANGE);
  const found = numbersIn(version);
  const differs = needed.findIndex((number, at) => number !== found[at]);
  if (differs < 0 || (found[differs] ?? 0) > (needed[differs] ?? 0)) return;
  throw new Error(
    `aurora-dsql-orm needs Node.js ${needed.join('.')} or newer, and this is ${version}. Install a newer version, such as the current LTS.`,
  );
}

function numbersIn(version: string): number[] {
  return [...version.matchAll(/\d+/g)].slice(0, 3).map(([digits]) => Number(digits));
}
