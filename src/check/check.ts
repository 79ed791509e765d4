import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Sequelize } from 'sequelize';
import type { DataSource } from 'typeorm';
import { loadParser, refusals } from '../sql';
import type { CapabilityOverrides, Simplifications, Statement, TranslateOptions } from '../sql';
import { Catalog } from './catalogue/catalog';
import { Declarations } from './recording/declarations';
import { discoverFiles, isScript } from './sources/discover-files';
import {
  entityDeclarations,
  isDataSource,
  isOurDataSource,
  loadedEntities,
  mappingOf,
  readableDataSource,
  recordEntities,
} from './recording/entities';
import { ownRules } from './finding';
import type { Finding, Problem, Severity } from './finding';
import { applyEdits, fixLiteral, fixScript } from './fix';
import type { Edit, Fix } from './fix';
import { judge } from './judge';
import { ModuleLoader } from './sources/load-module';
import { CheckError } from './check-error';
import { readExports, runSequelizeMigration, TypeOrmMigrations } from './recording/migrations';
import type { Direction, Exports } from './recording/migrations';
import { isOurSequelize, isSequelize, modelDeclarations, recordModels } from './recording/models';
import { Recording } from './recording/recording';
import type { RecordedText } from './recording/recording';
import { adviseOn } from './schema-advice';
import { sequelizeOf } from './recording/sequelize-recorder';
import { SourceFile } from './sources/source-file';
import { readScript } from './sources/sql-script';
import { TransactionWatch } from './recording/transaction-watch';
import { typeOrmOf } from './recording/typeorm-recorder';

/** What a check depends on besides the files; every field is optional. */
export interface CheckOptions {
  /** The folder that relative paths are of. @defaultValue the working folder */
  readonly folder?: string;
  /** Whether to write into the files what DSQL takes, where that is safe. @defaultValue `false` */
  readonly fix?: boolean;
  /** The least severity that is reported. @defaultValue `'warning'` */
  readonly severity?: Severity;
  /** Rules that are not reported. */
  readonly ignore?: readonly string[];
  /** Tables that many write to at once, besides those whose name says so. */
  readonly highRateTables?: readonly string[];
  /** The CACHE of identities that name none: 1, or 65,536 and above. @defaultValue 1 */
  readonly identityCache?: number;
  /** What may be made less than a text asks for. */
  readonly simplify?: Simplifications;
  /** Rows of the capability table by their ids, where the cluster differs. */
  readonly capabilities?: CapabilityOverrides;
}

/** A file that could not be checked, or not to its end. */
export interface Failure {
  /** An absolute path. */
  readonly file: string;
  readonly message: string;
}

/** What a check has found. */
export interface CheckReport {
  /** By file, line and column. Without what was fixed. */
  readonly findings: readonly Finding[];
  readonly failures: readonly Failure[];
  /** How many files were looked into. */
  readonly files: number;
  /** The files that were written, with the number of findings that are gone. */
  readonly fixed: readonly { readonly file: string; readonly findings: number }[];
}

/** How long one `up` or `down` may take that waits for what never comes. */
const MIGRATION_TIMEOUT_MS = 60_000;

/**
 * Says what Aurora DSQL will refuse, or take badly, of scripts, migrations, entities and models, before anything is sent.
 *
 * Modules are run, as the ORM's own command line runs them; nothing is connected. What migrations and scripts of one
 * folder make is known to those after them, by the order of their names.
 *
 * @param paths - files and folders
 * @throws CheckError for a path that is not there, and where there are modules and no jiti to load them
 * @throws RangeError for an option that makes no sense
 */
export async function check(paths: readonly string[], options: CheckOptions = {}): Promise<CheckReport> {
  const { folder = process.cwd(), ignore = [] } = options;
  for (const rule of ignore) {
    const isRule = [...ownRules, ...refusals].some(({ id }) => id === rule);
    if (!isRule) throw new RangeError(`ignore names ${JSON.stringify(rule)}, and there is no such rule.`);
  }
  const files = discoverFiles(paths, folder);
  await loadParser();
  const run = new CheckRun(folder, options);
  await run.checkFiles(files);
  return run.report(files.length);
}

interface FoundProblem {
  readonly problem: Problem;
  readonly fix: Fix | undefined;
  /** The file that the fix is for. */
  readonly file: string;
}

interface Reported {
  readonly finding: Finding;
  /** What stands there: a column, a table, an enum type. */
  readonly name: string;
  readonly edits: readonly Edit[];
  /** The file that the edits are for. */
  readonly file: string;
}

/** What a data source or an instance of Sequelize holds. */
interface Models {
  readonly file: string;
  /** Whether a door of this package translates what is sent. */
  readonly isOurs: boolean;
  /** What the door was told of the translation. */
  readonly mapping: TranslateOptions;
  readonly locate: NonNullable<Recording['declarationOf']>;
}

interface ReadModule {
  readonly file: string;
  readonly exports: Exports;
}

class CheckRun {
  readonly #options: CheckOptions;
  readonly #loader: ModuleLoader;
  readonly #sources = new Map<string, SourceFile | undefined>();
  readonly #catalogs = new Map<string, Catalog>();
  readonly #found: FoundProblem[] = [];
  readonly #failures: Failure[] = [];
  #typeOrm = new TypeOrmMigrations(undefined);

  constructor(folder: string, options: CheckOptions) {
    this.#options = options;
    this.#loader = new ModuleLoader(folder);
  }

  /** The source of a file; `undefined` where it cannot be read. */
  get(file: string): SourceFile | undefined {
    if (!this.#sources.has(file)) {
      let source: SourceFile | undefined;
      try {
        source = new SourceFile(file);
      } catch {
        source = undefined;
      }
      this.#sources.set(file, source);
    }
    return this.#sources.get(file);
  }

  async checkFiles(files: readonly string[]): Promise<void> {
    const modules = new Map<string, ReadModule>();
    for (const file of files) {
      if (isScript(file)) continue;
      await this.#attempt(file, async () => {
        modules.set(file, { file, exports: readExports(await this.#loader.load(file)) });
      });
    }
    for (const module of modules.values()) await this.#checkInstances(module);
    for (const file of files) {
      const module = modules.get(file);
      if (isScript(file)) this.#checkScript(file);
      else if (module) await this.#checkMigrations(module);
    }
    for (const catalog of this.#catalogs.values()) this.#advise(catalog);
  }

  report(files: number): CheckReport {
    const { severity = 'warning', ignore = [], fix = false } = this.#options;
    const reported = new Map<string, Reported>();
    for (const { problem, fix: written, file } of this.#found) {
      if ((severity === 'error' && problem.severity !== 'error') || ignore.includes(problem.rule)) continue;
      const { place, replacement, ...rest } = problem;
      const location = place.text.locate(place.offset, place.name);
      if (this.#isIgnored(location.file, location.line, problem.rule)) continue;
      const key = JSON.stringify([location, problem.rule, problem.message]);
      if (reported.has(key)) continue;
      const edits = written && 'edits' in written ? written.edits : [];
      const notFixable = written && 'problem' in written ? written.problem : undefined;
      const finding = {
        ...location,
        ...rest,
        // What stands in models is not SQL, and the doors of this package need no other.
        ...(replacement && place.text.author === 'person' && { replacement }),
        fixable: edits.length > 0,
        ...(notFixable !== undefined && { notFixable }),
      };
      reported.set(key, { finding, name: place.name, edits, file });
    }
    const all = keepNeededTypes([...reported.values()]).sort(
      ({ finding: a }, { finding: b }) =>
        compare(a.file, b.file) || a.line - b.line || a.column - b.column || compare(a.rule, b.rule),
    );
    const fixed = fix ? this.#write(all) : [];
    const left = fix ? all.filter(({ finding }) => !finding.fixable) : all;
    return { findings: left.map(({ finding }) => finding), failures: this.#failures, files, fixed };
  }

  #write(reported: readonly Reported[]): { readonly file: string; readonly findings: number }[] {
    const byFile = new Map<string, { edits: Set<Edit>; findings: number }>();
    for (const { edits, file } of reported) {
      if (edits.length === 0) continue;
      const changes = byFile.get(file) ?? { edits: new Set(), findings: 0 };
      for (const edit of edits) changes.edits.add(edit);
      changes.findings++;
      byFile.set(file, changes);
    }
    return [...byFile].map(([file, changes]) => {
      writeFileSync(file, applyEdits(this.get(file)?.text ?? '', [...changes.edits]));
      return { file, findings: changes.findings };
    });
  }

  /** A comment on the line, or on the one before it, may say that a finding is known. */
  #isIgnored(file: string, line: number, rule: string): boolean {
    const source = this.get(file);
    if (!source?.text.includes('aurora-dsql-orm-ignore')) return false;
    const lines = source.text.split('\n').slice(Math.max(0, line - 2), line);
    return lines.some((text) => {
      const match = /aurora-dsql-orm-ignore(?:[ \t]+([\w, -]+))?/.exec(text);
      return match !== null && (match[1] === undefined || match[1].split(/[ ,]+/).includes(rule));
    });
  }

  // --- scripts --------------------------------------------------------------------------------------------------

  #checkScript(file: string): void {
    const source = this.get(file);
    if (!source) {
      this.#failures.push({ file, message: 'it cannot be read' });
      return;
    }
    const script = readScript(source.text);
    const text = {
      sql: script.sql,
      author: 'person' as const,
      isOneQuery: false,
      locate: (offset: number) => source.locate(offset),
    };
    const judgement = judge(text, {
      catalog: this.#catalogOf(file),
      transaction: new TransactionWatch(),
      options: this.#translateOptions,
      copiedRows: script.copiedRows,
    });
    const fixes = fixScript(script, source.text, judgement);
    for (const problem of judgement.problems) {
      const { offset } = problem.place;
      const { statements } = judgement.parsed;
      const index = statements.findLastIndex(({ start }) => start <= offset);
      const concerned = TRANSACTION_RULES.has(problem.rule) ? transactionAround(statements, index) : [index];
      const found = statements
        .filter((_, at) => concerned.includes(at))
        .flatMap((each) => fixes.get(each) ?? []);
      const fix = problem.replacement && together(found);
      this.#found.push({ problem, fix, file });
    }
  }

  // --- modules --------------------------------------------------------------------------------------------------

  async #checkMigrations({ file, exports }: ReadModule): Promise<void> {
    const catalog = this.#catalogOf(file);
    for (const Migration of exports.typeOrmMigrations) {
      await this.#runMigration(file, catalog, (direction, recording) =>
        this.#typeOrm.run(file, Migration, direction, recording),
      );
    }
    for (const migration of exports.sequelizeMigrations) {
      await this.#runMigration(file, catalog, (direction, recording) =>
        runSequelizeMigration(file, migration, direction, recording),
      );
    }
  }

  async #runMigration(
    file: string,
    catalog: Catalog,
    run: (direction: Direction, recording: Recording) => Promise<void>,
  ): Promise<void> {
    const up = new Recording(file, catalog, this, this.#translateOptions);
    // What `down` undoes is there for the migration after this one.
    const down = new Recording(file, new Catalog(catalog), this, this.#translateOptions);
    for (const [direction, recording] of [
      ['up', up],
      ['down', down],
    ] as const) {
      await this.#attempt(file, () => withTimeout(run(direction, recording), direction));
      this.#add(recording, file);
    }
  }

  async #checkInstances({ file, exports: { values } }: ReadModule): Promise<void> {
    for (const value of values) {
      if (isDataSource(value)) await this.#attempt(file, () => this.#checkDataSource(file, value));
      else if (isSequelize(value)) await this.#attempt(file, () => this.#checkSequelize(file, value));
    }
  }

  async #checkDataSource(file: string, dataSource: DataSource): Promise<void> {
    const typeorm = typeOrmOf(file);
    if (!typeorm) throw new Error('TypeORM is not installed where this data source is.');
    const entities = await loadedEntities(dataSource, this.#loader);
    this.#typeOrm = new TypeOrmMigrations(entities);
    const readable = await readableDataSource(typeorm, dataSource, entities);
    const declarations = new Declarations(file, this.#loader.loadedModules(), this);
    const locate = entityDeclarations(readable, declarations);
    const isOurs = isOurDataSource(dataSource);
    const mapping = isOurs ? mappingOf(dataSource) : {};
    await this.#checkModels({ file, isOurs, mapping, locate }, (recording) =>
      recordEntities(typeorm, file, readable, recording),
    );
  }

  async #checkSequelize(file: string, sequelize: Sequelize): Promise<void> {
    const project = sequelizeOf(file);
    if (!project) throw new Error('Sequelize is not installed where this instance is.');
    const declarations = new Declarations(file, this.#loader.loadedModules(), this);
    const locate = modelDeclarations(sequelize, declarations);
    await this.#checkModels({ file, isOurs: isOurSequelize(sequelize), mapping: {}, locate }, (recording) =>
      recordModels(project, sequelize, recording),
    );
  }

  /** Models are a schema of their own, whatever migrations stand beside them. */
  async #checkModels(
    { file, isOurs, mapping, locate }: Models,
    record: (recording: Recording) => Promise<void>,
  ): Promise<void> {
    const catalog = new Catalog();
    const author = isOurs ? 'orm' : 'stock';
    const options = { ...this.#translateOptions, ...mapping };
    const recording = new Recording(file, catalog, this, options, author, locate);
    try {
      await record(recording);
    } finally {
      this.#add(recording, file);
      // Foreign keys follow their target in our doors.
      this.#advise(catalog, (rule) => !(isOurs && rule === 'int4-key'));
    }
  }

  #add(recording: Recording, file: string): void {
    const fixes = new Map<RecordedText, Fix>();
    for (const text of recording.texts) {
      if (text.author === 'person' && text.judgement.problems.some(({ replacement }) => replacement)) {
        fixes.set(text, fixLiteral(text));
      }
    }
    for (const problem of recording.problems) {
      const text = problem.place.text as RecordedText;
      if (text.author === 'stock') {
        // Their columns are found one by one.
        if (/^(?:create-enum|statement-do)$/.test(problem.rule)) continue;
        this.#found.push({ problem: adviseStock(problem), fix: undefined, file });
        continue;
      }
      const fix = problem.replacement && fixes.get(text);
      this.#found.push({ problem, fix, file: text.found?.source.file ?? file });
    }
  }

  // --- what all of them need ------------------------------------------------------------------------------------

  #advise(catalog: Catalog, isWanted: (rule: string) => boolean = () => true): void {
    const { highRateTables = [], identityCache = 1 } = this.#options;
    for (const problem of adviseOn(catalog, { highRateTables, identityCache })) {
      if (isWanted(problem.rule)) this.#found.push({ problem, fix: undefined, file: '' });
    }
  }

  get #translateOptions() {
    const { identityCache, simplify, capabilities } = this.#options;
    return {
      ...(identityCache !== undefined && { identityCache }),
      ...(simplify && { simplify }),
      ...(capabilities && { capabilities }),
    };
  }

  /** Scripts and migrations of one folder are one history. */
  #catalogOf(file: string): Catalog {
    const folder = path.dirname(file);
    const catalog = this.#catalogs.get(folder) ?? new Catalog();
    this.#catalogs.set(folder, catalog);
    return catalog;
  }

  async #attempt(file: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (error instanceof CheckError) throw error;
      this.#failures.push({ file, message: error instanceof Error ? error.message : String(error) });
    }
  }
}

/** Rules that are about all of a transaction. */
const TRANSACTION_RULES = new Set(['multiple-ddl', 'ddl-and-dml']);

function transactionAround(statements: readonly Statement[], index: number): number[] {
  const begin = statements.findLastIndex(({ kind }, at) => at < index && kind === 'begin');
  const end = statements.findIndex(({ kind }, at) => at > index && kind === 'commit');
  return Array.from({ length: end - begin + 1 }, (_, at) => begin + at);
}

/** Several fixes as one: none of them without the others. */
function together(fixes: readonly Fix[]): Fix | undefined {
  const problem = fixes.find((fix) => 'problem' in fix);
  if (problem || fixes.length === 0) return problem;
  return { edits: [...new Set(fixes.flatMap((fix) => ('edits' in fix ? fix.edits : [])))] };
}

/** The doors of this package do by themselves what would have to be written otherwise. */
function adviseStock(problem: Problem): Problem {
  if (!problem.replacement) return problem;
  const instead = 'createDsqlDataSource, or createDsqlSequelize, sends what DSQL takes in its place.';
  return { ...problem, instead };
}

/** An enum type is left where a statement that needs it is left: without it nobody would know the labels. */
function keepNeededTypes(reported: readonly Reported[]): Reported[] {
  const needed = new Set(
    reported.flatMap(({ finding, name }) =>
      finding.rule === 'enum-type' && !finding.fixable
        ? [/type "(.*)" does/.exec(finding.message)?.[1] ?? name]
        : [],
    ),
  );
  return reported.map((each) => {
    const { finding, name } = each;
    if (finding.rule !== 'create-enum' || !finding.fixable || !needed.has(name)) return each;
    const notFixable = 'A statement that uses the type is left as it is.';
    return { ...each, finding: { ...finding, fixable: false, notFixable }, edits: [] };
  });
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

async function withTimeout(work: Promise<void>, direction: Direction): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(
        new Error(
          `${direction} has not come to its end within a minute: it waits for what no database says.`,
        ),
      );
    }, MIGRATION_TIMEOUT_MS);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
