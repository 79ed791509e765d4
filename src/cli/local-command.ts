import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { parseArgs } from 'node:util';
import type { Command } from './command';

const usage = `Usage: aurora-dsql-orm local [options] [-- command ...]

Starts a local Aurora DSQL on 127.0.0.1.

Without a command it prints the environment to reach it as lines for a shell and stays up until it is interrupted.
With one it runs the command with that environment added to its own, and exits with its status.

  --port N               listen on this port (default: a free one)
  --region NAME          the AWS region it pretends to be in (default: us-east-1)
  --job-duration MS      how long asynchronous jobs, such as CREATE INDEX ASYNC, take (default: 0)
  --latency MS           make every round trip last longer (default: 0)
  --no-stale-catalogues  let OC001 come with concurrent changes of the schema only
  --cancel-requests      let a cancel request stop a statement, which it does not on a cluster
  --help                 show this
`;

/** Variables that would make the AWS SDK look past, or spoil, the access key of the local DSQL. */
const FOREIGN_CREDENTIALS = ['AWS_PROFILE', 'AWS_SESSION_TOKEN'];

/** `aurora-dsql-orm local`. */
export const localCommand: Command = { summary: 'start a local Aurora DSQL', usage, run };

async function run(args: readonly string[]): Promise<number> {
  const separator = args.indexOf('--');
  const { values } = parseArgs({
    args: separator < 0 ? [...args] : args.slice(0, separator),
    options: {
      port: { type: 'string' },
      region: { type: 'string' },
      'job-duration': { type: 'string' },
      latency: { type: 'string' },
      'no-stale-catalogues': { type: 'boolean', default: false },
      'cancel-requests': { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const [program, ...programArgs] = separator < 0 ? [] : args.slice(separator + 1);

  const port = number('--port', values.port);
  const jobDurationMs = number('--job-duration', values['job-duration']);
  const latencyMs = number('--latency', values.latency) ?? 0;
  const { startLocalDsql } = await import('../local'); // not needed to say what is wrong with an argument
  const local = await startLocalDsql({
    port,
    region: values.region,
    jobDurationMs,
    staleCatalogues: !values['no-stale-catalogues'],
    cancelRequests: values['cancel-requests'],
  });
  try {
    if (latencyMs > 0) local.faults.addLatency(latencyMs);
    const env = await local.env();
    if (program !== undefined) return await runProgram(program, programArgs, env);
    const interrupted = interruption(); // who reads the lines may interrupt us at once
    process.stdout.write(shellLines(env));
    await interrupted;
    return 0;
  } finally {
    await local.stop();
  }
}

function number(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(text)) throw new RangeError(`${option}: expected a number, got ${JSON.stringify(text)}`);
  return Number(text);
}

function shellLines(env: Readonly<Record<string, string>>): string {
  const foreign = FOREIGN_CREDENTIALS.filter((name) => process.env[name] !== undefined);
  const unset = foreign.length > 0 ? `unset ${foreign.join(' ')}\n` : '';
  const lines = Object.entries(env).map(
    ([name, value]) => `export ${name}='${value.replaceAll("'", `'\\''`)}'\n`,
  );
  return unset + lines.join('');
}

/** Resolves with the first SIGINT or SIGTERM. */
function interruption(): Promise<void> {
  return new Promise((resolve) => {
    // Signals alone do not keep Node running; the server that waits for clients does.
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
}

/** Runs a program as if it were ours: with our streams, our signals and our exit status. */
function runProgram(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<number> {
  const inherited = Object.entries(process.env).filter(([name]) => !FOREIGN_CREDENTIALS.includes(name));
  const child = spawn(program, args, { stdio: 'inherit', env: { ...Object.fromEntries(inherited), ...env } });
  const forward = (signal: NodeJS.Signals) => {
    // At a terminal Ctrl-C reaches the program by itself, and twice would be an order to hurry.
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, forward);
  return new Promise<number>((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      process.stderr.write(`aurora-dsql-orm local: cannot run ${program}: ${error.message}\n`);
      resolve(error.code === 'ENOENT' ? 127 : 126); // as a shell does
    });
    child.once('exit', (status, signal) => {
      resolve(status ?? 128 + constants.signals[signal ?? 'SIGKILL']);
    });
  }).finally(() => {
    for (const signal of signals) process.off(signal, forward);
  });
}
