import path from 'node:path';
import type { CheckReport } from '../check';
import { countOf } from '../finding';

/**
 * The report as JSON; `docs/check.md` describes it. Fields may be added; none changes its meaning while `version` is 1.
 *
 * @param folder - paths are given relative to it, with `/`
 */
export function jsonReport({ findings, failures, files, fixed }: CheckReport, folder: string): string {
  const relative = (file: string) => path.relative(folder, file).split(path.sep).join('/');
  const report = {
    version: 1,
    files,
    errors: countOf(findings, 'error'),
    warnings: countOf(findings, 'warning'),
    notes: countOf(findings, 'note'),
    findings: findings.map((finding) => ({
      file: relative(finding.file),
      line: finding.line,
      column: finding.column,
      ...(finding.direction && { direction: finding.direction }),
      severity: finding.severity,
      rule: finding.rule,
      sqlstate: finding.sqlstate ?? null,
      message: finding.message,
      why: finding.why,
      since: finding.since ?? null,
      instead: finding.instead ?? null,
      replacement: finding.replacement ?? null,
      fixable: finding.fixable,
      notFixable: finding.notFixable ?? null,
    })),
    failures: failures.map(({ file, message }) => ({ file: relative(file), message })),
    fixed: fixed.map((each) => ({ file: relative(each.file), findings: each.findings })),
  };
  return `${JSON.stringify(report, undefined, 2)}\n`;
}
