/** The members of an array of PostgreSQL as it is written (`{a,"b c"}`), without NULLs and arrays in it; nothing for another text. */
export function arrayMembers(text: string): readonly string[] | undefined {
  const [, inside] = /^\s*\{(.*)\}\s*$/s.exec(text) ?? [];
  if (inside === undefined) return undefined;
  if (inside.trim() === '') return [];
  const members: string[] = [];
  const member = /\s*(?:"((?:[^"\\]|\\.)*)"|([^,"{}\\\s](?:[^,"{}\\]*[^,"{}\\\s])?))\s*(,|$)/gsy;
  for (;;) {
    const [, inQuotes, bare, end] = member.exec(inside) ?? [];
    if (inQuotes === undefined && (bare === undefined || /^null$/i.test(bare))) return undefined;
    members.push(inQuotes === undefined ? (bare ?? '') : inQuotes.replace(/\\(.)/gs, '$1'));
    if (end === '') return members;
  }
}

/** The text of a JSON array with these members, as `JSON.stringify` and both ORMs write it. */
export function jsonArray(members: readonly string[], areNumbers: boolean): string {
  const isNumber = (member: string) => areNumbers && /^-?\d+(?:\.\d+)?$/.test(member);
  return JSON.stringify(members.map((member) => (isNumber(member) ? Number(member) : member)));
}
