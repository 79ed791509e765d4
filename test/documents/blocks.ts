import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const root = path.join(__dirname, '../..');

/** The documents, and the pages of the examples. */
export const pages: readonly string[] = [
  ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md'],
  ...['docs', 'examples', 'migrations-sample'].flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.md'))
      .sort()
      .map((file) => `${folder}/${file}`),
  ),
];

export const textOf = (page: string): string => readFileSync(path.join(root, page), 'utf8');

/** A fenced block of a page. */
export interface Block {
  readonly page: string;
  /** The line of its fence. */
  readonly line: number;
  /** The nearest heading above it. */
  readonly heading: string;
  /** The first word behind the fence. */
  readonly language: string;
  readonly text: string;
  /** The file that it is: what the text above it ends with, or what its first line says. */
  readonly file: string | undefined;
  /** Why no test runs it: a comment above the fence, `<!-- not run: … -->`, which readers of the page do not see. */
  readonly notRun: string | undefined;
}

export const blocks: readonly Block[] = pages.flatMap((page) => {
  const text = textOf(page);
  return [...text.matchAll(/^( *)```(\w*)\n([^]*?)^ *```$/gm)].map(
    ({ index, 1: indent = '', 2: language = '', 3: inside = '' }): Block => {
      const above = text.slice(0, index);
      const block = inside.replaceAll(new RegExp(`^${indent}`, 'gm'), '');
      return {
        page,
        line: above.split('\n').length,
        heading: [...above.matchAll(/^#+ (.+)$/gm)].at(-1)?.[1] ?? '',
        language,
        text: block,
        file:
          /`([\w./-]+\.json)`:\n+$/.exec(above)?.[1] ?? /^ ?\/\/ ([\w./-]+\.[cm]?[jt]s)\b/.exec(block)?.[1],
        notRun: /<!-- not run: ([^>]+) -->\n+$/.exec(above)?.[1],
      };
    },
  );
});

/** How a block is run, where it is not an exception. */
export type Way =
  | 'in this process'
  | 'as a program'
  | 'as SQL'
  | 'as a command'
  | 'as what is installed'
  | 'as an example'
  | 'as a file of a project'
  | 'compared with what is printed';

/**
 * Says how a block is run.
 *
 * @throws Error when there is no way to: it needs one, or the comment that says why not
 */
export function wayOf(block: Block): Way | 'not run' {
  const { page, language, text, file, notRun } = block;
  if (notRun !== undefined) return 'not run';
  if (file !== undefined) return 'as a file of a project';
  if (['ts', 'js', 'diff'].includes(language)) {
    // That these end by themselves is part of what the page says.
    return /^(?:void main\(\)|await local\.stop\(\));$/m.test(text) ? 'as a program' : 'in this process';
  }
  if (language === 'sql') return 'as SQL';
  if (language === 'sh') {
    if (/^(?:npm install .*\n)+$/.test(text)) return 'as what is installed';
    return page.startsWith('examples/') ? 'as an example' : 'as a command';
  }
  if (language === 'console') return 'compared with what is printed';
  throw new Error(
    `${placeOf(block)}: nothing runs "${language}", and no comment says why: <!-- not run: … -->`,
  );
}

export const placeOf = ({ page, line }: Block): string => `${page}:${String(line)}`;

/** The code of a block: what a difference leads to, or what it begins with. */
export function codeOf({ language, text }: Block, side: '+' | '-' = '+'): string {
  if (language !== 'diff') return text;
  return text
    .split('\n')
    .filter((line) => !line.startsWith(side === '+' ? '-' : '+'))
    .map((line) => line.slice(1))
    .join('\n');
}

/**
 * The text of the first block of a language under a heading.
 *
 * @throws Error when there is none
 */
export function textUnder(page: string, heading: string, language: string): string {
  const block = blocks.find(
    (each) => each.page === page && each.heading === heading && each.language === language,
  );
  if (block === undefined) throw new Error(`${page} has no ${language} under "${heading}".`);
  return block.text;
}
