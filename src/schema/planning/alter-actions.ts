import type { AlterTableCmd } from 'libpg-query';
import { asNode, tokensOf, type NodeBody, type Statement } from '../../sql';

/** What an ALTER TABLE does, action by action. */
export function commandsOf({ tree }: Statement): readonly AlterTableCmd[] {
  const { cmds = [] } = tree as NodeBody<'AlterTableStmt'>;
  return cmds.flatMap((command) => asNode(command, 'AlterTableCmd') ?? []);
}

/** The actions of an ALTER TABLE, each as a statement of its own. */
export function actionsOf(text: string): readonly string[] {
  const tokens = [...tokensOf(text)];
  let at = tokens.findIndex(({ value }) => value === 'TABLE') + 1;
  while (/^(?:IF|EXISTS|ONLY)$/.test(tokens[at]?.value ?? '')) at++;
  while (tokens[at + 1]?.value === '.') at += 2;
  at++;
  if (tokens[at]?.value === '*') at++;
  const start = tokens[at]?.start ?? 0;
  const ends: number[] = [];
  let depth = 0;
  for (const { value, start: comma } of tokens.slice(at)) {
    if (value === '(' || value === '[') depth++;
    if (value === ')' || value === ']') depth--;
    if (value === ',' && depth === 0) ends.push(comma);
  }
  const prefix = text.slice(0, start);
  const starts = [start, ...ends.map((end) => end + 1)];
  return starts.map((from, index) => prefix + text.slice(from, ends[index] ?? text.length).trim());
}

/** A statement as it is written, without its separator. */
export function textOf(text: string, { start, text: read, insertions }: Statement): string {
  const inserted = insertions.reduce((sum, { length }) => sum + length, 0);
  return text.slice(start, start + read.length - inserted).trim();
}
