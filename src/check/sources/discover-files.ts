import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { CheckError } from '../check-error';
import { textOf } from './load-module';

const SCRIPT = /\.sql$/i;
const MODULE = /\.[cm]?[jt]s$/;
const NEVER_LOADED = /\.d\.[cm]?ts$|\.(?:test|spec|config)\.[cm]?[jt]s$/;

/** Packages, and what is made of the sources: to load it would run a program twice, or a server. */
const LEFT_OUT: ReadonlySet<string> = new Set(['node_modules', 'dist', 'build']);

/** A migration of TypeORM, of sequelize-cli, of umzug. */
const MIGRATION = /\b(?:MigrationInterface|queryRunner|queryInterface|sequelize|context)\b/i;
const INSTANCE =
  /\bnew\s+(?:DataSource|Sequelize)\b|\bcreateDsql(?:DataSource|Sequelize)\b|\bDsqlSequelize\b/;

/**
 * Finds the files to check: those named, whatever they are, and those in the folders named that are scripts, migrations,
 * data sources or Sequelize instances. In these, folders
 * named `node_modules`, `dist` and `build`, and hidden ones, are left out.
 *
 * @returns absolute paths, each once, in the order of their names
 * @throws CheckError for a path that is not there, and where there is nothing to check
 */
export function discoverFiles(paths: readonly string[], folder: string): string[] {
  const files = new Set<string>();
  for (const each of paths) {
    const absolute = path.resolve(folder, each);
    const stats = statSync(absolute, { throwIfNoEntry: false });
    if (!stats) throw new CheckError(`there is no ${each}`);
    if (stats.isDirectory()) for (const file of filesIn(absolute)) files.add(file);
    else if (SCRIPT.test(absolute) || MODULE.test(absolute)) files.add(absolute);
    else
      throw new CheckError(`${each} is neither a folder, nor SQL, nor a module of TypeScript or JavaScript`);
  }
  if (files.size === 0) {
    throw new CheckError(
      `there is nothing to check in ${paths.join(', ')}: no script (.sql), no migration, and no module that exports a data source or an instance of Sequelize`,
    );
  }
  return [...files].sort();
}

function* filesIn(folder: string): Generator<string, void, undefined> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name.startsWith('.') || LEFT_OUT.has(entry.name)) continue;
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) yield* filesIn(file);
    else if (SCRIPT.test(entry.name)) yield file;
    else if (MODULE.test(entry.name) && !NEVER_LOADED.test(entry.name) && isLoaded(textOf(file))) yield file;
  }
}

/** A module of a folder is loaded, and so run, only if it looks like what is checked. */
function isLoaded(source: string): boolean {
  if (!/\bexports?\b/.test(source)) return false;
  return (MIGRATION.test(source) && /\bup\b/.test(source)) || makesInstance(source);
}

/** Whether a source looks like one that makes a data source or an instance of Sequelize. */
export function makesInstance(source: string): boolean {
  return INSTANCE.test(source);
}

/** Whether a file is a script of SQL; all others are modules. */
export function isScript(file: string): boolean {
  return SCRIPT.test(file);
}
