import { COMMIT_MARKER_TABLE, findInChain, isUnsupportedFeatureError } from '../../occ';
import { INDEX_LIMIT, RaisedExceptionError, refusedRules, type PlannedChange } from '../../schema';
import {
  blockQueries,
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
import { isMigrationRefusedError, MigrationRefusedError } from '../errors';
import { EarlierStatements } from './earlier-statements';
import { neededBy, type NeededObject } from './needed-objects';
import { PlannedIndexes } from './planned-indexes';
import { lookedAt } from './reads';
import { namesIn } from './names';

/** So many statements tell what there is to tell; behind them a migration mostly works through rows. */
const MOST_STATEMENTS = 2000;

/** Whose refusal may depend on what the statements before have made of the schema. */
const OF_THE_SCHEMA =
  /^(?:alter-column-type|drop-primary-key|drop-primary-key-column|add-constraint|add-column-with-constraint|key-type|index-.*|stored-type|create-enum|alter-type|statement-truncate|syntax-error|indexes-of-table)$/;

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
  readonly committed = 0;
  /** Nothing is done. */
  readonly remains = undefined;
  readonly #session: MigrationSession;
  /** Whether nothing is lost when the code is left waiting for ever. Otherwise it gets an error. */
  readonly #mayWait: boolean;
  /** Whether the code cannot tell this package's error from that of its ORM. */
  readonly #mayRefuseAbsent: boolean;
  /** Whether it goes another way behind a statement that fails. */
  readonly #catches: boolean;
  #turn: Promise<unknown> = Promise.resolve();
  #count = 0;
  readonly #earlier = new EarlierStatements();
  readonly #indexes = new PlannedIndexes();
  /** Queries that have found what is needed. */
  readonly #there = new Set<string>();
  #isOver = false;
  #announceEnd: () => void = () => undefined;
  readonly #ended = new Promise<void>((resolve) => (this.#announceEnd = resolve));

  /**
   * @param session - the connection on which the migration would begin
   * @param called - the code of the migration
   */
  constructor(session: MigrationSession, called: string) {
    this.#session = session;
    // A transaction that is left waiting would keep its connection.
    this.#mayWait = !/\btransaction\b/.test(called);
    this.#catches = /\bcatch\b/.test(called);
    this.#mayRefuseAbsent = !this.#catches || !/\binstanceof\b|\.name\b/.test(called);
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
    const isRefused = !this.#isOver && findInChain(failure.error, isRefusal) !== undefined;
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
    let planned: 'as it is' | 'refused' | PlannedChange = 'as it is';
    if (!changesSchema || statements.some((each) => mayBeRefused(each) || neededBy(each).length > 0)) {
      planned = await this.#plan(statement, statements, session);
      // Whether it is done or not, what is refused behind it for certain is refused.
      if (planned === 'refused' && (this.#catches || !changesSchema)) return this.end();
      if (planned !== 'as it is')
        sql =
          planned !== 'refused' && planned.statements.length === 1 ? planned.statements[0]?.sql : undefined;
    }
    if (firstWord === 'SET' || firstWord === 'RESET') {
      return /search_path/i.test(text) ? this.end() : statement.resultOf(undefined);
    }
    for (const each of statements) {
      if (this.#mayRefuseAbsent && planned !== 'refused') await this.#expect(each, planned, session);
      if (!onlyReads) this.#earlier.note(each);
    }
    if (onlyReads) return sql === undefined ? this.end() : this.#read({ ...statement, text: sql }, session);
    await this.#expectIndexes(text, planned, session);
    return changesSchema && statements.length === 1
      ? statement.resultOf(undefined)
      : this.#unknown(statement);
  }

  /**
   * Makes sure that a table does not get more indexes by all that is planned of the migration than it may have.
   *
   * @throws UnsupportedFeatureError when it does
   */
  async #expectIndexes(
    text: string,
    planned: 'as it is' | 'refused' | PlannedChange,
    session: MigrationSession,
  ): Promise<void> {
    if (planned === 'refused' || this.#earlier.mayDropIndexes) return;
    const statements = planned === 'as it is' ? [{ sql: text, kind: 'job' as const }] : planned.statements;
    const read = (sql: string) => this.#outside(session, () => session.read(sql));
    await this.#indexes.expect(text, statements, read);
  }

  /**
   * @returns `refused` also where nobody knows
   * @throws UnsupportedFeatureError when it will be refused for certain
   * @throws MigrationRefusedError when a block will raise an error for certain
   */
  async #plan<Result>(
    { plan, text }: MigrationStatement<Result>,
    statements: readonly Statement[],
    session: MigrationSession,
  ): Promise<'as it is' | 'refused' | PlannedChange> {
    try {
      return await plan((sql) => this.#outside(session, () => session.read(sql)));
    } catch (error) {
      if (error instanceof RaisedExceptionError && this.#mayRefuseAbsent && this.#isRaised(statements)) {
        throw new MigrationRefusedError(error.code, text, error.message);
      }
      if (!isUnsupportedFeatureError(error) || !this.#isCertain(error, statements)) return 'refused';
      throw error;
    }
  }

  /** Whether blocks ask for nothing that the statements before them would have changed. */
  #isRaised(statements: readonly Statement[]): boolean {
    return statements
      .flatMap((statement) => blockQueries(blockSteps(statement) ?? []))
      .every((query) => lookedAt(query).isHarmless && !this.#earlier.mayAnswer(query));
  }

  /**
   * Makes sure that what a statement needs is there, or may be made by those before it.
   *
   * @throws MigrationRefusedError when it is not
   */
  async #expect(
    statement: Statement,
    planned: 'as it is' | PlannedChange,
    session: MigrationSession,
  ): Promise<void> {
    const isNeededBySent = planned === 'as it is' ? () => true : neededByAll(planned);
    for (const object of neededBy(statement)) {
      // What takes the place of a statement may need something else.
      if (!isNeededBySent(object) || (object.query !== undefined && this.#earlier.mayMake(object))) continue;
      const { what, query, code, instead } = object;
      if (query !== undefined && this.#there.has(query)) continue;
      const isThere =
        query !== undefined && (await this.#outside(session, () => session.read(query))).length > 0;
      if (isThere) this.#there.add(query);
      else throw new MigrationRefusedError(code, statement.text, `There is no ${what}. ${instead}`);
    }
  }

  #isCertain(error: Error, statements: readonly Statement[]): boolean {
    if (this.#earlier.isEmpty) return true;
    const rules = refusedRules(error);
    // What a block asks the database decides what it does.
    const asks = statements.some((each) => each.node === 'DoStmt' && blockSteps(each) !== undefined);
    if (rules.length > 0 && !asks && rules.every((rule) => !OF_THE_SCHEMA.test(rule))) return true;
    if (rules.includes(INDEX_LIMIT)) return rules.length === 1 && !this.#earlier.mayDropIndexes;
    const names = statements.flatMap(namesIn);
    return (
      rules.length > 0 &&
      !this.#earlier.isUnclear &&
      names.length > 0 &&
      names.every((name) => !this.#earlier.touches(name))
    );
  }

  /** What is read is read as the migration will read it, where nothing before has an influence on it. */
  async #read<Result>(statement: MigrationStatement<Result>, session: MigrationSession): Promise<Result> {
    const { text, parameters } = statement;
    const { isHarmless } = lookedAt(text);
    if (!isHarmless) this.#earlier.noteCall();
    if (!isHarmless || this.#earlier.mayAnswer(text, parameters)) return this.#unknown(statement);
    // What is read in a transaction that the code has begun is sent in it, and would wait for its turn for ever beside it.
    return session === this.#session
      ? this.#outside(session, () => statement.send(text))
      : statement.send(text);
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

  /** Beside a transaction that is begun and holds nothing yet; one that holds other migrations is not committed for this. */
  async #outside<T>(session: MigrationSession, work: () => Promise<T>): Promise<T> {
    const mayEnd = session.isSplit && session.isInTransaction && session.entries.isEmpty;
    if (!mayEnd) return work();
    // The transaction is begun again also where the work fails: the migration itself runs in it.
    const [outcome] = await session.outsideTransaction(() => Promise.allSettled([work()]));
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  }
}

/** Whether an error says of a statement that it will not be done. */
function isRefusal(error: unknown): boolean {
  return isUnsupportedFeatureError(error) || isMigrationRefusedError(error);
}

/** Whether something is needed by the statements of a plan, too. */
function neededByAll({ statements }: PlannedChange): (object: NeededObject) => boolean {
  const needed = statements.flatMap(({ sql }) => parseQuery(sql).statements.flatMap(neededBy));
  const names = new Set(needed.map(({ what }) => what));
  return ({ what }) => names.has(what);
}

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
