import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { byForm } from '../form';
import { reportOf } from './command-line';
import { useProject } from './project';

const project = useProject();
const corpus = path.join(__dirname, 'corpus');

/** Migrations and scripts of the corpus. */
const seeds = readdirSync(corpus, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && !/data|models|instance/.test(entry.parentPath + entry.name))
  .map((entry) => path.join(entry.parentPath, entry.name))
  .sort()
  .map((file) => ({ extension: path.extname(file), text: readFileSync(file, 'utf8') }))
  .filter(({ text }) => text.length < 10_000);

/** What is put into a migration, or in the place of a part of it. */
const SCRAPS = [
  '`',
  '${',
  '}',
  '{',
  "'",
  '"',
  '\\',
  '/',
  '*/',
  '/*',
  '//',
  '--',
  ';',
  '(',
  ')',
  '$$',
  '$1',
  '\n',
  '\0',
  '\u{1f600}',
  '\ud800',
  'await ',
  'throw 0;',
  'process.exit(1);',
  'undefined',
  'null',
  'export ',
  'return ',
  'new Promise(() => {})',
  '`${`${1}`}`',
  "' + x + '",
  'DROP ',
  'CREATE TYPE a AS ENUM ()',
  'serial',
  'UNIQUE',
  '[]',
  '::',
  '9'.repeat(400),
  'a.b.c.d',
  'NULL',
];

/** Numbers from 0 to below `limit`, the same ones for each seed. */
function numbersFrom(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

function mutated(text: string, number: (limit: number) => number): string {
  let changed = text;
  for (let change = number(4); change >= 0; change--) {
    const at = number(changed.length + 1);
    const scrap = SCRAPS[number(SCRAPS.length)] ?? '';
    const length = number(12);
    const kind = number(4);
    if (kind === 0) changed = changed.slice(0, at) + scrap + changed.slice(at);
    else if (kind === 1) changed = changed.slice(0, at) + changed.slice(at + length);
    else if (kind === 2)
      changed = changed.slice(0, at) + changed.slice(at, at + length * 5).repeat(2) + changed.slice(at);
    else changed = changed.slice(0, at) + scrap + changed.slice(at + length);
  }
  return changed;
}

describe('whatever migrations look like, check', () => {
  const count = byForm({ short: 300, long: 10_000, soak: 10_000 });

  it(`comes to its end, and reports each of ${String(count)} mutated ones`, async () => {
    for (let file = 0; file < count; file++) {
      const { extension, text } = seeds[file % seeds.length] ?? { extension: '.sql', text: '' };
      const name = `${String(Math.floor(file / 50))}/${String(file).padStart(5, '0')}${extension}`;
      project.write(name, mutated(text, numbersFrom(file)));
    }
    const { files, findings, failures } = await reportOf(project.folder);
    expect(files).toBeGreaterThan(count / 2);
    expect(findings.length + failures.length).toBeGreaterThan(count / 4);
    for (const { line, column } of findings) expect(Math.min(line, column)).toBeGreaterThan(0);
    const late = failures.filter(({ message }) => message.startsWith('it did not finish'));
    // Some wait for what never comes, as was put into them; none may be slow by itself.
    expect(late.length).toBeLessThan(count / 50);
  });
});
