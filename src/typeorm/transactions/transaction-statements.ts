import { QueryRunnerAlreadyReleasedError } from 'typeorm';
import {
  DsqlError,
  isAfterCommitError,
  isDsqlError,
  isNotSentError,
  isServerError,
  isSkippedStatementError,
  NotSentError,
  ofLastStatement,
} from '../../connection';
import { findInChain, FirstStatementSender } from '../../occ';
import type { Migrations, RunInTransaction } from '../../migrate/for-orms';
import { summarizeText, type TransactionVerb } from '../../sql';
import type { Statement } from '../statement';
import type { AutocommitRunner } from './autocommit-statements';
import type { ScopeConnection, TransactionScope } from './transaction-scope';
import { dataSourceOf, transactionsOf } from './transactions';

/** A query runner, as far as the statements of its transaction use it. */
export interface TransactionalRunner extends AutocommitRunner {
  isTransactionActive: boolean;
  /** The transaction that it is in, or is about to begin. */
  readonly scope: TransactionScope | undefined;
  /** What journals the migrations that are run on it. */
  readonly migrations: Migrations | undefined;
  /** Whether its statements are those of a migration. */
  readonly isMigrating: boolean;
  /** Whether the transaction that it is in is run again by itself where it was not committed. */
  readonly isRepeatable: boolean;
  /** Sends what the journal writes, in the transaction that is open. */
  readonly runForJournal: RunInTransaction;
  /** The transaction is over, and its connection is not used again. */
  destroyConnection(error: unknown): Promise<void>;
}

/**
 * The statements of one query runner in its transaction, BEGIN, COMMIT and ROLLBACK among them: none overtakes the first,
 * none is sent behind the last, and what became of the transaction is known by their answers.
 */
export class TransactionStatements {
  readonly #runner: TransactionalRunner;
  readonly #first = new FirstStatementSender();
  #isCommitted = false;
  /** COMMIT has travelled with the last statement. */
  #hasCommitTravelled = false;
  /** COMMIT or ROLLBACK is on its way. */
  #isEnding = false;

  constructor(runner: TransactionalRunner) {
    this.#runner = runner;
  }

  /** Whether the transaction was committed. */
  get isCommitted(): boolean {
    return this.#isCommitted;
  }

  /** Whether COMMIT has travelled with the last statement, so that it is not sent again. */
  get hasCommitTravelled(): boolean {
    return this.#hasCommitTravelled;
  }

  /** A transaction is about to begin: of what became of the one before it nothing counts. */
  begin(): void {
    this.#isCommitted = this.#hasCommitTravelled = false;
  }

  /**
   * Sends a statement, in its place in the transaction.
   *
   * @throws DsqlError when the transaction was being ended, and NotSentError when its connection was lost
   */
  async run(statement: Statement): Promise<unknown> {
    const { scope } = this.#runner;
    const { verb, onlyReads, mayCommit } = summarizeText(statement[0]);
    this.#expectNotEnding(verb);
    if (verb === 'commit' || verb === 'rollback') return this.#sendEnd(statement, verb);
    const send = async () => {
      if (verb !== 'begin') this.#expectConnection(undefined);
      if (verb === undefined) await scope?.enter(statement, this.#connection());
      while (this.#first.isUnderWay) {
        await this.#first.whenAnswered();
        this.#expectNotEnding(verb);
      }
      if (verb === undefined) scope?.expectOpen();
      if (verb === 'begin') this.#runner.migrations?.entries.forget();
      if (verb === undefined && this.#isFirstOfCaller) return this.#sendFirst(statement);
      if (verb !== undefined || scope === undefined) return this.#runner.sendOnce(statement, scope?.keys);
      if (scope.endsWithNext()) return this.#sendLast(statement, scope);
      const [text, parameters, ...rest] = statement;
      return this.#runner.sendOnce(
        [text, scope.placeInPipeline(parameters as unknown[] | undefined), ...rest],
        scope.keys,
      );
    };
    try {
      const result = await (scope === undefined || onlyReads ? send() : scope.during(send));
      if (mayCommit) this.#noteCommit();
      return result;
    } catch (error) {
      // It follows from the failure of another one.
      if (!isSkippedStatementError(error)) scope?.noteFailure(error);
      throw error;
    }
  }

  /** A statement that is sent in another way than by {@link run} is about to be: the same has to be waited for. */
  async enter(statement: Statement): Promise<void> {
    await this.#runner.scope?.enter(statement, this.#connection());
    while (this.#first.isUnderWay) await this.#first.whenAnswered();
  }

  /**
   * Commits what the transaction holds, does something outside it, and begins it anew. For the subscribers it stays one
   * transaction.
   */
  async outside<T>(work: () => Promise<T>): Promise<T> {
    const runner = this.#runner;
    runner.scope?.expectNothingUnfinished();
    await this.run(['COMMIT']);
    this.#isCommitted = false;
    runner.isTransactionActive = false;
    try {
      const result = await work();
      runner.isTransactionActive = true;
      await this.run(['START TRANSACTION']);
      return result;
    } finally {
      // Where it was not begun again, there is nothing that its rollback would have to undo.
      runner.isTransactionActive = true;
    }
  }

  #expectNotEnding(verb: TransactionVerb | undefined): void {
    if (!this.#isEnding && !(this.#hasCommitTravelled && verb === undefined)) return;
    throw new DsqlError(
      'A statement was not sent, because its transaction was being committed or rolled back: a promise was not awaited. Await every operation before the callback returns.',
    );
  }

  /** Whether BEGIN travels with what is sent next, in a transaction that only its caller could run again. */
  get #isFirstOfCaller(): boolean {
    const { isRepeatable, isMigrating, isTransactionActive, client } = this.#runner;
    return !isRepeatable && !isMigrating && isTransactionActive && client?.hasUnsentBegin === true;
  }

  #sendFirst(statement: Statement): Promise<unknown> {
    const runner = this.#runner;
    const { defaults } = transactionsOf(dataSourceOf(runner));
    const send = () => runner.sendOnce(statement);
    return this.#first.send(statement[0], send, () => runner.client, defaults.run);
  }

  /** Sends the last statement of a transaction, and COMMIT with it. */
  async #sendLast([text, parameters, ...rest]: Statement, scope: TransactionScope): Promise<unknown> {
    await scope.prepareCommit();
    this.#isEnding = true;
    try {
      const result = await this.#runner.sendOnce(
        [text, scope.placeInPipeline(ofLastStatement(parameters as unknown[])), ...rest],
        scope.keys,
      );
      // Else it is sent by itself.
      this.#hasCommitTravelled = this.#runner.client?.isInTransaction !== true;
      return result;
    } catch (error) {
      this.#hasCommitTravelled =
        findInChain(error, isAfterCommitError) !== undefined || this.#isOfLogger(error);
      throw error;
    } finally {
      this.#isEnding = false;
      if (this.#hasCommitTravelled) this.#noteCommit();
    }
  }

  /** Whether the last statement and COMMIT are done, and it was a logger that has failed when it was told of them. */
  #isOfLogger(error: unknown): boolean {
    const isReported = (inner: object) => isServerError(inner) || isDsqlError(inner);
    return this.#runner.client?.isQuiet === true && findInChain(error, isReported) === undefined;
  }

  #noteCommit(): void {
    this.#isCommitted = true;
    this.#runner.scope?.noteCommit();
  }

  async #sendEnd(statement: Statement, verb: 'commit' | 'rollback'): Promise<unknown> {
    const runner = this.#runner;
    const { migrations } = runner;
    if (verb === 'commit' && this.#hasCommitTravelled) {
      dataSourceOf(runner).logger.logQuery(statement[0], undefined, runner);
      return undefined;
    }
    this.#isEnding = true;
    try {
      while (this.#first.isUnderWay) await this.#first.whenAnswered();
      this.#expectConnection(verb);
      if (verb === 'commit') await migrations?.noteBeforeCommit(runner.runForJournal);
      else migrations?.entries.forget();
      const result = await runner.sendOnce(statement);
      if (verb === 'commit') {
        migrations?.entries.committed();
        this.#noteCommit();
      }
      return result;
    } catch (error) {
      if (verb === 'commit') throw error;
      await runner.destroyConnection(error);
      // The server rolls back what has lost its connection.
      if (!isNotSentError(error)) throw error;
      return undefined;
    } finally {
      this.#isEnding = false;
    }
  }

  /** The host releases a query runner whose connection was lost, and then only says that it is released. */
  #expectConnection(verb: TransactionVerb | undefined): void {
    if (!this.#runner.isReleased || !this.#runner.isTransactionActive) return;
    const subject = verb === undefined ? 'statement' : verb === 'commit' ? 'COMMIT' : 'ROLLBACK';
    throw new NotSentError(subject, { cause: new QueryRunnerAlreadyReleasedError() });
  }

  #connection(): ScopeConnection {
    const runner = this.#runner;
    const { scope } = runner;
    return {
      // What was sent past the host, through its connection, must not be given back with it.
      canBeGivenBack: () => runner.client?.hasUnsentBegin !== false,
      giveBack: () => {
        runner.giveConnectionBack();
      },
      isOpen: () => runner.scope === scope && runner.isTransactionActive,
      begin: () => runner.sendOnce(['START TRANSACTION']),
    };
  }
}
