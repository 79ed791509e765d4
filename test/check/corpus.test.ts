import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { reportOf } from './command-line';
import type { JsonReport } from './command-line';

/**
 * Schemas and migrations of real-world shapes. What is planted in them is said on its line, `expect: rule, rule`; what
 * is not said must not be found.
 */
const corpus = path.join(__dirname, 'corpus');

const files = readdirSync(corpus, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => path.relative(corpus, path.join(entry.parentPath, entry.name)))
  .sort();

function planted(file: string): string[] {
  const lines = readFileSync(path.join(corpus, file), 'utf8').split('\n');
  return lines.flatMap((line, index) => {
    const rules = /expect: ([\w, -]+)/.exec(line)?.[1] ?? '';
    return rules === '' ? [] : rules.split(',').map((rule) => `${String(index + 1)} ${rule.trim()}`);
  });
}

let report: JsonReport;
beforeAll(async () => {
  report = await reportOf(corpus);
}, 120_000);

describe('in the corpus, check', () => {
  it('loads every file that it has to', () => {
    expect(report.failures).toEqual([]);
    expect(files.length).toBeGreaterThanOrEqual(45);
  });

  it.each(files)('finds what is planted in %s, and nothing else', (file) => {
    const found = report.findings
      .filter((finding) => finding.file === file)
      .map(({ line, rule }) => `${String(line)} ${rule}`);
    expect(found.sort()).toEqual(planted(file).sort());
  });

  it('gives an SQLSTATE with what DSQL refuses, and with no warning', () => {
    for (const { severity, sqlstate, rule } of report.findings) {
      expect({ rule, hasState: sqlstate !== null }).toEqual({
        rule,
        hasState: severity !== 'warning' && rule !== 'foreign-key-without-index',
      });
    }
  });

  it('says of every finding what to do, or that nothing is to be done', () => {
    const silent = report.findings.filter(
      ({ instead, replacement }) => instead === null && replacement === null,
    );
    expect(silent.map(({ rule }) => rule)).toEqual(
      silent.map(() => expect.stringMatching(/^syntax-error$/) as string),
    );
  });
});
