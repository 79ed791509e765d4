import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { DataSource } from 'typeorm';
import type { Umzug } from 'umzug';
import { ArgumentError } from '../command';
import type { Load, MigrationProject } from './project';

/**
 * Loads the project that a file exports: a data source of TypeORM, or a migrator of `createMigrator`.
 *
 * @param option - the option that names it, for the errors
 * @throws ArgumentError where there is no such file, or it exports none
 */
export async function loadProject(
  option: '--data-source' | '--migrator',
  name: string,
): Promise<MigrationProject> {
  const file = path.resolve(name);
  if (!isThere(file)) throw new ArgumentError(`${option}: there is no file ${file}`);
  const { isDataSource, ModuleLoader, readExports } = await import('../../check');
  const isNative = isLoadedByNode(file);
  const loader = new ModuleLoader(process.cwd());
  const load: Load = isNative ? (each) => Promise.resolve(loadNatively(each)) : (each) => loader.load(each);
  const values = await Promise.all(readExports(await load(file)).values);
  if (option === '--data-source') {
    const dataSource = values.find((value): value is DataSource => isDataSource(value));
    if (dataSource === undefined)
      throw new ArgumentError(`${option}: ${name} exports no data source of TypeORM`);
    const { typeOrmProject } = await import('./typeorm-project');
    return typeOrmProject(dataSource, file, isNative ? undefined : load);
  }
  const umzug = values.find(isUmzug);
  if (umzug === undefined)
    throw new ArgumentError(`${option}: ${name} exports no migrator of createMigrator`);
  const { umzugProject } = await import('./umzug-project');
  return umzugProject(umzug, file);
}

/** Its ending may be left to Node.js, or to the loader of TypeScript. */
function isThere(file: string): boolean {
  return ['', '.js', '.cjs', '.mjs', '.ts', '.cts', '.mts', '/index.js', '/index.ts'].some((ending) =>
    existsSync(`${file}${ending}`),
  );
}

/** TypeScript is loaded by Node.js where something is registered for it, such as ts-node; ES modules are not required. */
function isLoadedByNode(file: string): boolean {
  const { extensions } = createRequire(file) as unknown as { readonly extensions: object };
  const extension = path.extname(file);
  if (extension === '.ts' || extension === '.cts') return Object.hasOwn(extensions, '.ts');
  return extension === '.js' || extension === '.cjs';
}

function loadNatively(file: string): Readonly<Record<string, unknown>> {
  const exported: unknown = createRequire(file)(file);
  return typeof exported === 'object' && exported !== null
    ? { default: exported, ...exported }
    : { default: exported };
}

function isUmzug(value: unknown): value is Umzug {
  if (typeof value !== 'object' || value === null) return false;
  const { pending, executed, options } = value as Partial<Umzug>;
  return (
    typeof pending === 'function' && typeof executed === 'function' && typeof options?.storage === 'object'
  );
}
