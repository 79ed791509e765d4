import { spawn, spawnSync } from 'node:child_process';
import { nodeArgs } from './run-cli';

// Without util-linux (macOS, Windows) nothing here can pretend to be a terminal.
export const describeWithTerminal =
  spawnSync('script', ['-qec', 'true', '/dev/null']).status === 0 ? describe : describe.skip;

interface Where {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Of the terminal. */
  readonly columns?: number;
}

/** Starts `aurora-dsql-orm` with arguments on a terminal: what it prints and what is typed go through it. */
export function startOnTerminal(args: readonly string[], { cwd, env, columns }: Where = {}) {
  // Ctrl-C reaches the shell as well, and dash would then exit with 130, whatever its child did.
  const command = ['exec', process.execPath, ...nodeArgs, ...args].join(' ');
  const sized = columns === undefined ? command : `stty cols ${columns}; ${command}`;
  return spawn('script', ['-qec', sized, '/dev/null'], { cwd, env, stdio: ['pipe', 'pipe', 'inherit'] });
}
