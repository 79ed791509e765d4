import { parseArguments } from '../arguments';
import { ArgumentError, type Command } from '../command';
import { connectionArguments, connectionOf, connectionUsage } from '../connection-arguments';
import type { ConnectionOptions } from '../../connection/without-driver';
import { styled, type Style } from '../terminal';
import { examine } from './examination';
import type { Finding, Status } from './finding';

const usage = `Usage: aurora-dsql-orm doctor [options]

Says what works between this machine and its tables, and what to do about the rest: options and where each comes from,
token, name, port, certificate, login, clock, rights of the role, what the cluster can do, quotas, and what in the schema
does not work or will hurt.

It changes nothing. What the cluster can do is asked in transactions that are rolled back.

${connectionUsage}                   doctor takes it several times, for a cluster of several Regions
  --endpoints JSON the endpoints of such a cluster, as the option \`endpoints\` takes them
  --schema NAME    the search_path
  --no-probe       do not ask what the cluster can do
  --json           print the findings as JSON
  --help           show this

It exits with 0 when nothing fails, warnings or not, with 1 when something does, and with 2 for wrong arguments.
`;

/** `aurora-dsql-orm doctor`. */
export const doctorCommand: Command = {
  summary: 'say what is wrong between this machine and its tables',
  usage,
  failureStatus: 1,
  run,
};

async function run(args: readonly string[]): Promise<number> {
  const { values } = parseArguments(
    args,
    {
      ...connectionArguments,
      host: { type: 'string', multiple: true },
      endpoints: { type: 'string' },
      schema: { type: 'string' },
      'no-probe': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
    false,
  );
  const findings: Finding[] = [];
  const { host: hosts = [], endpoints, ...others } = values;
  const connection = {
    ...connectionOf(others),
    ...whichEndpoints(hosts, endpoints),
    schema: values.schema,
  };
  for await (const finding of examine({ connection, probesCapabilities: !values['no-probe'] })) {
    findings.push(finding);
    if (!values.json) process.stdout.write(lineOf(finding));
  }
  const worst = STATUSES.find((status) => findings.some((finding) => finding.status === status)) ?? 'ok';
  if (values.json)
    process.stdout.write(`${JSON.stringify({ version: 1, status: worst, findings }, undefined, 2)}\n`);
  return worst === 'failure' ? 1 : 0;
}

function whichEndpoints(
  hosts: readonly string[],
  json: string | undefined,
): Pick<ConnectionOptions, 'host' | 'endpoints'> {
  if (json === undefined) return hosts.length > 1 ? { endpoints: hosts } : { host: hosts[0] };
  if (hosts.length > 0) throw new ArgumentError('--endpoints cannot be combined with --host');
  try {
    return { endpoints: JSON.parse(json) as NonNullable<ConnectionOptions['endpoints']> };
  } catch {
    throw new ArgumentError('--endpoints: expected JSON, such as \'[{"host":"…"},{"host":"…"}]\'');
  }
}

/** From the worst on. */
const STATUSES: readonly Status[] = ['failure', 'warning', 'ok'];
const STYLES: Readonly<Record<Status, Style>> = { ok: 'green', warning: 'yellow', failure: 'red' };

function lineOf({ check, endpoint, status, message, advice }: Finding): string {
  const subject = endpoint === undefined ? check : `${check} of ${endpoint}`;
  const line = `${styled(process.stdout, STYLES[status], status.padEnd(8))}${subject}: ${message}\n`;
  return advice === undefined ? line : `${line}        ${advice}\n`;
}
