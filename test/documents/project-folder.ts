import { buildSync } from 'esbuild';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root, textUnder } from './blocks';

const compile = {
  ...({ format: 'cjs', platform: 'node', target: 'node20', logLevel: 'warning' } as const),
  // As the package is built: what is imported when it is needed is required.
  supported: { 'dynamic-import': false },
};

/** What the README says that a project with TypeORM needs. */
const TSCONFIG = textUnder('README.md', 'Install', 'json');

/**
 * Makes a project of a reader's, `test/documents/project`, that has installed the package and what the documents install beside
 * it. Types are no part of that: they are checked elsewhere.
 *
 * @returns its folder, which is the caller's to remove
 */
export function makeProject(): string {
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(tmpdir(), 'documents-project-')));
  const modules = path.join(folder, 'node_modules');
  fs.mkdirSync(modules);
  const installed = fs.readdirSync(path.join(root, 'node_modules')).filter((name) => !name.startsWith('.'));
  for (const name of installed)
    fs.symlinkSync(path.join(root, 'node_modules', name), path.join(modules, name));
  installPackage(path.join(modules, 'aurora-dsql-orm'));
  linkPrograms(path.join(modules, '.bin'));
  compileAll(path.join(__dirname, 'project/src'), path.join(modules, '.compiled'));
  return folder;
}

/** Lets the project be as it was, whatever was done in it. */
export function resetProject(folder: string): void {
  for (const name of fs.readdirSync(folder)) {
    if (name !== 'node_modules') fs.rmSync(path.join(folder, name), { recursive: true });
  }
  fs.cpSync(path.join(__dirname, 'project'), folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'tsconfig.json'), TSCONFIG);
  fs.cpSync(path.join(folder, 'node_modules/.compiled'), path.join(folder, 'dist'), { recursive: true });
}

/** As npm does it, of what is here. */
function installPackage(target: string): void {
  compileAll(path.join(root, 'src'), path.join(target, 'dist'));
  fs.copyFileSync(path.join(root, 'package.json'), path.join(target, 'package.json'));
}

/** Every file by itself, without a look at the types. */
function compileAll(source: string, target: string): void {
  const entryPoints = fs
    .readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))
    .map((file) => path.join(source, file));
  buildSync({ ...compile, entryPoints, outbase: source, outdir: target, tsconfigRaw: TSCONFIG });
}

/** What `npx` finds; of `tsx`, which is not here, a hook that does the same. */
function linkPrograms(folder: string): void {
  fs.mkdirSync(folder);
  const programs = path.join(root, 'node_modules/.bin');
  for (const name of fs.readdirSync(programs)) {
    fs.symlinkSync(fs.realpathSync(path.join(programs, name)), path.join(folder, name));
  }
  const program = (name: string, script: string) => {
    fs.writeFileSync(path.join(folder, name), `#!/bin/sh\n${script}\n`);
    fs.chmodSync(path.join(folder, name), 0o755);
  };
  const main = path.join(folder, '../aurora-dsql-orm/dist/cli/main.js');
  program('aurora-dsql-orm', `exec node "${main}" "$@"`);
  program(
    'tsx',
    `DSQL_TEST_METADATA=none exec node -r "${path.join(root, 'test/typescript-register.cjs')}" "$@"`,
  );
  // Without the half second that npm takes to find them, and without asking a registry.
  program('npx', 'name=$1; shift; exec "$name" "$@"');
}
