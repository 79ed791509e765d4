import { parseArguments, wholeNumber } from '../arguments';
import { ArgumentError, type Command } from '../command';
import { detach } from './detach';
import { interruption } from './interruption';
import { startAsSet, type LocalSettings } from './local-settings';
import { runProgram } from './run-program';
import { environmentOf, shellLines } from './shell-lines';

const usage = `Usage: aurora-dsql-orm local [options] [-- command ...]

Starts a local Aurora DSQL on 127.0.0.1.

Without a command it prints the environment to reach it as lines for a shell, and stays up until it is interrupted.
With one it runs the command with that environment added to its own, and exits with its status:

  aurora-dsql-orm local -- npm test

With --detach it goes on in the background, and its process id is in the environment:

  eval "$(npx aurora-dsql-orm local --detach)"
  kill $DSQL_LOCAL_PID

  --detach               go on in the background when the environment is printed
  --port N               listen on this port (default: a free one)
  --region NAME          the AWS region it pretends to be in (default: us-east-1)
  --other-region NAME    a further Region with an endpoint of its own; repeatable. DSQL_LOCAL_ENDPOINTS then
                         holds all of them, as JSON for the option \`endpoints\`
  --job-duration MS      how long asynchronous jobs, such as CREATE INDEX ASYNC, take (default: 0)
  --latency MS           make every round trip last longer (default: 0)
  --no-stale-catalogues  let OC001 come with concurrent changes of the schema only
  --cancel-requests      let a cancel request stop a statement, which it does not on a cluster
  --help                 show this

It exits with the status of the command, with 0 when it was interrupted, with 1 when it cannot start, and with 2 for
wrong arguments.
`;

/** `aurora-dsql-orm local`. */
export const localCommand: Command = {
  summary: 'start a local Aurora DSQL',
  usage,
  failureStatus: 1,
  run,
};

async function run(args: readonly string[]): Promise<number> {
  const separator = args.indexOf('--');
  const { values, positionals } = parseArguments(
    separator < 0 ? args : args.slice(0, separator),
    {
      detach: { type: 'boolean', default: false },
      port: { type: 'string' },
      region: { type: 'string' },
      'other-region': { type: 'string', multiple: true, default: [] },
      'job-duration': { type: 'string' },
      latency: { type: 'string' },
      'no-stale-catalogues': { type: 'boolean', default: false },
      'cancel-requests': { type: 'boolean', default: false },
    },
    true,
  );
  if (positionals.length > 0) {
    const command = [...positionals, ...(separator < 0 ? [] : args.slice(separator + 1))].join(' ');
    throw new ArgumentError(`a command goes behind --: aurora-dsql-orm local -- ${command}`);
  }
  const [program, ...programArgs] = separator < 0 ? [] : args.slice(separator + 1);
  const settings: LocalSettings = {
    port: wholeNumber('--port', values.port),
    region: values.region,
    otherRegions: values['other-region'],
    jobDurationMs: wholeNumber('--job-duration', values['job-duration']),
    latencyMs: wholeNumber('--latency', values.latency) ?? 0,
    staleCatalogues: !values['no-stale-catalogues'],
    cancelRequests: values['cancel-requests'],
  };
  if (!values.detach) return serve(settings, program, programArgs);
  if (program !== undefined) throw new ArgumentError('--detach cannot be combined with a command');
  return serveDetached(settings);
}

async function serve(
  settings: LocalSettings,
  program: string | undefined,
  programArgs: readonly string[],
): Promise<number> {
  const local = await startAsSet(settings);
  try {
    const env = await environmentOf(local);
    if (program !== undefined) return await runProgram(program, programArgs, env);
    const interrupted = interruption(); // who reads the lines may interrupt us at once
    process.stdout.write(shellLines(env));
    announce(
      local.port,
      process.stdout.isTTY
        ? 'Run the lines above in another terminal, or: eval "$(npx aurora-dsql-orm local --detach)". Ctrl-C stops it.'
        : 'Ctrl-C stops it. To go on in this terminal: eval "$(npx aurora-dsql-orm local --detach)"',
    );
    await interrupted;
    return 0;
  } finally {
    await local.stop();
  }
}

async function serveDetached(settings: LocalSettings): Promise<number> {
  const { env, pid } = await detach(settings);
  process.stdout.write(shellLines({ ...env, DSQL_LOCAL_PID: String(pid) }));
  announce(env.PGPORT, `It goes on in the background. To stop it: kill ${String(pid)}`);
  return 0;
}

/** Tells a person that it is up; a program reads the lines. */
function announce(port: number | string | undefined, next: string): void {
  if (!process.stderr.isTTY) return;
  process.stderr.write(`\nThe local DSQL is up on 127.0.0.1:${String(port)}. ${next}\n`);
}
