/** Names the cluster where SNI cannot, through PrivateLink (AWS user guide, "PrivateLink", 2026-09). */
export const clusterIdOption = 'amzn-cluster-id';

/**
 * Reads the `options` of a start-up packet, as PostgreSQL does: `-c name=value`, `-cname=value` and `--name=value`,
 * separated by blanks that a backslash makes part of a value.
 *
 * @returns the settings in order, or the first argument that is none
 */
export function readStartupOptions(
  options: string,
): { readonly settings: ReadonlyMap<string, string> } | { readonly invalid: string } {
  const settings = new Map<string, string>();
  const words = splitWords(options);
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    const setting = word === '-c' ? words.shift() : /^(?:-c|--)(.+)$/s.exec(word)?.[1];
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(setting ?? '') ?? [];
    if (name === undefined || value === undefined) return { invalid: word };
    settings.set(name === clusterIdOption ? name : name.replaceAll('-', '_'), value);
  }
  return { settings };
}

function splitWords(text: string): string[] {
  const words = text.match(/(?:\\.|[^\\\s])+/gs) ?? [];
  return words.map((word) => word.replace(/\\(.)/gs, '$1'));
}
