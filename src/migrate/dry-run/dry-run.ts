import { COMMIT_MARKER_TABLE, findInChain, isUnsupportedFeatureError } from '../../occ';
import { refusedRules, type PlannedChange } from '../../schema';
import {
  blockSteps,
  isBuiltinType,
  loadParser,
  parseQuery,
  summarizeText,
  walk,
  type Statement,
} from '../../sql';
import type { MigrationSession, MigrationStatement } from '../migration-session';
import type { MigrationCalls } from '../migration-calls';
import { lookedAt } from './reads';
import { namesIn } from './names';

/** So many statements tell what there is to tell; behind them a migration mostly works through rows. */
const MOST_STATEMENTS = 2000;

/** Whose refusal may depend on what the statements before have made of the schema. */
const OF_THE_SCHEMA =
  /^(?:alter-column-type|drop-primary-key|drop-primary-key-column|add-constraint|add-column-with-constraint|key-type|index-.*|stored-type|create-enum|alter-type|statement-truncate|syntax-error)$/;

/** The end of a dry run, where something waits for its code to end. */
class DryRunEnd extends Error {
  override readonly name = 'DryRunEnd';

  constructor() {
    super('What comes next depends on an answer that only the migration itself gets.');
  }
}

/**
 * Calls the code of a migration without doing what it asks for, and finds the first statement that is refused. DSQL cannot
 * roll a migration back, so what it cannot do is to be known before anything is done.
 *
 * What the code reads is read, as far as nothing before it would have changed that. It goes on to where it looks at an
 * answer that nobody knows without having done what it asks for. What it does there is found out when it is run.
 */
export class DryRun implements MigrationCalls {
  readonly isDryRun = true;
  readonly position = 0;
  /** Nothing is done. */
  readonly remains = undefined;
  readonly #session: MigrationSession;
  readonly #mayWait: boolean;
  #turn: Promise<unknown> = Promise.resolve();
  #count = 0;
  /** What the statements so far would have changed. */
  readonly #touched = new Set<string>();
  /** Whether they would have changed more than their names tell. */
  #isUnclear = false;
  #isOver = false;
  #announceEnd: () => void = () => undefined;
  readonly #ended = new Promise<void>((resolve) => (this.#announceEnd = resolve));

  /**
   * @param session - the connection on which the migration would begin
   * @param mayWait - whether nothing is lost when the code is left waiting for ever. Otherwise it gets an error
   */
  constructor(session: MigrationSession, mayWait: boolean) {
    this.#session = session;
    this.#mayWait = mayWait;
  }

  /**
   * @param code - calls the code of the migration
   * @throws UnsupportedFeatureError for the first statement that is refused, unless the code catches it
   */
  async run(code: () => Promise<unknown>): Promise<void> {
    const failure = { error: undefined as unknown };
    const called = (async () => code())().catch((error: unknown) => {
      failure.error = error;
    });
    // A transaction that it has begun is to be over before the migration begins.
    await (this.#mayWait ? Promise.race([called, this.#ended]) : called);
    const isRefused = !this.#isOver && findInChain(failure.error, isUnsupportedFeatureError) !== undefined;
    this.#isOver = true;
    await this.#turn;
    // What was refused before is known for certain: each answer that the code got was a true one.
    if (isRefused) throw failure.error;
  }

  /** Looks what would become of a statement. */
  statement<Result>(
    statement: MigrationStatement<Result>,
    session: MigrationSession = this.#session,
  ): Promise<Result> {
    const done = this.#turn.then(() => this.#lookAt(statement, session));
    this.#turn = Promise.race([done.catch(() => undefined), this.#ended]);
    return done;
  }

  batches(): Promise<void> {
    return this.end();
  }

  noteFailure(): void {
    // Nothing is done again.
  }

  rewind(): void {
    // Nothing was done.
  }

  /** The code asks for what only the migration itself can do. */
  end(): Promise<never> {
    this.#isOver = true;
    this.#announceEnd();
    return this.#mayWait ? new Promise<never>(() => undefined) : Promise.reject(new DryRunEnd());
  }

  async #lookAt<Result>(statement: MigrationStatement<Result>, session: MigrationSession): Promise<Result> {
    const { text } = statement;
    const { controlsTransaction, onlyReads, firstWord, changesSchema } = summarizeText(text);
    const isTooMuch = this.#isOver || ++this.#count > MOST_STATEMENTS || text.includes(COMMIT_MARKER_TABLE);
    if (isTooMuch || controlsTransaction) return this.end();
    await loadParser();
    const { statements, error } = parseQuery(text);
    if (error !== undefined) return this.end();
    let sql: string | undefined = text;
    if (!changesSchema || statements.some(mayBeRefused)) {
      const planned = await this.#plan(statement, statements, session);
      if (planned === 'refused') return this.end();
      if (planned !== 'as it is')
        sql = planned.statements.length === 1 ? planned.statements[0]?.sql : undefined;
    }
    if (firstWord === 'SET' || firstWord === 'RESET') {
      return /search_path/i.test(text) ? this.end() : statement.resultOf(undefined);
    }
    if (onlyReads) return sql === undefined ? this.end() : this.#read({ ...statement, text: sql }, session);
    for (const each of statements) this.#touch(each);
    return changesSchema && statements.length === 1
      ? statement.resultOf(undefined)
      : this.#unknown(statement);
  }

  /**
   * @returns `refused` also where nobody knows
   * @throws UnsupportedFeatureError when it will be refused for certain
   */
  async #plan<Result>(
    { plan }: MigrationStatement<Result>,
    statements: readonly Statement[],
    session: MigrationSession,
  ): Promise<'as it is' | 'refused' | PlannedChange> {
    try {
      return await plan((sql) => this.#outside(session, () => session.read(sql)));
    } catch (error) {
      if (!isUnsupportedFeatureError(error) || !this.#isCertain(error, statements)) return 'refused';
      throw error;
    }
  }

  #isCertain(error: Error, statements: readonly Statement[]): boolean {
    if (this.#touched.size === 0 && !this.#isUnclear) return true;
    const rules = refusedRules(error);
    // What a block asks the database decides what it does.
    const asks = statements.some((each) => each.node === 'DoStmt' && blockSteps(each) !== undefined);
    if (rules.length > 0 && !asks && rules.every((rule) => !OF_THE_SCHEMA.test(rule))) return true;
    const names = statements.flatMap(namesIn);
    return (
      rules.length > 0 &&
      !this.#isUnclear &&
      names.length > 0 &&
      names.every((name) => !this.#touched.has(name))
    );
  }

  /** What is read is read as the migration will read it, where nothing before has an influence on it. */
  async #read<Result>(statement: MigrationStatement<Result>, session: MigrationSession): Promise<Result> {
    const { text, parameters } = statement;
    const { tables, isAtCatalogue, isHarmless } = lookedAt(text);
    const isNew = this.#touched.size === 0 && !this.#isUnclear;
    const isUntouched = isAtCatalogue
      ? asksForTables(text) && !this.#names(text, parameters)
      : tables.every((name) => !this.#touched.has(name));
    if (!isHarmless || !(isNew || (isUntouched && !this.#isUnclear))) return this.#unknown(statement);
    // What is read in a transaction that the code has begun is sent in it, and would wait for its turn for ever beside it.
    return session === this.#session
      ? this.#outside(session, () => statement.send(text))
      : statement.send(text);
  }

  /** Whether a query names something that was touched, in its text or beside it. */
  #names(text: string, parameters: unknown): boolean {
    const asText = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);
    const all = `${text} ${JSON.stringify(parameters ?? '', asText)}`;
    return [...this.#touched].some((name) => all.includes(name));
  }

  /** An answer that nobody has: the code may leave it alone, but where it looks at it, the dry run is over. */
  #unknown<Result>({ unknown }: MigrationStatement<Result>): Result | Promise<Result> {
    if (unknown === undefined) return this.end();
    const look = (): never => {
      this.#isOver = true;
      this.#announceEnd();
      throw new DryRunEnd();
    };
    return unknown(
      new Proxy([], {
        // A promise would be waited for.
        get: (_, key) => (key === 'then' ? undefined : look()),
        has: look,
        ownKeys: look,
        getOwnPropertyDescriptor: look,
      }),
    );
  }

  #touch(statement: Statement): void {
    const names = namesIn(statement);
    for (const name of names) this.#touched.add(name);
    this.#isUnclear ||= !NAMES_ALL.has(statement.node);
  }

  /** Beside a transaction that is begun and holds nothing yet; one that holds other migrations is not committed for this. */
  #outside<T>(session: MigrationSession, work: () => Promise<T>): Promise<T> {
    const mayEnd = session.isSplit && session.isInTransaction && session.entries.isEmpty;
    return mayEnd ? session.outsideTransaction(work) : work();
  }
}

/** Whether a query of the catalogue is about tables that it names, and about no others. */
function asksForTables(text: string): boolean {
  return /(?:relname|table_?name)"?(?:::\w+)?\s*(?:=|IN\b)\s*\(?\s*(?:'|\$\d)/i.test(text);
}

/** Statements that change nothing but what they name. */
const NAMES_ALL: ReadonlySet<string> = new Set(
  (
    'AlterTableStmt CreateStmt IndexStmt RenameStmt DropStmt ViewStmt CommentStmt GrantStmt CreateSeqStmt AlterSeqStmt CreateEnumStmt ' +
    'AlterEnumStmt InsertStmt UpdateStmt DeleteStmt CreateExtensionStmt CreateFunctionStmt CreateDomainStmt CreateSchemaStmt SelectStmt'
  ).split(' '),
);

/** Whether a plan may refuse a statement; most are known not to be, and need no look at the catalogue. */
function mayBeRefused({ refusal, node, text, tree }: Statement): boolean {
  if (refusal !== undefined || node === 'DoStmt') return true;
  if (node === 'AlterTableStmt' && /\bDROP\b/i.test(text)) return true;
  if (node !== 'CreateStmt' && node !== 'AlterTableStmt') return false;
  // That of an extension, or an enum type that the history has made.
  let hasOtherType = false;
  walk(node, tree as object, ({ name, body }) => {
    hasOtherType ||= name === 'TypeName' && !isBuiltinType(body);
    return !hasOtherType;
  });
  return hasOtherType;
}
