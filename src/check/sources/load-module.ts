import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { createJiti } from 'jiti';
import { CheckError } from '../check-error';

/** What is used of the compiler of the project at hand. */
interface TypeScript {
  transpileModule(source: string, options: object): { readonly outputText: string };
  readonly ModuleKind: { readonly CommonJS: number };
  readonly ScriptTarget: { readonly ES2022: number };
}

/** What Babel calls for the first value of a decorated property: it throws that a plugin is missing. */
const INITIALIZER = /(function _initializerWarningHelper\((\w+), (\w+)\) ?)\{[^}]*\}/;

/** Where Babel asks whether a module has a `default` of its own. */
const IS_ES_MODULE =
  /(?<=function _interopRequireDefault\(e\) ?\{ ?return |\(_interopRequireWildcard = function \(e, t\) ?\{ ?if \(!t && )e && e\.__esModule/g;

/** Those of this very check, each read when it is first imported; a project that only tries it with npx has none. */
const ENTRY_POINTS = Object.create(
  null,
  Object.fromEntries(
    ['', '/typeorm', '/sequelize', '/sequelize/register', '/sequelize/umzug', '/migrate', '/local'].map(
      (entry) => [
        `aurora-dsql-orm${entry}`,
        { get: () => createRequire(__filename)(path.join(__dirname, '../..', entry)) as unknown },
      ],
    ),
  ),
) as Readonly<Record<string, unknown>>;

/** A module of the project, and what it exports. */
export interface LoadedModule {
  readonly file: string;
  readonly exports: unknown;
}

/** A decorator at the beginning of a line: entities have them, migrations do not. */
const DECORATOR = /^[\t ]*@\w/m;

/**
 * Loads modules of a project as its ORM's own command line would: TypeScript and JavaScript, CommonJS and ES modules,
 * with the packages that are installed beside them. Nothing is written to disk.
 */
export class ModuleLoader {
  readonly #root: string;
  readonly #compilers = new Map<string, TypeScript | undefined>();
  #jiti: Jiti | undefined;

  constructor(root: string) {
    this.#root = root;
  }

  /**
   * @throws whatever the module throws, and the loader's own errors for what it cannot read
   * @throws CheckError where the package that loads modules is not installed
   */
  async load(file: string): Promise<Readonly<Record<string, unknown>>> {
    this.#jiti ??= this.#createJiti(await loadJiti());
    const loaded = await withoutThen(file, this.#jiti);
    return typeof loaded === 'object' || typeof loaded === 'function'
      ? ((loaded ?? {}) as Record<string, unknown>)
      : {};
  }

  /** The modules that were loaded so far, without those of packages, with what they export. */
  loadedModules(): LoadedModule[] {
    return Object.entries(this.#jiti?.cache ?? {}).flatMap(([file, module]) =>
      !file.includes(`${path.sep}node_modules${path.sep}`)
        ? [{ file, exports: module.exports as unknown }]
        : [],
    );
  }

  #createJiti({ createJiti }: JitiPackage): Jiti {
    const from = path.join(this.#root, 'check');
    const babel = createJiti(from, { fsCache: false });
    return createJiti(from, {
      fsCache: false,
      // jiti would keep the first value that it reads of a module: nothing, where entities import each other in a circle.
      interopDefault: false,
      tsconfigPaths: true,
      virtualModules: ENTRY_POINTS,
      transform: ({ source, filename = '', ...others }) => ({
        code: DECORATOR.test(source)
          ? this.#compileDecorated(source, filename, babel)
          : compileWithBabel({ source, filename, ...others }, babel),
      }),
    });
  }

  /**
   * TypeScript, which a project with decorators has, compiles them as the project does. TypeScript 7 does so by its command line
   * alone; Babel, which jiti brings, knows nothing of `name!: type` on a decorated property, and leaves properties to a
   * plugin that is not there.
   */
  #compileDecorated(source: string, filename: string, babel: Jiti): string {
    const compiler = this.#compilerFor(filename);
    if (!compiler) {
      const declared = source.replace(
        /^(\s*(?:@.*\)\s*)?(?:(?:public|private|protected|readonly)\s+)*\w+)!(\s*:)/gm,
        '$1 $2',
      );
      return compileWithBabel(
        { source: declared, filename, ts: /\.[cm]?tsx?$/.test(filename) },
        babel,
      ).replace(INITIALIZER, '$1{return $2?.initializer?.call($3);}');
    }
    const compilerOptions = {
      module: compiler.ModuleKind.CommonJS,
      target: compiler.ScriptTarget.ES2022,
      experimentalDecorators: true,
      emitDecoratorMetadata: true,
      esModuleInterop: true,
      useDefineForClassFields: false,
      allowJs: true,
    };
    return compiler.transpileModule(source, { fileName: filename, compilerOptions }).outputText;
  }

  #compilerFor(filename: string): TypeScript | undefined {
    const folder = path.dirname(filename);
    if (!this.#compilers.has(folder)) {
      const compiler = requireFrom(filename, 'typescript') as Partial<TypeScript> | undefined;
      this.#compilers.set(folder, compiler?.transpileModule && (compiler as TypeScript));
    }
    return this.#compilers.get(folder);
  }
}

/**
 * A default import of a CommonJS package is all that it exports, however it is reached: `require`, which modules compiled
 * by TypeScript call, returns just that, and so does jiti's own import of what was required before; the import of Node.js
 * returns a module that has it as `default`.
 */
function compileWithBabel(options: Parameters<Jiti['transform']>[0], babel: Jiti): string {
  return babel
    .transform({ ...options, interopDefault: true })
    .replaceAll(IS_ES_MODULE, 'e && (e.__esModule || e[Symbol.toStringTag] === "Module")');
}

/**
 * Imports a module that is no promise: what exports a function named `then` is taken for one, and may never come.
 *
 * @throws Error where it exports one
 */
async function withoutThen(file: string, jiti: Jiti): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const thenable = new Promise<never>((_, reject) => {
    timer = setInterval(() => {
      if (hasThen(jiti.cache[file])) reject(new Error(THENABLE));
    }, LOOK_DELAY_MS);
  });
  try {
    const loaded: unknown = await Promise.race([jiti.import(file), thenable]);
    if (hasThen(jiti.cache[file])) throw new Error(THENABLE);
    return loaded;
  } finally {
    clearInterval(timer);
  }
}

const LOOK_DELAY_MS = 50;
const THENABLE = 'it exports a function named then, so that import() waits for it as for a promise';

function hasThen(module: NodeJS.Module | undefined): boolean {
  if (module?.loaded !== true) return false;
  const { then } = (module.exports ?? {}) as { readonly then?: unknown };
  return typeof then === 'function';
}

type Jiti = ReturnType<typeof createJiti>;

interface JitiPackage {
  readonly createJiti: typeof createJiti;
}

/** An optional peer: only modules need it, and only while one develops. */
async function loadJiti(): Promise<JitiPackage> {
  try {
    return await import('jiti');
  } catch (error) {
    if (!isNotFound(error)) throw error;
    throw new CheckError('modules are loaded by the package jiti: npm install --save-dev jiti@^2.7.0');
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND';
}

/**
 * Loads a package as a file of the project would, or as this package does where the project has none.
 *
 * @returns `undefined` where it is installed in neither place
 */
export function requireFrom(file: string, name: string): unknown {
  const key = JSON.stringify([path.dirname(file), name]);
  if (!required.has(key)) required.set(key, requireAnew(file, name));
  return required.get(key);
}

/** By folder and name: looking for a package takes as long as running a migration. */
const required = new Map<string, unknown>();

function requireAnew(file: string, name: string): unknown {
  for (const from of [file, __filename]) {
    const require = createRequire(from);
    try {
      return require(name) as unknown;
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
  return undefined;
}

/** The text of a file, or nothing where there is none. */
export function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
