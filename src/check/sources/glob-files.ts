import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';

/**
 * The files that a pattern of TypeORM's names: `*` within a name, `**` for any folders, `?`, `{ts,js}`, `[abc]`.
 *
 * @param pattern - absolute, or from the working folder on
 */
export function globFiles(pattern: string): string[] {
  const absolute = path.resolve(pattern).split(path.sep).join('/');
  const firstMagic = absolute.search(/[*?{[]/);
  if (firstMagic < 0) return statSync(absolute, { throwIfNoEntry: false })?.isFile() ? [absolute] : [];
  const folder = absolute.slice(0, absolute.lastIndexOf('/', firstMagic));
  const matches = expressionOf(absolute);
  return [...filesUnder(folder)].filter((file) => matches.test(file) && !/\.d\.[cm]?ts$/.test(file)).sort();
}

function* filesUnder(folder: string): Generator<string, void, undefined> {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = `${folder}/${entry.name}`;
    if (entry.isDirectory() && entry.name !== 'node_modules') yield* filesUnder(file);
    else if (entry.isFile()) yield file;
  }
}

function expressionOf(pattern: string): RegExp {
  const source = pattern.replace(
    /\*\*\/|\*\*|\*|\?|\{|\}|,|\[[^\]]*\]|[.+^$()|\\]/g,
    (token) => TRANSLATED[token] ?? (token.startsWith('[') ? token : `\\${token}`),
  );
  return new RegExp(`^${source}$`);
}

const TRANSLATED: Readonly<Record<string, string>> = {
  '**/': '(?:[^/]+/)*',
  '**': '.*',
  '*': '[^/]*',
  '?': '[^/]',
  '{': '(?:',
  '}': ')',
  ',': '|',
};
