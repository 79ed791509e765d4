import {
  QueryRunnerAlreadyReleasedError,
  type EntityMetadata,
  type ObjectLiteral,
  type QueryRunner,
  type ReplicationMode,
} from 'typeorm';
import type { IsolationLevel } from 'typeorm/driver/types/IsolationLevel.js';
import type { PostgresQueryRunner } from 'typeorm/driver/postgres/PostgresQueryRunner.js';
import { Broadcaster } from 'typeorm/subscriber/Broadcaster.js';
import type { BroadcasterResult } from 'typeorm/subscriber/BroadcasterResult.js';
import {
  AfterCommitError,
  DsqlError,
  fieldsOf,
  isDsqlError,
  isNotSentError,
  NotSentError,
  TransactionRolledBackError,
  type DsqlClient,
} from '../connection';
import {
  canBeMarked,
  findInChain,
  isOccConflict,
  NestedTransactionError,
  refusalToEndWith,
  UnsupportedFeatureError,
  withMarker,
  type Admit,
  type Attempt,
  type StatementTransaction,
} from '../occ';
import { asNumbers, type ReadCatalogue } from '../schema';
import { summarizeText, type TransactionVerb } from '../sql';
import { ReusedIdentityKeys } from './writes/reused-identity-keys';
import { clearTable } from './schema/clear-table';
import type { DsqlDriverParts } from './dsql-driver-parts';
import { adaptOverlaps } from './writes/jsonb-array';
import { MigrationSteps } from './schema/migration-steps';
import { appendToMessage, withExplanation } from './refusal-explanation';
import { adaptRowLocks } from './writes/row-locks';
import { adaptRowStream, failedRowStream } from './row-stream';
import { SchemaQueryRunner } from './schema/schema-query-runner';
import {
  closeScope,
  dataSourceOf,
  openScope,
  scopeOf,
  transactionsOf,
  type TransactionScope,
} from './transactions/transactions';

type Statement = Parameters<PostgresQueryRunner['query']>;

/** A longer label would only fill the memory: what conflicts are statements on the same table. */
const LABEL_LENGTH = 200;

/**
 * TypeORM's PostgreSQL query runner, on Aurora DSQL.
 *
 * A statement that stands alone is sent again after a conflict. In a transaction that its caller began with
 * `startTransaction` nothing is run again; its COMMIT fails when it did not commit.
 */
export class DsqlQueryRunner extends SchemaQueryRunner {
  declare driver: DsqlDriverParts;
  readonly #readCatalogue: ReadCatalogue = (sql) => this.driver.catalogue.read(sql, this.#client);
  #isCommitted = false;
  /** It was, and `commitTransaction` has failed all the same. */
  #hasFailedAfterCommit = false;
  #isEnding = false;
  /** COMMIT or ROLLBACK is the host's own, and not one that a callback sends as text. */
  #endsTransaction = false;
  #ownsScope = false;
  /** A statement that stands alone with a marker has begun a transaction; no other one may get into it. */
  #marked: Promise<unknown> | undefined;
  /** Transactions that were refused inside this one and whose rollback has not been asked for. */
  #refused = 0;
  #migration: MigrationSteps | undefined;
  #isMigrating = false;
  /** How many use the connection: attempts of statements that stand alone, and streams until the end. */
  #users = 0;
  /** The records of migrations in the open transaction, where nothing else was written in it. */
  #records: Statement[] | undefined;

  constructor(driver: DsqlDriverParts, mode: ReplicationMode) {
    super(driver, mode);
    this.broadcaster = new RememberingBroadcaster(this);
  }

  /**
   * Begins a transaction, or joins the one that has begun where `nested` is `'join'`.
   *
   * @param isolationLevel - REPEATABLE READ, which every transaction has anyway, or nothing
   * @throws NestedTransactionError inside a transaction, before anything is sent
   * @throws UnsupportedFeatureError for another isolation level, before anything is sent
   */
  override async startTransaction(isolationLevel?: IsolationLevel): Promise<void> {
    checkIsolationLevel(isolationLevel);
    if (this.isTransactionActive) {
      const outer = scopeOf(this);
      if (outer?.nested !== 'join') {
        this.#refused++;
        const error = new NestedTransactionError();
        // Even if the error is caught: the inner work is missing.
        if (outer !== undefined) outer.rollbackOnly ??= { cause: error };
        throw error;
      }
      this.transactionDepth++;
      return;
    }
    this.#isCommitted = this.#hasFailedAfterCommit = false;
    // The host counts down once more where ROLLBACK found no connection; 0.3.20 would then send a SAVEPOINT.
    this.transactionDepth = 0;
    const scope = scopeOf(this);
    this.#ownsScope = scope === undefined;
    if (scope === undefined) {
      const { nested } = transactionsOf(dataSourceOf(this)).defaults;
      openScope(this, { nested, isUsed: false, hasWritten: false, hasChangedSchema: false, unfinished: 0 });
    } else {
      scope.reads?.seal();
      scope.reads = undefined;
    }
    try {
      // Without a level: SET TRANSACTION is refused, even for the level that is in force.
      await super.startTransaction();
    } catch (error) {
      if (this.transactionDepth === 0) this.#end();
      throw error;
    }
  }

  /**
   * Commits the transaction.
   *
   * @throws TransactionRolledBackError when it did not commit, because an error in it was caught
   * @throws CommitOutcomeUnknownError when the answer to COMMIT was lost
   * @throws AfterCommitError when it did commit, and an `afterTransactionCommit` subscriber failed
   */
  override async commitTransaction(): Promise<void> {
    if (this.transactionDepth > 1) {
      this.transactionDepth--;
      return;
    }
    const scope = scopeOf(this);
    if (this.isTransactionActive && scope !== undefined) {
      if (scope.rollbackOnly !== undefined)
        throw new TransactionRolledBackError('joined', scope.rollbackOnly);
      if (scope.unfinished > 0) {
        throw notAwaited();
      }
    }
    try {
      await scope?.beforeCommit?.();
      await this.#endTransaction(() => super.commitTransaction());
    } catch (error) {
      if (this.#isCommitted) {
        this.#hasFailedAfterCommit = true;
        throw new AfterCommitError({ cause: error });
      }
      if (error instanceof TransactionRolledBackError) error.cause ??= scope?.firstError;
      throw error;
    } finally {
      if (this.#isCommitted) this.#end();
    }
  }

  /**
   * Rolls the transaction back; a connection on which that fails is not used again. After an AfterCommitError there is
   * nothing to do: that error is the one to report.
   */
  override async rollbackTransaction(): Promise<void> {
    if (this.#hasFailedAfterCommit && !this.isTransactionActive) return;
    const scope = scopeOf(this);
    if (this.#refused > 0 || this.transactionDepth > 1) {
      // Meant for an inner transaction, which cannot be rolled back alone: the whole one will be.
      if (this.#refused > 0) this.#refused--;
      else this.transactionDepth--;
      if (scope !== undefined) scope.rollbackOnly ??= { cause: scope.firstError };
      return;
    }
    await this.#endTransaction(() => super.rollbackTransaction());
    this.#end();
  }

  async #endTransaction(end: () => Promise<void>): Promise<void> {
    this.#endsTransaction = true;
    try {
      await end();
    } finally {
      this.#endsTransaction = false;
    }
  }

  /** Gives the connection back; a transaction that was left open is rolled back, so that nobody else works in it. */
  override async release(): Promise<void> {
    if (!this.isReleased && (this.isTransactionActive || this.#client?.isInTransaction === true)) {
      if (this.#client?.isInTransaction === true) {
        dataSourceOf(this).logger.log(
          'warn',
          'A query runner was released with its transaction open, so the transaction was rolled back.',
          this,
        );
      }
      this.#refused = 0;
      this.transactionDepth = 1;
      this.isTransactionActive = true;
      await this.rollbackTransaction().catch(() => undefined);
    }
    await super.release();
  }

  /**
   * Runs a statement. One that stands alone is sent again after a conflict; a text without parameters that may hold
   * several statements is not, because one of them may be COMMIT.
   *
   * @throws RetryExhaustedError when a statement that stands alone met a conflict in every attempt
   * @throws CommitOutcomeUnknownError when the answer to COMMIT, or to a write that stands alone, was lost
   * @throws UnsupportedFeatureError for a row lock that Aurora DSQL does not have, before anything is sent
   * @throws DsqlError for COMMIT or ROLLBACK as text in a transaction that is run again after a conflict
   */
  // The host's type says `any`, and those who call it build on that.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  override async query(...[text, ...rest]: Statement): Promise<any> {
    this.#refuseToEndWith(text);
    const statement: Statement = [this.#adapt(text, rest[0]), ...rest];
    const reads = this.isTransactionActive ? undefined : scopeOf(this)?.reads;
    if (reads !== undefined) return reads.answer(statement, () => this.#run(statement));
    const send = () => this.#run(statement);
    return this.#migration === undefined ? send() : this.#migration.run(statement[0], send);
  }

  /**
   * Streams the rows of a query, with keys as numbers; see {@link query} about row locks. What is wrong with the query is
   * an error of the stream. It is not run again after a conflict: rows of it may have been used.
   */
  override async stream(
    ...[text, parameters, onEnd, onError]: Parameters<PostgresQueryRunner['stream']>
  ): ReturnType<PostgresQueryRunner['stream']> {
    const sql = this.#adapt(text, parameters);
    while (this.#marked !== undefined) await this.#marked.catch(() => undefined);
    if (this.isReleased) throw new QueryRunnerAlreadyReleasedError();
    await this.connect();
    const scope = scopeOf(this);
    const explain = (error: Error) => {
      if (scope !== undefined) scope.firstError ??= error;
      return withExplanation(error, sql);
    };
    let names: readonly string[];
    try {
      names = await this.#namesOfKeys(sql);
    } catch (error) {
      dataSourceOf(this).logger.logQuery(sql, parameters, this);
      return failedRowStream(await explain(error as Error), onError as (() => void) | undefined);
    }
    if (scope !== undefined) await this.#enter(scope, [sql, parameters]);
    this.#users++;
    const stream = await super.stream(sql, parameters, onEnd, onError).catch((error: unknown) => {
      this.#users--;
      throw error;
    });
    stream.once('close', () => this.#users--);
    return adaptRowStream(stream, {
      row: (row) => {
        asNumbers(row, names);
      },
      error: explain,
    });
  }

  /**
   * Deletes all rows of a table: in a transaction with one statement, otherwise in transactions of 3,000 rows each.
   *
   * @param options - with `cascade`, the tables whose foreign keys lead to it are emptied first
   */
  override async clearTable(tablePath: string, options?: { readonly cascade?: boolean }): Promise<void> {
    await clearTable(this, this.driver.parseTableName(tablePath), options?.cascade === true);
  }

  /**
   * Runs a migration, up or down, on this query runner; {@link MigrationSteps} says what becomes of its transaction.
   *
   * @throws what `work` throws; its message also says what of the migration stays
   */
  async carryOutMigration(name: string, work: () => Promise<void>): Promise<void> {
    const isActive = () => this.isTransactionActive;
    const steps = new MigrationSteps(name, {
      get isInTransaction() {
        return isActive();
      },
      send: (sql) => this.#run([sql, undefined, true]),
      outsideTransaction: (outside) => this.#outsideTransaction(outside),
      warn: (message) => {
        dataSourceOf(this).logger.log('warn', message, this);
      },
    });
    this.#migration = steps;
    try {
      await work();
      await steps.settle();
    } catch (error) {
      if (error instanceof Error && steps.remains !== undefined) appendToMessage(error, steps.remains);
      throw error;
    } finally {
      this.#migration = undefined;
    }
  }

  override async beforeMigration(): Promise<void> {
    this.#isMigrating = true;
    await super.beforeMigration();
  }

  override async afterMigration(): Promise<void> {
    this.#isMigrating = false;
    await super.afterMigration();
  }

  /** For the subscribers it stays one transaction. */
  async #outsideTransaction<T>(work: () => Promise<T>): Promise<T> {
    if ((scopeOf(this)?.unfinished ?? 0) > 0) throw notAwaited();
    await this.#sendInTransaction(['COMMIT']);
    this.#isCommitted = false;
    this.isTransactionActive = false;
    try {
      const result = await work();
      this.isTransactionActive = true;
      await this.#sendInTransaction(['START TRANSACTION']);
      return result;
    } finally {
      // Where it was not begun again, there is nothing that its rollback would have to undo.
      this.isTransactionActive = true;
    }
  }

  /** What came behind it would commit itself, and be done again with the callback after a conflict. */
  #refuseToEndWith(text: string): void {
    const scope = scopeOf(this);
    if (scope?.states === undefined || !this.isTransactionActive || this.#endsTransaction) return;
    const refusal = refusalToEndWith(text);
    if (refusal === undefined) return;
    // Even if the error is caught: what it was to end goes on.
    scope.rollbackOnly ??= { cause: refusal };
    throw refusal;
  }

  get #client(): DsqlClient | undefined {
    return this.databaseConnection as DsqlClient | undefined;
  }

  /** What TypeORM writes for PostgreSQL, as Aurora DSQL takes it. */
  #adapt(text: string, parameters: unknown): string {
    const sql = adaptRowLocks(text, this.driver.mapping);
    return Array.isArray(parameters) ? adaptOverlaps(sql, parameters) : sql;
  }

  async #run(statement: Statement): Promise<unknown> {
    while (this.#marked !== undefined) await this.#marked.catch(() => undefined);
    return this.#isAutocommit(statement)
      ? this.#runAutocommit(statement)
      : this.#sendInTransaction(statement);
  }

  async #runAutocommit(statement: Statement): Promise<unknown> {
    const dataSource = dataSourceOf(this);
    const { runner, defaults, markers } = transactionsOf(dataSource);
    const [text, parameters] = statement;
    const isConnected = this.#client !== undefined;
    const options = { label: text.slice(0, LABEL_LENGTH), ...(isConnected && { admission: false }) };
    const keys = new ReusedIdentityKeys(dataSource);
    const once = async <T>({ admit }: Attempt<unknown>, make: () => Promise<T>): Promise<T> => {
      await admit({ text, values: parameters as unknown[] | undefined });
      return this.#attemptAutocommit(() => keys.attempt(make), isConnected);
    };
    if (!defaults.commitMarkers || !canBeMarked(text)) {
      const attempt = (current: Attempt<unknown>) => once(current, () => this.#sendWithKeys(statement, keys));
      return runner.run({ attempt }, options);
    }
    const marked = withMarker(
      markers,
      () => this.#beginFor(statement, keys),
      (sql, values) => this.#runForMarker(sql, values),
    );
    const attempt = (current: Attempt<unknown>) => once(current, () => marked.attempt(current));
    this.#marked = runner.run({ attempt, settle: marked.settle }, options).finally(() => {
      this.#marked = undefined;
    });
    return this.#marked;
  }

  /**
   * Makes an attempt of an autocommit statement.
   *
   * Its connection is given back after a conflict, unless the query runner had it before: whoever held one while it waits
   * to be admitted again would wait for those who are admitted and wait for a connection. One that had ended before
   * anything was sent is given back in any case: the next attempt takes another.
   */
  async #attemptAutocommit<T>(make: () => Promise<T>, keepsConnection: boolean): Promise<T> {
    this.#users++;
    try {
      return await make();
    } catch (error) {
      const isOver = findInChain(error, isNotSentError) !== undefined;
      if (this.#users === 1 && (isOver || (!keepsConnection && isOccConflict(error))))
        this.#giveConnectionBack();
      throw error;
    } finally {
      this.#users--;
    }
  }

  #giveConnectionBack(): void {
    if (this.isReleased || this.releaseCallback === undefined) return;
    // A connection that must not be used again is not taken back by the pool.
    this.releaseCallback(undefined);
    this.releaseCallback = undefined;
    // The host connects again where neither is there; its types do not say so.
    Object.assign(this, { databaseConnection: undefined, databaseConnectionPromise: undefined });
    const { connectedQueryRunners } = this.driver;
    const index = connectedQueryRunners.indexOf(this);
    if (index >= 0) connectedQueryRunners.splice(index, 1);
  }

  /** Not a transaction of the host's: its subscribers are not told of what the caller did not begin. */
  async #beginFor(statement: Statement, keys: ReusedIdentityKeys): Promise<StatementTransaction<unknown>> {
    // The host releases a query runner whose connection was lost.
    const fresh = this.isReleased ? dataSourceOf(this).createQueryRunner(this.mode) : this;
    const own = fresh instanceof DsqlQueryRunner ? fresh : this;
    const end = async (verb: 'COMMIT' | 'ROLLBACK') => {
      try {
        await own.#send([verb]);
      } finally {
        if (own !== this) await own.release();
      }
    };
    await own.#send(['START TRANSACTION']);
    return {
      send: () => own.#sendWithKeys(statement, keys),
      run: (text, values) => own.#send([text, [...values]]),
      commit: () => end('COMMIT'),
      rollback: () => end('ROLLBACK'),
    };
  }

  /** On this connection, if it is there and idle: the pool may have no other one. */
  async #runForMarker(text: string, values: readonly string[]): Promise<readonly ObjectLiteral[]> {
    const client = this.isReleased ? undefined : this.#client;
    if (client === undefined || client.isInTransaction)
      return transactionsOf(dataSourceOf(this)).run(text, values);
    const { rows } = await client.query(text, [...values]);
    return rows as ObjectLiteral[];
  }

  #isAutocommit([text, parameters]: Statement): boolean {
    if (this.isTransactionActive || this.#client?.isInTransaction === true) return false;
    const hasParameters = Array.isArray(parameters) && parameters.length > 0;
    return hasParameters || summarizeText(text).statements <= 1;
  }

  async #sendInTransaction(statement: Statement): Promise<unknown> {
    const [text] = statement;
    const scope = scopeOf(this);
    const { verb, onlyReads, mayCommit } = summarizeText(text);
    const isEnd = verb === 'commit' || verb === 'rollback';
    if (this.#isEnding) {
      throw new DsqlError(
        'A statement was not sent, because its transaction was being committed or rolled back: a promise was not awaited.',
      );
    }
    const counted = isEnd || onlyReads ? undefined : scope;
    if (counted !== undefined) counted.unfinished++;
    this.#isEnding = isEnd;
    try {
      if (verb !== 'begin') this.#expectConnection(verb);
      if (scope !== undefined && verb === undefined) await this.#enter(scope, statement);
      this.#noteRecord(statement);
      const result = await (text === 'COMMIT'
        ? this.#commit(statement)
        : this.#sendWithKeys(statement, scope?.keys));
      if (mayCommit) {
        this.#isCommitted = true;
        if (scope !== undefined) scope.isCommitted = true;
      }
      return result;
    } catch (error) {
      if (scope !== undefined && !isEnd) scope.firstError ??= error;
      if (verb !== 'rollback') throw error;
      await this.#destroyConnection(error);
      // The server rolls back what has lost its connection.
      if (!isNotSentError(error)) throw error;
      return undefined;
    } finally {
      if (counted !== undefined) counted.unfinished--;
      if (isEnd) this.#isEnding = false;
    }
  }

  /** The host releases a query runner whose connection was lost, and then only says that it is released. */
  #expectConnection(verb: TransactionVerb | undefined): void {
    if (!this.isReleased || !this.isTransactionActive) return;
    const subject = verb === undefined ? 'statement' : verb === 'commit' ? 'COMMIT' : 'ROLLBACK';
    throw new NotSentError(subject, { cause: new QueryRunnerAlreadyReleasedError() });
  }

  /** Before a statement of a transaction is sent: the first one may have to wait until there is room for it. */
  async #enter(scope: TransactionScope, statement: Statement): Promise<void> {
    const { changesSchema, onlyReads } = summarizeText(statement[0]);
    // What was sent past the host, through its connection, must not be given back with it.
    const mayWait = scope.admission !== undefined || this.#client?.hasUnsentBegin !== false;
    if (scope.admit !== undefined && mayWait) {
      await (scope.admission ??= this.#awaitAdmission(scope.admit, statement));
    }
    scope.isUsed = true;
    scope.hasWritten ||= !onlyReads;
    scope.hasChangedSchema ||= changesSchema;
  }

  async #awaitAdmission(admit: Admit, [text, parameters]: Statement): Promise<void> {
    const scope = scopeOf(this);
    const hasWaited = await admit({ text, values: parameters as unknown[] | undefined }, () => {
      this.#giveConnectionBack();
      return Promise.resolve();
    });
    if (!hasWaited) return;
    if (scopeOf(this) !== scope || !this.isTransactionActive) {
      throw new DsqlError(
        'A statement was not sent, because its transaction had ended: a promise was not awaited.',
      );
    }
    await this.#send(['START TRANSACTION']);
  }

  #noteRecord(statement: Statement): void {
    const [text] = statement;
    const { verb, onlyReads } = summarizeText(text);
    if (verb === 'begin') this.#records = this.#isMigrating ? [] : undefined;
    else if (verb !== undefined || onlyReads) return;
    else if (this.#migration === undefined) this.#records?.push(statement);
    else this.#records = undefined;
  }

  /**
   * Commits. Where a migration's changes of the schema have been committed before, and all that is left is to record it,
   * a conflict must not leave it unrecorded: the record is written again.
   */
  async #commit(statement: Statement): Promise<unknown> {
    const { runner, defaults } = transactionsOf(dataSourceOf(this));
    const records = this.#records ?? [];
    try {
      return await this.#send(statement);
    } catch (error) {
      if (records.length === 0 || defaults.run.retry === false || !isOccConflict(error)) throw error;
    }
    const attempt = async () => {
      await this.#send(['START TRANSACTION']);
      try {
        for (const record of records) await this.#send(record);
        return await this.#send(statement);
      } catch (error) {
        await this.#send(['ROLLBACK']).catch(() => undefined);
        throw error;
      }
    };
    return runner.run({ attempt }, { label: 'record of a migration', admission: false });
  }

  async #sendWithKeys(statement: Statement, keys: ReusedIdentityKeys | undefined): Promise<unknown> {
    const [text, ...rest] = statement;
    if (keys === undefined || summarizeText(text).firstWord !== 'INSERT') return this.#send(statement);
    const send = async (sql: string) => {
      const answer = await this.#send([sql, ...rest]);
      return { result: answer, rows: rowsOf(answer)?.[0] ?? [] };
    };
    const { result } = await keys.insert(text, send, this.#readCatalogue);
    return result;
  }

  async #send(statement: Statement): Promise<unknown> {
    try {
      const result = (await super.query(...statement)) as unknown;
      await this.#giveKeysAsNumbers(result, statement[0]);
      return result;
    } catch (error) {
      // Ours say more than the QueryFailedError that the host makes of every error.
      throw findInChain(error, isDsqlError) ?? (await withExplanation(error));
    }
  }

  /** The statement is done, so nothing that goes wrong here may look like a failure of it: the keys stay texts. */
  async #giveKeysAsNumbers(result: unknown, sql: string): Promise<void> {
    const [rows, fields] = rowsOf(result) ?? [];
    if (rows === undefined || fields === undefined) return;
    await this.driver.numberKeys.convert(rows, fields, this.#readCatalogue, sql).catch(() => undefined);
  }

  /** Nothing can be asked while a stream is read, so this is asked before. */
  async #namesOfKeys(sql: string): Promise<readonly string[]> {
    const fields = (await this.#client?.describe(sql)) ?? [];
    return this.driver.numberKeys.namesOf(fields, this.#readCatalogue, sql).catch(() => []);
  }

  #end(): void {
    this.isTransactionActive = false;
    this.#refused = 0;
    if (this.#ownsScope) closeScope(this);
    this.#ownsScope = false;
  }

  async #destroyConnection(error: unknown): Promise<void> {
    this.releaseCallback?.(error);
    this.releaseCallback = undefined;
    this.transactionDepth = 0;
    this.#end();
    await super.release();
  }
}

/** The rows in what the host makes of a result, and where their columns come from. */
function rowsOf(result: unknown): [rows: ObjectLiteral[], fields: ReturnType<typeof fieldsOf>] | undefined {
  if (typeof result !== 'object' || result === null) return undefined;
  const { records, 0: first } = result as { readonly records?: unknown; readonly 0?: unknown };
  const rows = [result, records, first].find((each) => fieldsOf(each) !== undefined);
  return rows === undefined ? undefined : [rows as ObjectLiteral[], fieldsOf(rows)];
}

function notAwaited(): DsqlError {
  return new DsqlError(
    'The transaction was not committed, because a write in it had not ended: a promise was not awaited. Await every operation before the callback returns.',
  );
}

/**
 * Checks an isolation level.
 *
 * @throws UnsupportedFeatureError for another one than REPEATABLE READ
 */
export function checkIsolationLevel(isolationLevel: IsolationLevel | undefined): void {
  if (isolationLevel === undefined || isolationLevel === 'REPEATABLE READ') return;
  throw new UnsupportedFeatureError(
    `isolation level ${isolationLevel}`,
    'Every transaction is REPEATABLE READ: leave the level out.',
  );
}

/** Remembers the values that query builders were given, before listeners and generated values change them. */
class RememberingBroadcaster extends Broadcaster {
  readonly #queryRunner: QueryRunner;

  constructor(queryRunner: QueryRunner) {
    super(queryRunner);
    this.#queryRunner = queryRunner;
  }

  override broadcastBeforeInsertEvent(
    result: BroadcasterResult,
    metadata: EntityMetadata,
    values: ObjectLiteral | undefined,
  ): void {
    this.#remember(metadata, values);
    super.broadcastBeforeInsertEvent(result, metadata, values);
  }

  override broadcastBeforeUpdateEvent(...event: Parameters<Broadcaster['broadcastBeforeUpdateEvent']>): void {
    this.#remember(event[1], event[2]);
    super.broadcastBeforeUpdateEvent(...event);
  }

  #remember(metadata: EntityMetadata, values: ObjectLiteral | undefined): void {
    if (values !== undefined) scopeOf(this.#queryRunner)?.states?.rememberAlone(values, metadata);
  }
}
