import path from 'node:path';
import type { Sequelize } from 'sequelize';
import type { DataSource } from 'typeorm';
import { loadParser } from '../sql';
import type { Statement, TranslateOptions } from '../sql';
import { Catalog } from './catalogue/catalog';
import { Declarations } from './recording/declarations';
import { isScript, makesInstance } from './sources/discover-files';
import {
  entityDeclarations,
  isDataSource,
  isOurDataSource,
  loadedEntities,
  mappingOf,
  readableDataSource,
  recordEntities,
} from './recording/entities';
import { translateOptionsOf } from './recording/translate-options';
import { hasReplacement, severities } from './finding';
import type { Problem } from './finding';
import { fixLiteral, fixScript } from './fix';
import type { Fix } from './fix';
import { judge } from './judge';
import { ModuleLoader, textOf } from './sources/load-module';
import { readExports, runSequelizeMigration, TypeOrmMigrations } from './recording/migrations';
import type { Direction, Exports } from './recording/migrations';
import { isOurSequelize, isSequelize, modelDeclarations, recordModels } from './recording/models';
import { Recording } from './recording/recording';
import type { RecordedText } from './recording/recording';
import type { Reported } from './reported';
import { adviseOn } from './schema-advice';
import { sequelizeOf } from './recording/sequelize-recorder';
import { SourceFile } from './sources/source-file';
import { readScript } from './sources/sql-script';
import { TransactionWatch } from './recording/transaction-watch';
import { typeOrmOf } from './recording/typeorm-recorder';
import type { FileWatch } from './worker/file-watch';
import type { Assignment, Progress } from './worker/messages';

interface FoundProblem {
  readonly problem: Problem;
  readonly fix: Fix | undefined;
  /** The file that the fix is for. */
  readonly file: string;
  readonly direction?: Direction | undefined;
}

/** What a data source or an instance of Sequelize holds. */
interface Models {
  readonly file: string;
  /** Whether an entry point of this package translates what is sent. */
  readonly isOurs: boolean;
  /** What the entry point was told of the translation. */
  readonly mapping: TranslateOptions;
  readonly locate: NonNullable<Recording['declarationOf']>;
}

interface ReadModule {
  readonly file: string;
  readonly exports: Exports;
}

/** Looks into the files of a check, in the process that runs them. */
export class CheckRun {
  readonly #assignment: Assignment;
  readonly #watch: FileWatch;
  readonly #send: (progress: Progress) => Promise<void>;
  readonly #loader: ModuleLoader;
  readonly #sources = new Map<string, SourceFile | undefined>();
  readonly #modules = new Map<string, ReadModule | undefined>();
  readonly #withCheckedInstances: Set<string>;
  #found: FoundProblem[] = [];
  #dataSource: string | undefined;
  #typeOrm = new TypeOrmMigrations(undefined);

  constructor(assignment: Assignment, watch: FileWatch, send: (progress: Progress) => Promise<void>) {
    this.#assignment = assignment;
    this.#watch = watch;
    this.#send = send;
    this.#loader = new ModuleLoader(assignment.folder);
    this.#withCheckedInstances = new Set(assignment.withCheckedInstances);
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

  /**
   * Data sources come first, because migrations may use their entities; then one folder after the other, whose scripts and
   * migrations are one history.
   *
   * @throws CheckError where nothing can be checked
   */
  async run(): Promise<void> {
    const { files, dataSource } = this.#assignment;
    await loadParser();
    if (dataSource !== undefined) await this.#findEntities(dataSource);
    const modules = files.filter((file) => !isScript(file));
    await this.#checkInstances(modules.filter((file) => makesInstance(textOf(file))));
    for (const history of historiesOf(files)) {
      await this.#checkInstances(history.filter((file) => !isScript(file)));
      await this.#checkHistory(history);
    }
  }

  async #checkHistory(files: readonly string[]): Promise<void> {
    const catalog = new Catalog();
    for (const file of files) {
      const module = this.#modules.get(file);
      if (isScript(file)) await this.#watch.run(file, () => this.#checkScript(file, catalog));
      else if (module) await this.#checkMigrations(module, catalog);
    }
    await this.#report(files, [], () => {
      this.#advise(catalog);
    });
    // Another history has other files.
    this.#sources.clear();
    for (const file of files) this.#modules.delete(file);
  }

  /** Hands over what was found in files, or in their data sources and instances. */
  async #report(
    files: readonly string[],
    instances: readonly string[],
    lookAgain: () => void = () => undefined,
  ): Promise<void> {
    await this.#watch.rest();
    lookAgain();
    const reported = this.#found.flatMap((each) => this.#reported(each) ?? []);
    this.#found = [];
    const failures = this.#watch.takeFailures();
    const dataSource = this.#dataSource;
    await this.#send({ kind: 'checked', files, instances, dataSource, reported, failures });
  }

  #reported({ problem, fix, file, direction }: FoundProblem): Reported | undefined {
    const { severity = 'note', ignore = [] } = this.#assignment.options;
    const isWanted = severities.indexOf(problem.severity) <= severities.indexOf(severity);
    if (!isWanted || ignore.includes(problem.rule)) return undefined;
    const { place, replacement, ...rest } = problem;
    const location = place.text.locate(place.offset, place.name);
    if (this.#isIgnored(location.file, location.line, problem.rule)) return undefined;
    const edits = fix && 'edits' in fix ? fix.edits : [];
    const notFixable = fix && 'problem' in fix ? fix.problem : undefined;
    const finding = {
      ...location,
      ...rest,
      ...(direction && { direction }),
      // What models declare is not SQL, and the ORMs' entry points of this package need no other.
      ...(replacement && place.text.author === 'person' && { replacement }),
      fixable: edits.length > 0,
      ...(notFixable !== undefined && { notFixable }),
    };
    return { finding, name: place.name, edits, file };
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

  // eslint-disable-next-line @typescript-eslint/require-await -- run as what modules do is
  async #checkScript(file: string, catalog: Catalog): Promise<void> {
    const source = this.get(file);
    if (!source) throw new Error('it cannot be read');
    if (!source.isText) throw new Error('it is not text in UTF-8');
    const script = readScript(source.text);
    const text = {
      sql: script.sql,
      author: 'person' as const,
      isOneQuery: false,
      locate: (offset: number) => source.locate(offset),
    };
    const judgement = judge(text, {
      catalog,
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
      const fix = hasReplacement(problem) ? together(found) : undefined;
      this.#found.push({ problem, fix, file });
    }
  }

  // --- modules --------------------------------------------------------------------------------------------------

  /** Loads a module, once. */
  async #load(file: string): Promise<ReadModule | undefined> {
    if (!this.#modules.has(file)) {
      this.#modules.set(file, undefined);
      await this.#watch.run(file, async () => {
        this.#modules.set(file, { file, exports: readExports(await this.#loader.load(file)) });
      });
    }
    return this.#modules.get(file);
  }

  async #checkMigrations({ file, exports }: ReadModule, catalog: Catalog): Promise<void> {
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
    await this.#watch.run(file, () => run('up', up));
    this.#add(up, file, 'up');
    // What `down` undoes is there for the migration after this one.
    const down = new Recording(file, new Catalog(catalog), this, this.#translateOptions);
    // Many a `down` throws to say that there is no way back.
    await this.#watch.run(file, () => run('down', down), isMistake);
    this.#add(down, file, 'down');
  }

  /** Loads modules, and checks the data sources and instances that they export. */
  async #checkInstances(files: readonly string[]): Promise<void> {
    const unchecked = files.filter((file) => !this.#withCheckedInstances.has(file));
    for (const file of files) await this.#load(file);
    for (const file of unchecked) {
      this.#withCheckedInstances.add(file);
      for (const value of this.#modules.get(file)?.exports.values ?? []) {
        if (isDataSource(value)) await this.#watch.run(file, () => this.#checkDataSource(file, value));
        else if (isSequelize(value)) await this.#watch.run(file, () => this.#checkSequelize(file, value));
      }
    }
    if (unchecked.length > 0) await this.#report([], unchecked);
  }

  /** Finds the entities of a data source that was checked before. */
  async #findEntities(file: string): Promise<void> {
    const module = await this.#load(file);
    await this.#watch.run(file, async () => {
      for (const value of module?.exports.values ?? []) {
        if (isDataSource(value)) this.#useEntities(file, await this.#entitiesOf(value));
      }
    });
  }

  #entitiesOf(dataSource: DataSource): ReturnType<typeof loadedEntities> {
    return loadedEntities(dataSource, async (file) => {
      await this.#watch.renew();
      return this.#loader.load(file);
    });
  }

  #useEntities(file: string, entities: Awaited<ReturnType<typeof loadedEntities>>): void {
    this.#dataSource = file;
    this.#typeOrm = new TypeOrmMigrations(entities);
  }

  async #checkDataSource(file: string, dataSource: DataSource): Promise<void> {
    const typeorm = typeOrmOf(file);
    if (!typeorm) throw new Error('TypeORM is not installed where this data source is.');
    const entities = await this.#entitiesOf(dataSource);
    this.#useEntities(file, entities);
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

  /** Models are one schema; the migrations in the same folder add nothing to it. */
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
      // Foreign keys follow their target with our entry points.
      this.#advise(catalog, (rule) => !(isOurs && rule === 'int4-key'));
    }
  }

  #add(recording: Recording, file: string, direction?: Direction): void {
    const fixes = new Map<RecordedText, Fix>();
    for (const text of recording.texts) {
      if (text.author === 'person' && text.judgement.problems.some(hasReplacement)) {
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
      const fix = hasReplacement(problem) ? fixes.get(text) : undefined;
      this.#found.push({ problem, fix, file: text.found?.source.file ?? file, direction });
    }
  }

  // --- what all of them need ------------------------------------------------------------------------------------

  #advise(catalog: Catalog, isWanted: (rule: string) => boolean = () => true): void {
    const { highRateTables = [], identityCache = 1 } = this.#assignment.options;
    for (const problem of adviseOn(catalog, { highRateTables, identityCache })) {
      if (isWanted(problem.rule)) this.#found.push({ problem, fix: undefined, file: '' });
    }
  }

  get #translateOptions() {
    return translateOptionsOf(this.#assignment.options);
  }
}

/** Scripts and migrations of one folder are one history. */
function historiesOf(files: readonly string[]): string[][] {
  const histories = new Map<string, string[]>();
  for (const file of files) {
    const folder = path.dirname(file);
    const history = histories.get(folder);
    if (history) history.push(file);
    else histories.set(folder, [file]);
  }
  return [...histories.values()];
}

/** Whether an error is none that somebody has thrown on purpose. */
function isMistake(error: unknown): boolean {
  return error instanceof TypeError || error instanceof ReferenceError;
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

/** The entry points of this package do by themselves what would have to be written otherwise. */
function adviseStock(problem: Problem): Problem {
  if (!problem.replacement) return problem;
  const instead = 'createDsqlDataSource, or createDsqlSequelize, sends what DSQL takes in its place.';
  return { ...problem, instead };
}
