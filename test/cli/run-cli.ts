import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

const hook = path.resolve(__dirname, '../typescript-register.cjs');
const main = path.resolve(__dirname, '../../src/cli/main.ts');

/** The arguments of Node.js that run the command line from its sources. */
export const nodeArgs = ['-r', hook, main] as const;

/** How a run of the command line ended. */
export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Where {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
}

/** Starts `aurora-dsql-orm` with arguments. */
export function start(args: readonly string[], { env, cwd }: Where = {}) {
  return spawn(process.execPath, [...nodeArgs, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    cwd,
  });
}

/** Runs `aurora-dsql-orm` with arguments to its end. */
export function run(args: readonly string[], where?: Where): Promise<Outcome> {
  return outcomeOf(start(args, where));
}

/** What a process prints, and how it ends. */
export async function outcomeOf(child: ChildProcess): Promise<Outcome> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (text: Buffer) => (stdout += text.toString()));
  child.stderr?.on('data', (text: Buffer) => (stderr += text.toString()));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, stdout, stderr };
}

/** Waits until a process has printed a text, or has ended; returns what it has printed. */
export async function printed(child: ChildProcess, text: string): Promise<string> {
  let all = '';
  child.stdout?.on('data', (chunk: Buffer) => (all += chunk.toString()));
  while (child.exitCode === null && !all.includes(text)) {
    await Promise.race([child.stdout && once(child.stdout, 'data'), once(child, 'exit')]);
  }
  return all;
}

/** Whether a process is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
