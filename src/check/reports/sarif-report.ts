import path from 'node:path';
import { refusals } from '../../sql';
import type { CheckReport } from '../check';
import { ownRules } from '../finding';
import type { Finding } from '../finding';

const SCHEMA = 'https://json.schemastore.org/sarif-2.1.0.json';
const SUPPORT_PAGE = 'https://www.npmjs.com/package/aurora-dsql-orm';

/**
 * The report in the Static Analysis Results Interchange Format 2.1.0, which code hosts show beside a change.
 *
 * @param folder - paths are given relative to it, with `/`
 */
export function sarifReport({ findings, failures }: CheckReport, folder: string, version: string): string {
  const uri = (file: string) => encodeURI(path.relative(folder, file).split(path.sep).join('/'));
  const used = [...new Set(findings.map(({ rule }) => rule))].sort();
  const result = (finding: Finding) => ({
    ruleId: finding.rule,
    ruleIndex: used.indexOf(finding.rule),
    level: finding.severity,
    message: { text: messageOf(finding) },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: uri(finding.file), uriBaseId: '%SRCROOT%' },
          region: { startLine: finding.line, startColumn: finding.column },
        },
      },
    ],
  });
  const sarif = {
    $schema: SCHEMA,
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'aurora-dsql-orm',
            version,
            informationUri: SUPPORT_PAGE,
            rules: used.map((id) => ({ id, shortDescription: { text: whatOf(id) } })),
          },
        },
        columnKind: 'utf16CodeUnits',
        invocations: [
          {
            executionSuccessful: failures.length === 0,
            toolExecutionNotifications: failures.map(({ file, message }) => ({
              level: 'error',
              message: { text: message },
              locations: [
                { physicalLocation: { artifactLocation: { uri: uri(file), uriBaseId: '%SRCROOT%' } } },
              ],
            })),
          },
        ],
        results: findings.map(result),
      },
    ],
  };
  return `${JSON.stringify(sarif, undefined, 2)}\n`;
}

function whatOf(id: string): string {
  return ownRules.find((rule) => rule.id === id)?.what ?? refusals.find((rule) => rule.id === id)?.what ?? id;
}

function messageOf({ direction, severity, sqlstate, message, why, instead, replacement }: Finding): string {
  const code = sqlstate === undefined ? '' : `${sqlstate}: `;
  const advice = replacement ? replacement.join(';\n') : instead;
  const heading = replacement && severity === 'note' ? 'Sent instead' : 'Instead';
  const way = direction === undefined ? '' : `In ${direction}: `;
  return `${way}${code}${message}. ${why}${advice === undefined || advice === '' ? '' : `\n${heading}: ${advice}`}`;
}
