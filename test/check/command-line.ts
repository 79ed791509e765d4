import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

const hook = path.resolve(__dirname, '../typescript-register.cjs');
const main = path.resolve(__dirname, '../../src/cli/main.ts');

/** How a run of the command ended. */
export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `aurora-dsql-orm check` in a folder. */
export async function runCheck(folder: string, ...args: readonly string[]): Promise<Outcome> {
  const child = spawn(process.execPath, ['-r', hook, main, 'check', ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, stdout, stderr };
}

/** The report that `--format json` prints, as `docs/check.md` describes it. */
export interface JsonReport {
  readonly version: 1;
  readonly files: number;
  readonly errors: number;
  readonly warnings: number;
  readonly notes: number;
  readonly findings: readonly {
    readonly file: string;
    readonly line: number;
    readonly column: number;
    readonly direction?: 'up' | 'down';
    readonly severity: 'error' | 'warning' | 'note';
    readonly rule: string;
    readonly sqlstate: string | null;
    readonly message: string;
    readonly why: string;
    readonly since: string | null;
    readonly instead: string | null;
    readonly replacement: readonly string[] | null;
    readonly fixable: boolean;
    readonly notFixable: string | null;
  }[];
  readonly failures: readonly { readonly file: string; readonly message: string }[];
  readonly fixed: readonly { readonly file: string; readonly findings: number }[];
}

/** Runs it with `--format json`. */
export async function reportOf(folder: string, ...args: readonly string[]): Promise<JsonReport> {
  const { stdout, stderr } = await runCheck(folder, ...args, '--format', 'json');
  if (stdout === '') throw new Error(`check printed nothing: ${stderr}`);
  return JSON.parse(stdout) as JsonReport;
}
