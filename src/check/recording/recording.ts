import { AsyncLocalStorage } from 'node:async_hooks';
import path from 'node:path';
import { framesIn } from '../../schema/for-check';
import type { EnumFacts, TranslateOptions } from '../../sql';
import { createdEnum, MAX_TRANSACTION_ROWS, parseQuery } from '../../sql';
import type { Catalog } from '../catalogue/catalog';
import type { Problem } from '../finding';
import { judge, rowsOf } from '../judge';
import type { Judgement } from '../judge';
import { declaredIn, isOfTypes, type DeclaredThen } from '../planned-types';
import { endOfBrackets } from '../sources/source-literals';
import type { FoundText, SourceFile } from '../sources/source-file';
import type { Location, SqlText } from '../sources/sql-text';
import { TransactionWatch } from './transaction-watch';

/** A line of a user's file on the way to a call; columns are lost where the file was compiled. */
interface Frame {
  readonly file: string;
  readonly line: number;
}

/** A text that a program has sent, and what became of it. */
export interface RecordedText extends SqlText {
  readonly judgement: Judgement;
  /** Where its literal stands. */
  readonly found: (FoundText & { readonly source: SourceFile }) | undefined;
  /** Whether values travel beside it, or were put into it. */
  readonly hasParameters: boolean;
  /** What tables there were before it, where it is about enum types. */
  readonly declaredThen?: DeclaredThen;
  /** Whether what sends it waits for jobs, and repeats a write that is marked to be run until it touches no row. */
  readonly isSentByRunner: boolean;
}

/** How a text was sent. */
export interface Sending {
  readonly transaction?: object | undefined;
  readonly hasParameters: boolean;
  /** Whether the entry point that the text goes through translates a person's SQL, too, where it can. */
  readonly isTranslated?: boolean;
  /** Whether that entry point waits for jobs, and repeats a write that is marked to be run until it touches no row. */
  readonly isSentByRunner?: boolean;
  /** Whether that entry point gives columns the type of the key that they reference. */
  readonly followsKeys?: boolean;
}

interface Call {
  readonly recording: Recording;
  readonly method: string;
  readonly frames: readonly Frame[];
}

/** The call that some work belongs to; one for all recordings, because each one costs every promise something. */
const calls = new AsyncLocalStorage<Call>();

/** Whatever gives the sources of files. */
export interface Sources {
  get(file: string): SourceFile | undefined;
}

/** The methods by which a program hands over SQL of its own. */
const OWN_SQL = new Set(['query', 'sql', 'stream', 'rawQuery']);

/** They run what the program gives them, which makes its own calls; or they are none of the database's. */
const NOT_CALLS = new Set(['constructor', 'transaction', 'define', 'model']);

/** Follows what a program sends while it runs, and judges it on the way. */
export class Recording {
  readonly texts: RecordedText[] = [];
  readonly #problems: Problem[] = [];
  readonly #transactions = new Map<object, TransactionWatch>();
  readonly #alone = new TransactionWatch();
  #ddl: RecordedText | undefined;
  #write: RecordedText | undefined;
  #rows = 0;
  #isMixed = false;
  #isLarge = false;

  constructor(
    /** The file that is run: where nothing else is known, things are found there. */
    readonly file: string,
    readonly catalog: Catalog,
    readonly sources: Sources,
    readonly options: Omit<TranslateOptions, 'catalog'>,
    /** Who translates what the ORM makes: `orm` for an entry point of this package, `stock` for nobody. */
    readonly ormAuthor: 'orm' | 'stock' = 'orm',
    /** Where models declare what a text of the ORM is about. */
    readonly declarationOf?: (sql: string, name: string) => Location | undefined,
  ) {}

  get problems(): readonly Problem[] {
    return this.#problems;
  }

  /** Runs a method of an ORM for the program, and remembers who called which. */
  call<T>(method: string, run: () => T): T {
    if (this.#call) return run();
    return calls.run({ recording: this, method, frames: callingFrames() }, run);
  }

  /** A proxy of an ORM's object, whose methods the program calls through {@link call}. */
  watched<T extends object>(target: T, replaced: Readonly<Record<string, unknown>> = {}): T {
    return new Proxy(target, {
      get: (_target, property) => {
        if (typeof property === 'string' && Object.hasOwn(replaced, property)) return replaced[property];
        const value: unknown = Reflect.get(target, property, target);
        const isMethod =
          typeof value === 'function' && typeof property === 'string' && /^[a-z]/.test(property);
        if (!isMethod || NOT_CALLS.has(property)) return value;
        return (...args: unknown[]) =>
          this.call(property, () => Reflect.apply(value, target, args) as unknown);
      },
    });
  }

  get #call(): Call | undefined {
    const call = calls.getStore();
    return call?.recording === this ? call : undefined;
  }

  /** @param isSplit - whether the entry point of this package splits a transaction that changes the schema */
  begin(transaction: object, isSplit: boolean): void {
    const watch = new TransactionWatch();
    watch.begin({ isOutside: true, isSplit });
    this.#transactions.set(transaction, watch);
  }

  end(transaction: object): void {
    this.#transactions.delete(transaction);
  }

  /** Notes a text that is sent. */
  send(
    sql: string,
    {
      transaction,
      hasParameters,
      isTranslated = false,
      isSentByRunner = false,
      followsKeys = false,
    }: Sending,
  ): RecordedText {
    const call = this.#call ?? { recording: this, method: 'query', frames: callingFrames() };
    const isOwn = OWN_SQL.has(call.method);
    const found = isOwn ? this.#find(sql, call) : undefined;
    const author = isOwn ? 'person' : this.ormAuthor;
    const locate = (offset: number, name = '') =>
      this.declarationOf?.(sql, name) ?? this.#locate(call, found, offset, name);
    const text: SqlText = {
      sql,
      author,
      isTranslated: isOwn && isTranslated,
      isOneQuery: author === 'person',
      followsKeys: followsKeys && !isOwn,
      locate,
    };
    const watch = (transaction && this.#transactions.get(transaction)) ?? this.#alone;
    const isAboutTypes = /\bTYPE\b/i.test(sql) && isOfTypes(parseQuery(sql).statements);
    const declaredThen = isAboutTypes ? declaredIn(this.catalog) : undefined;
    const judgement = judge(text, {
      catalog: this.catalog,
      transaction: watch,
      options: this.options,
      enums: enumsIn(sql),
    });
    const recorded: RecordedText = Object.assign(text, {
      judgement,
      found,
      hasParameters,
      isSentByRunner,
      ...(declaredThen !== undefined && { declaredThen }),
    });
    this.texts.push(recorded);
    this.#problems.push(...judgement.problems, ...this.#watchWhole(recorded, watch));
    return recorded;
  }

  /** What is nothing to DSQL, and yet not well in one migration. */
  #watchWhole(text: RecordedText, watch: TransactionWatch): Problem[] {
    const problems: Problem[] = [];
    const { parsed } = text.judgement;
    const place = { text, offset: 0, name: '' };
    for (const statement of parsed.statements) {
      const isWrite = statement.kind === 'write' && !statement.locking;
      if (statement.kind === 'ddl') this.#ddl ??= text;
      if (isWrite) this.#write ??= text;
      const rows = rowsOf(statement);
      this.#rows += rows;
      const isWholeTable = isWrite && writesWholeTable(statement.node, statement.tree);
      const target = statement.targets[0];
      const isOwnTable =
        target !== undefined && this.catalog.table(target)?.place.text.locate(0).file === this.file;
      if (isWholeTable && !isOwnTable) {
        problems.push({
          rule: 'many-rows',
          severity: 'warning',
          place,
          message: `it writes every row of ${target?.name ?? 'a table'}`,
          why: `A transaction of DSQL changes at most ${MAX_TRANSACTION_ROWS.toLocaleString('en')} rows.`,
          instead: 'Do it in batches: a few thousand rows by their keys, again and again until none is left.',
        });
      } else if (
        this.#rows > MAX_TRANSACTION_ROWS &&
        rows <= MAX_TRANSACTION_ROWS &&
        !this.#isLarge &&
        !watch.isOpen
      ) {
        this.#isLarge = true;
        problems.push({
          rule: 'many-rows',
          severity: 'warning',
          place,
          message: `the migration writes more than ${MAX_TRANSACTION_ROWS.toLocaleString('en')} rows`,
          why: `It runs as long as it is not one transaction: one changes at most ${MAX_TRANSACTION_ROWS.toLocaleString('en')} rows.`,
          instead: 'Load rows with a program of its own, which can go on where it stopped.',
        });
      }
    }
    // In one transaction DSQL refuses it anyway.
    const isRefused = [...this.#problems, ...text.judgement.problems].some(
      ({ rule, severity }) => rule === 'ddl-and-dml' && severity === 'error',
    );
    if (this.#ddl && this.#write && !this.#isMixed && !isRefused) {
      this.#isMixed = true;
      problems.push({
        rule: 'ddl-with-dml',
        severity: 'warning',
        place,
        message: 'the migration changes the schema and writes rows',
        why: 'DSQL takes them in transactions of their own only: after an error, half of it is done.',
        instead: 'Two migrations: one for the schema, one for the rows.',
      });
    }
    return problems;
  }

  #find(sql: string, { frames }: Call): RecordedText['found'] {
    return (
      this.#findIn([...frames, { file: this.file, line: 1 }], sql) ??
      this.#findIn(
        importedBy(this.sources.get(this.file)).map((file) => ({ file, line: 1 })),
        sql,
      )
    );
  }

  #findIn(frames: readonly Frame[], sql: string): RecordedText['found'] {
    for (const { file, line } of frames) {
      const source = this.sources.get(file);
      const found = source?.find(sql, line);
      if (source && found) return { ...found, source };
    }
    return undefined;
  }

  #locate({ frames, method }: Call, found: RecordedText['found'], offset: number, name: string): Location {
    if (found) return found.source.locate(found.offsetInSource(offset));
    const frame = frames.find(({ file }) => file === this.file) ?? frames[0] ?? { file: this.file, line: 1 };
    const source = this.sources.get(frame.file);
    if (!source) return { ...frame, column: 1 };
    const start = source.startOfLine(frame.line);
    const named = name === '' ? undefined : offsetOfName(source.text, start, method, name);
    return source.locate(named ?? start);
  }
}

/** The files beside it that a file imports: a text may be kept there. */
function importedBy(source: SourceFile | undefined): string[] {
  if (!source) return [];
  const specifiers = source.text.matchAll(/\b(?:from|require\(|import\()\s*(['"])(\.[^'"]+)\1/g);
  return [...specifiers].flatMap(([, , specifier = '']) => {
    const file = path.resolve(path.dirname(source.file), specifier);
    // TypeScript names a module by what it will be compiled to.
    const base = file.replace(/\.[cm]?js$/, '');
    return [file, ...ENDINGS.map((ending) => base + ending)];
  });
}

const ENDINGS = ['.ts', '.js', '.mts', '.cts', '.mjs', '.cjs', '/index.ts', '/index.js'];

/** Where a call names a column or a table, as a key or as a text. */
function offsetOfName(source: string, start: number, method: string, name: string): number | undefined {
  const called = source.indexOf(method, start);
  const open = called < 0 ? -1 : source.indexOf('(', called);
  const end = open < 0 ? undefined : endOfBrackets(source, open);
  if (end === undefined) return undefined;
  const escaped = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const key = new RegExp(`(["'\`])${escaped}\\1|(?<![\\w$.'"\`])${escaped}(?=\\s*:)`);
  const match = key.exec(source.slice(open, end));
  return match ? open + match.index : undefined;
}

function writesWholeTable(node: string, tree: unknown): boolean {
  if (node !== 'UpdateStmt' && node !== 'DeleteStmt') return false;
  return (tree as { readonly whereClause?: unknown }).whereClause === undefined;
}

function enumsIn(sql: string): EnumFacts[] {
  if (!/\benum\b/i.test(sql)) return [];
  return parseQuery(sql).statements.flatMap((statement) => createdEnum(statement) ?? []);
}

// --- who called -------------------------------------------------------------------------------------------------

const OWN_FOLDER = path.resolve(__dirname, '../..') + path.sep;

/** The lines of the user's own files that led here, the nearest first. */
function callingFrames(): Frame[] {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 60;
  const { stack = '' } = new Error();
  Error.stackTraceLimit = stackTraceLimit;
  return framesIn(stack).filter(
    ({ file }) => !file.startsWith(OWN_FOLDER) && !file.includes(`${path.sep}node_modules${path.sep}`),
  );
}
