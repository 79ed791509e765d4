import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';

const root = path.join(__dirname, '../..');
const register = path.join(root, 'test/typescript-register.cjs');

/** What the examples call by npx, and where it is here. */
const programs: Readonly<Record<string, string>> = {
  jest: 'jest/bin/jest.js',
  'sequelize-cli': 'sequelize-cli/lib/sequelize',
  typeorm: 'typeorm/cli.js',
  'typeorm-ts-node-commonjs': 'typeorm/cli.js',
  vitest: 'vitest/vitest.mjs',
};

/** Where a command is run, and with what environment. */
export interface Place {
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A command, or what a script of the example's package.json calls. */
function commandOf(command: string, folder: string): string {
  const [, script] = /^npm (?:run )?(\w+)$/.exec(command) ?? [];
  if (script === undefined) return command;
  const { scripts } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as {
    scripts: Readonly<Record<string, string>>;
  };
  const called = scripts[script] ?? '';
  return called.startsWith('node ') ? called : `npx ${called}`;
}

/** Starts a command of an example. What runs TypeScript for a user (`npx tsx`, ts-node) is Node.js with a hook here that does the same. */
export function start(command: string, { folder, env }: Place): ChildProcess {
  const DSQL_TEST_METADATA = command.startsWith('npx tsx ') ? 'none' : undefined;
  const [runner, name = '', ...args] = commandOf(command, folder)
    .replace(/^npx (?:tsx|ts-node) /, 'node ')
    .split(' ');
  const program = runner === 'npx' ? path.join(root, 'node_modules', programs[name] ?? name) : name;
  return spawn(process.execPath, ['-r', register, program, ...args], {
    cwd: folder,
    env: { ...process.env, NODE_ENV: 'development', DSQL_TEST_METADATA, ...env },
  });
}

/** The commands that the one block of an example's README runs, without what starts a local DSQL for them. */
export function commandsOf(folder: string): string[] {
  const text = readFileSync(path.join(folder, 'README.md'), 'utf8');
  const [block, ...others] = [...text.matchAll(/^```sh\n(.*)\n```$/gm)].map(([, inside = '']) => inside);
  if (block === undefined || others.length > 0) throw new Error(`${folder}/README.md has not one block.`);
  const [, inShell] = /sh -c '(.*)'$/.exec(block) ?? [];
  return (inShell ?? block).replace(/^npx aurora-dsql-orm local -- /, '').split(' && ');
}

/** Runs what the README of an example says, with more arguments, and returns what is printed. */
export async function runAsInReadme(place: Place, ...args: readonly string[]): Promise<string> {
  let printed = '';
  for (const command of commandsOf(place.folder)) {
    const { status, output } = await run([command, ...args].join(' '), place);
    if (status !== 0) throw new Error(`${command}: ${output}`);
    printed += output;
  }
  return printed;
}

/** How a command ended, and what it printed. */
export interface Outcome {
  readonly status: number | null;
  readonly output: string;
}

/** Runs a command of an example to its end. */
export async function run(command: string, place: Place): Promise<Outcome> {
  const child = start(command, place);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (text: Buffer) => (output += text.toString()));
  }
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, output };
}

/** What a service answers. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** A service that runs in another process. */
export interface Service {
  readonly ask: (request: string, body?: object) => Promise<Answer>;
  readonly stop: () => Promise<void>;
}

/** Starts a service that says its port when it is ready. */
export async function serve(command: string, { folder, env }: Place): Promise<Service> {
  const child = start(command, { folder, env: { ...env, PORT: '0' } });
  let output = '';
  child.stderr?.on('data', (text: Buffer) => (output += text.toString()));
  let port: string | undefined;
  for await (const line of createInterface(child.stdout ?? process.stdin)) {
    output += `${line}\n`;
    port = /\bport (\d+)/.exec(line)?.[1];
    if (port !== undefined) break;
  }
  if (port === undefined) throw new Error(`${command} did not say its port:\n${output}`);
  child.stdout?.resume();
  return {
    ask: async (request, body) => {
      const [method, route = ''] = request.split(' ');
      const response = await fetch(`http://127.0.0.1:${port}${route}`, {
        method: method ?? 'GET',
        headers: { 'content-type': 'application/json' },
        ...(body && { body: JSON.stringify(body) }),
      });
      return { status: response.status, body: await response.json() };
    },
    stop: async () => {
      const closed = once(child, 'close');
      child.kill('SIGTERM');
      await closed;
    },
  };
}
