import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { watchPackageManager } from './parent-process';
import { FOREIGN_CREDENTIALS } from './shell-lines';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Runs a program as if it were ours: with our streams, our signals and our exit status.
 *
 * @param env - the variables of the local DSQL, which are added to ours
 */
export function runProgram(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<number> {
  const inherited = Object.entries(process.env).filter(([name]) => !FOREIGN_CREDENTIALS.includes(name));
  const settings = { stdio: 'inherit', env: { ...Object.fromEntries(inherited), ...env } } as const;
  // What npm, npx and the commands of packages are there, only a shell can run.
  const child =
    process.platform === 'win32'
      ? spawn([program, ...args].map(quotedForWindows).join(' '), { ...settings, shell: true })
      : spawn(program, args, settings);
  const forward = (signal: NodeJS.Signals) => {
    // At a terminal Ctrl-C reaches the program by itself, and twice would be an order to hurry.
    if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
  };
  for (const signal of SIGNALS) process.on(signal, forward);
  const unwatch = watchPackageManager(() => child.kill('SIGTERM'));
  return new Promise<number>((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      process.stderr.write(`aurora-dsql-orm local: cannot run ${program}: ${error.message}\n`);
      resolve(error.code === 'ENOENT' ? 127 : 126); // as a shell does
    });
    child.once('exit', (status, signal) => {
      resolve(status ?? 128 + constants.signals[signal ?? 'SIGKILL']);
    });
  }).finally(() => {
    unwatch();
    for (const signal of SIGNALS) process.off(signal, forward);
  });
}

/** An argument as cmd.exe passes it on in one piece. */
function quotedForWindows(argument: string): string {
  return /^[\w./:\\=@-]+$/.test(argument) ? argument : `"${argument.replaceAll('"', '""')}"`;
}
