import path from 'node:path';
import type { CheckReport } from '../check';
import { countOf } from '../finding';
import type { Finding } from '../finding';

/** What a person reads: one paragraph for each finding, and a line of sums. */
export function textReport(report: CheckReport, folder: string): string {
  const { findings, failures, fixed, files } = report;
  const relative = (file: string) => path.relative(folder, file);
  const lines: string[] = [];
  for (const finding of findings) lines.push(...paragraph(finding, relative(finding.file)), '');
  for (const { file, message } of failures)
    lines.push(`${relative(file)}: could not be checked: ${message}`, '');
  for (const { file, findings: count } of fixed) {
    lines.push(`${relative(file)}: ${plural(count, 'finding')} fixed`);
  }
  if (fixed.length > 0) lines.push('');
  const notes = countOf(findings, 'note');
  const fixable = findings.filter((finding) => finding.fixable).length;
  const sums = [
    plural(files, 'file'),
    plural(countOf(findings, 'error'), 'error'),
    plural(countOf(findings, 'warning'), 'warning'),
    ...(notes > 0 ? [plural(notes, 'note')] : []),
    ...(failures.length > 0 ? [`${String(failures.length)} could not be checked`] : []),
    ...(fixable > 0 ? [`--fix can write ${String(fixable)}`] : []),
  ];
  lines.push(sums.join(', '));
  return `${lines.join('\n')}\n`;
}

function paragraph(finding: Finding, file: string): string[] {
  const { line, column, direction, severity, sqlstate, message, rule, why, since, instead, replacement } =
    finding;
  const code = sqlstate === undefined ? '' : `${sqlstate}: `;
  const lines = [
    `${file}:${String(line)}:${String(column)}  ${severity}${direction === undefined ? '' : ` in ${direction}`}  ${code}${message}  (${rule})`,
    `  ${why}${since === undefined ? '' : ` (${since})`}`,
  ];
  if (replacement) {
    const isSent = severity === 'note';
    if (replacement.length === 0) lines.push(isSent ? '  It is not sent.' : '  Instead: nothing; omit it.');
    else
      lines.push(
        isSent ? '  Sent instead:' : '  Instead:',
        ...replacement.flatMap((sql) => indented(`${sql};`)),
      );
  } else if (instead !== undefined) lines.push(`  Instead: ${instead}`);
  if (finding.notFixable !== undefined) lines.push(`  --fix leaves it: ${finding.notFixable}`);
  return lines;
}

function indented(sql: string): string[] {
  return sql.split('\n').map((line) => `    ${line}`);
}

function plural(count: number, noun: string): string {
  return `${String(count)} ${noun}${count === 1 ? '' : 's'}`;
}
