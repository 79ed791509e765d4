import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(__dirname, '../..');

/**
 * Makes a project that has installed the packed tarball, and beside it what the package's own dependencies need.
 *
 * @returns its folder, which is the caller's to remove
 */
export function installPackage(): string {
  const consumer = mkdtempSync(join(tmpdir(), 'aurora-dsql-orm-consumer-'));
  const modules = join(consumer, 'node_modules');
  mkdirSync(modules);
  // Without one, a package.json further up says which package this is.
  writeFileSync(join(consumer, 'package.json'), '{ "private": true }\n');
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (!name.startsWith('.')) symlinkSync(join(root, 'node_modules', name), join(modules, name));
  }
  const packed = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', consumer], root)) as {
    filename: string;
  }[];
  run('tar', ['-xzf', packed[0]?.filename ?? '', '-C', modules], consumer);
  run('mv', [join(modules, 'package'), join(modules, 'aurora-dsql-orm')], consumer);
  return consumer;
}

/** Runs a command, and returns what it prints. */
export function run(command: string, args: string[], cwd: string): string {
  // The environment of the tests, in which there are no colours, and not that of the process.
  return execFileSync(command, args, {
    cwd,
    env: process.env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}
