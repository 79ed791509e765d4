import { writeFileSync } from 'node:fs';
import type { Finding } from './finding';
import { applyEdits } from './fix';
import type { Edit } from './fix';
import { textOf } from './sources/load-module';

/** A finding, with what else is needed to fix it. */
export interface Reported {
  readonly finding: Finding;
  /** What the finding is about: a column, a table, an enum type. */
  readonly name: string;
  readonly edits: readonly Edit[];
  /** The file that the edits are for. */
  readonly file: string;
}

/** Findings in the order of their places, each once. */
export function inOrder(reported: readonly Reported[]): Reported[] {
  const byKey = new Map<string, Reported>();
  for (const each of reported) {
    const { file, line, column, rule, message } = each.finding;
    const key = JSON.stringify([file, line, column, rule, message]);
    if (!byKey.has(key)) byKey.set(key, each);
  }
  return withoutConflicts(keepNeededTypes([...byKey.values()])).sort(
    ({ finding: a }, { finding: b }) =>
      compare(a.file, b.file) || a.line - b.line || a.column - b.column || compare(a.rule, b.rule),
  );
}

/** An enum type is left where a statement that needs it is left: without it nobody would know the labels. */
function keepNeededTypes(reported: readonly Reported[]): Reported[] {
  const needed = new Set(
    reported.flatMap(({ finding, name }) =>
      finding.rule === 'enum-type' && !finding.fixable
        ? [/type "(.*)" does/.exec(finding.message)?.[1] ?? name]
        : [],
    ),
  );
  return reported.map((each) => {
    const { finding, name } = each;
    if (finding.rule !== 'create-enum' || !finding.fixable || !needed.has(name)) return each;
    const notFixable = 'A statement that uses the type is left as it is.';
    return { ...each, finding: { ...finding, fixable: false, notFixable }, edits: [] };
  });
}

/** A literal that becomes one text in one place and another one elsewhere, as in `up` and `down`, is left as it is. */
function withoutConflicts(reported: readonly Reported[]): Reported[] {
  const texts = new Map<string, Set<string>>();
  const keyOf = (file: string, { start }: Edit) => `${String(start)} ${file}`;
  for (const { edits, file } of reported) {
    for (const edit of edits) {
      const key = keyOf(file, edit);
      texts.set(key, (texts.get(key) ?? new Set()).add(edit.text));
    }
  }
  return reported.map((each) => {
    const isOne = each.edits.every((edit) => texts.get(keyOf(each.file, edit))?.size === 1);
    if (isOne) return each;
    const notFixable = 'Its text is sent more than once, and becomes different statements.';
    return { ...each, finding: { ...each.finding, fixable: false, notFixable }, edits: [] };
  });
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** Writes the edits into their files, and says how many findings each file has lost. */
export function writeFixes(
  reported: readonly Reported[],
): { readonly file: string; readonly findings: number }[] {
  const byFile = new Map<string, { readonly edits: Edit[]; findings: number }>();
  for (const { edits, file } of reported) {
    if (edits.length === 0) continue;
    const changes = byFile.get(file) ?? { edits: [], findings: 0 };
    changes.edits.push(...edits);
    changes.findings++;
    byFile.set(file, changes);
  }
  return [...byFile].map(([file, { edits, findings }]) => {
    writeFileSync(file, applyEdits(textOf(file), edits));
    return { file, findings };
  });
}
