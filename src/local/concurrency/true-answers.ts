import { parseQuery, type Refusal } from '../../sql';
import { sleep } from '../real-time';
import { DATA_CONFLICT, SCHEMA_CONFLICT } from '../session/client-error';
import type { BackendLink } from '../session/backend-link';
import { textValues } from '../wire/client-messages';
import type { Message } from '../wire/message-buffer';
import { count } from '../wire/server-messages';
import type { Concurrency } from './concurrency';
import {
  CANCELLED,
  DEADLOCK,
  DOUBTFUL,
  ifNotExists,
  isCatalogueConflict,
  SCHEMA_ERROR,
  TAKEN,
  type ErrorFields,
} from './error-fields';
import type { Judge } from './judge';
import { rerun, type LoggedStatement } from './logged-statement';
import type { OpenTransaction } from './open-transaction';
import type { PrivateTables } from './private-tables';
import { DIFFERENT, tellsInsertedRows, type Replay } from './replay';

/** An answer to a statement: messages for the client, or the fields of an error. */
export type StatementAnswer =
  { readonly messages: readonly Message[]; readonly error?: undefined } | { readonly error: ErrorFields };

/** What true answers are found with; all of it belongs to one participant. */
export interface TrueAnswersParts {
  readonly concurrency: Concurrency;
  readonly link: BackendLink;
  readonly judge: Judge;
  readonly replay: Replay;
  readonly privateTables: PrivateTables;
  /** Rolls back to the savepoint, or all of an implicit transaction. */
  readonly rollBack: () => Promise<void>;
  /** Whether the statement that is over now was made to fail by us. */
  readonly concession: () => Promise<boolean>;
  /** What the client is told of a conflict. */
  readonly conflict: (refusal: Refusal) => ErrorFields;
}

const MAX_ATTEMPTS = 10;

/**
 * Finds out what a statement is to be answered with, by the snapshot of its transaction alone, where PostgreSQL may have
 * answered by what others have done since: executes it again, in place or in private.
 */
export class TrueAnswers {
  readonly #parts: TrueAnswersParts;

  constructor(parts: TrueAnswersParts) {
    this.#parts = parts;
  }

  /** What a statement that changes no rows is to be answered with where PostgreSQL answered with an error. */
  explain(transaction: OpenTransaction | undefined, error: ErrorFields, conceded: boolean): ErrorFields {
    // What makes a mere reader wait is a change of the schema.
    const yields = conceded && error.get('C') === CANCELLED;
    return yields || error.get('M') === SCHEMA_CONFLICT.message || this.#isOutdated(transaction, error)
      ? this.#parts.conflict(SCHEMA_CONFLICT)
      : error;
  }

  /** Finds out what a failed statement is to be answered with. */
  async ofFailed(
    transaction: OpenTransaction,
    statement: LoggedStatement,
    error: ErrorFields,
    conceded = false,
  ): Promise<StatementAnswer> {
    const code = error.get('C') ?? '';
    const concedes = conceded && code === CANCELLED;
    if (this.#isOutdated(transaction, error)) return this.#refuse(SCHEMA_CONFLICT);
    if (code === DEADLOCK) return this.#retry(transaction, statement, error);
    if (statement.statement.kind === 'ddl') {
      if (code === CANCELLED && !concedes) return { error };
      const isConflict = isCatalogueConflict(error) || (TAKEN.has(code) && ifNotExists(statement.statement));
      return isConflict ? this.#refuse(SCHEMA_CONFLICT) : { error };
    }
    if (!transaction.hasSavepoint) return concedes ? this.#refuse(DATA_CONFLICT) : { error };
    if (transaction.whereabouts === 'private') return this.#widen(transaction, statement, error);
    if (!concedes && !DOUBTFUL.has(code)) return { error };
    // Nothing was committed behind its back: it is what it seems to be.
    if (!concedes && code !== '40001' && !this.#parts.concurrency.isContended(transaction)) return { error };
    return this.#inPrivate(transaction, statement);
  }

  /** Executes a statement that was the victim of a deadlock again, with all that went before it. */
  async #retry(
    transaction: OpenTransaction,
    statement: LoggedStatement,
    deadlock: ErrorFields,
  ): Promise<StatementAnswer> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      await this.#parts.rollBack();
      await sleep(Math.random() * attempt);
      if (transaction.whereabouts === 'private') return this.#inPrivate(transaction, statement);
      if (transaction.hasSavepoint) {
        await this.putBack(transaction);
        if (transaction.verdict) return this.#inPrivate(transaction, statement);
      } else {
        const failed = await this.#parts.replay.run(transaction, 'in place', false);
        if (failed === DEADLOCK) continue;
        if (failed) return this.#refuse(DATA_CONFLICT);
      }
      const [again] = await rerun(this.#parts.link, [statement]);
      if (!again) break;
      const { error } = again.outcome;
      if (error?.get('C') === DEADLOCK) continue;
      if (error) return this.ofFailed(transaction, statement, error);
      return this.ofExecuted(transaction, { ...statement, answer: again.messages });
    }
    return transaction.hasSavepoint ? this.#inPrivate(transaction, statement) : { error: deadlock };
  }

  /** Makes sure that a statement which PostgreSQL has executed was answered from the transaction's snapshot alone. */
  async ofExecuted(transaction: OpenTransaction, statement: LoggedStatement): Promise<StatementAnswer> {
    switch (await this.#parts.judge.judge(transaction, statement)) {
      case 'unclear':
        return this.#inPrivate(transaction, statement);
      case 'conflict':
        transaction.verdict ??= DATA_CONFLICT;
    }
    return { messages: statement.answer ?? [] };
  }

  /**
   * Executes the log again, in place.
   *
   * @returns whether it succeeded; else the transaction has lost and stays displaced
   */
  async putBack(transaction: OpenTransaction): Promise<void> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      // That numbers of sequences must be restored is found out by the first attempt.
      const failure = await this.#parts.replay.run(transaction, 'in place', attempt > 1);
      await this.#parts.concession();
      if (!failure) {
        transaction.whereabouts = 'in place';
        transaction.displacedBy.clear();
        return;
      }
      await this.#parts.rollBack();
      const mayRestoreKeys =
        failure === DIFFERENT && attempt === 1 && transaction.log.some(tellsInsertedRows);
      if (failure !== DEADLOCK && !mayRestoreKeys) break;
      await sleep(Math.random() * (attempt - 1));
    }
    transaction.verdict ??= transaction.hasDdl ? SCHEMA_CONFLICT : DATA_CONFLICT;
  }

  /** Executes a statement in private, where its answer is true; the transaction has lost if it succeeds. */
  async #inPrivate(transaction: OpenTransaction, statement: LoggedStatement): Promise<StatementAnswer> {
    if (!(await this.#parts.privateTables.enter(transaction, [statement]))) return this.#lose(transaction);
    const [again] = await rerun(this.#parts.link, [statement]);
    const error = again?.outcome.error;
    if (error) return this.#widen(transaction, statement, error);
    transaction.verdict ??= DATA_CONFLICT;
    return { messages: again?.messages ?? [] };
  }

  /** A statement failed in private: if it met tables of all, because a function wrote there, those are copied, too. */
  async #widen(
    transaction: OpenTransaction,
    statement: LoggedStatement,
    error: ErrorFields,
  ): Promise<StatementAnswer> {
    if (error.get('C') !== '40001') return { error };
    if (!(await this.#parts.privateTables.enter(transaction, 'every table'))) return this.#lose(transaction);
    const [again] = await rerun(this.#parts.link, [statement]);
    if (again?.outcome.error?.get('C') === '40001') return this.#lose(transaction);
    if (again?.outcome.error) return { error: again.outcome.error };
    transaction.verdict ??= DATA_CONFLICT;
    return { messages: again?.messages ?? [] };
  }

  async #lose(transaction: OpenTransaction): Promise<StatementAnswer> {
    await this.#parts.link.abortTransaction();
    return this.#refuse(transaction.verdict ?? DATA_CONFLICT);
  }

  /** Has foreign keys that may wait for COMMIT checked while the answer can still be found out. */
  async ofDeferredChecks(transaction: OpenTransaction): Promise<ErrorFields | undefined> {
    if (!transaction.hasSavepoint || !this.#parts.concurrency.isContended(transaction)) return undefined;
    if (!(await this.#parts.concurrency.anyDeferrable())) return undefined;
    const [statement] = parseQuery('SET CONSTRAINTS ALL IMMEDIATE').statements;
    if (!statement) return undefined;
    const source = {
      text: Buffer.from(statement.text),
      parameterTypes: count(0),
      values: textValues([]),
      maxRows: 0,
    };
    const logged: LoggedStatement = { statement, source };
    const [checked] = await rerun(this.#parts.link, [logged]);
    if (!checked?.outcome.error) return undefined;
    return (await this.ofFailed(transaction, logged, checked.outcome.error)).error;
  }

  /** Whether a statement may have failed because the schema is not any more what the transaction's snapshot shows. */
  #isOutdated(transaction: OpenTransaction | undefined, error: ErrorFields): boolean {
    if (!transaction?.hasSavepoint || transaction.seesUpTo === Number.POSITIVE_INFINITY) return false;
    if (transaction.catalogueVersion === this.#parts.concurrency.catalogueVersion) return false;
    const code = error.get('C') ?? '';
    return SCHEMA_ERROR.test(code) || error.get('R') === 'RevalidateCachedQuery';
  }

  #refuse(refusal: Refusal): { readonly error: ErrorFields } {
    return { error: this.#parts.conflict(refusal) };
  }
}
