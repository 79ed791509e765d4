import { writeFileSync } from 'node:fs';
import type { CheckOptions, CheckReport } from '../check';
import { oneOf, parseArguments } from './arguments';
import { ArgumentError, type Command } from './command';
import { ownVersion } from './own-version';

const usage = `Usage: aurora-dsql-orm check [options] [path ...]

Says what Aurora DSQL will refuse of SQL scripts, migrations, TypeORM entities and Sequelize models.

A path is a file, or a folder whose scripts (.sql), migrations (TypeORM, sequelize-cli, umzug; TypeScript and
JavaScript), data sources and Sequelize instances are checked; without one it is the working folder. Modules are run,
as the ORM's command line does. Nothing is connected.

  --format NAME         text, json or sarif (default: text)
  --output FILE         write the report there instead of printing it
  --fix                 write into the files what DSQL takes, where that is safe
  --severity NAME       the least that is reported: note, warning or error (default: note)
  --ignore RULE         omit findings of this rule; repeatable
  --high-rate TABLE     a table that many write to at once; may be given again
  --identity-cache N    the CACHE of identities: 1, or 65536 and above (default: 1)
  --simplify NAME       collation, exclusions, columnTypes or rowLocks: what changes a result and is good enough; may be
                        given again
  --arrays NAME         jsonb where dsql.arrays is, or refuse (default: refuse)
  --timeout SECONDS     how long one file may take (default: 10)
  --help                show this

It exits with 0 when there is nothing to say but notes, with 1 when there are errors or warnings, and with 2 when
something could not be checked, or there was nothing to check.
`;

const FORMATS = ['text', 'json', 'sarif'] as const;
const SIMPLIFICATIONS = [
  'indexOrder',
  'indexMethod',
  'specialIndexes',
  'collation',
  'exclusions',
  'columnTypes',
  'rowLocks',
] as const;

/** `aurora-dsql-orm check`. */
export const checkCommand: Command = {
  summary: 'say what DSQL will refuse of SQL, migrations, entities and models',
  usage,
  failureStatus: 2,
  run,
};

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArguments(
    args,
    {
      format: { type: 'string', default: 'text' },
      output: { type: 'string' },
      fix: { type: 'boolean', default: false },
      severity: { type: 'string', default: 'note' },
      ignore: { type: 'string', multiple: true, default: [] },
      'high-rate': { type: 'string', multiple: true, default: [] },
      'identity-cache': { type: 'string', default: '1' },
      simplify: { type: 'string', multiple: true, default: [] },
      arrays: { type: 'string', default: 'refuse' },
      timeout: { type: 'string', default: '10' },
    },
    true,
  );
  const format = oneOf('--format', values.format, FORMATS);
  const severity = oneOf('--severity', values.severity, ['note', 'warning', 'error'] as const);
  const simplify = values.simplify.map((name) => oneOf('--simplify', name, SIMPLIFICATIONS));
  const options: CheckOptions = {
    fix: values.fix,
    severity,
    ignore: values.ignore,
    highRateTables: values['high-rate'],
    identityCache: cache(values['identity-cache']),
    simplify: Object.fromEntries(simplify.map((name) => [name, true])),
    arrays: oneOf('--arrays', values.arrays, ['refuse', 'jsonb'] as const),
    fileTimeoutMs: seconds(values.timeout) * 1000,
  };

  const { check, CheckError, ...reports } = await import('../check'); // loads no parser to say what an argument lacks
  const folder = process.cwd();
  let report: CheckReport;
  try {
    report = await check(positionals.length > 0 ? positionals : ['.'], options);
  } catch (error) {
    if (!(error instanceof CheckError)) throw error;
    process.stderr.write(`aurora-dsql-orm check: ${error.message}\n`);
    return 2;
  }
  const text =
    format === 'json'
      ? reports.jsonReport(report, folder)
      : format === 'sarif'
        ? reports.sarifReport(report, folder, ownVersion())
        : reports.textReport(report, folder);
  if (values.output === undefined) await new Promise((resolve) => process.stdout.write(text, resolve));
  else writeFileSync(values.output, text);
  return statusOf(report);
}

function statusOf({ failures, findings }: CheckReport): number {
  if (failures.length > 0) return 2;
  return findings.some(({ severity }) => severity !== 'note') ? 1 : 0;
}

function cache(text: string): number {
  const size = Number(text);
  if (!/^\d+$/.test(text) || (size !== 1 && size < 65_536)) {
    throw new ArgumentError(`--identity-cache: expected 1, or 65536 and above, got ${JSON.stringify(text)}`);
  }
  return size;
}

function seconds(text: string): number {
  const value = Number(text);
  if (!/^\d+(?:\.\d+)?$/.test(text) || value === 0 || value > MAX_TIMEOUT_SECONDS) {
    throw new ArgumentError(
      `--timeout: expected more than 0 and at most ${String(MAX_TIMEOUT_SECONDS)} seconds, got ${JSON.stringify(text)}`,
    );
  }
  return value;
}

/** A day: what takes longer hangs. */
const MAX_TIMEOUT_SECONDS = 86_400;
