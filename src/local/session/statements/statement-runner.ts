import type { Refusal, Statement } from '../../../sql';
import type { Ask } from '../../limits/catalogue-checks';
import { isCut, type CommitEffect, type Cut, type FaultInjector } from '../../faults/fault-injector';
import type { Limits, Watch } from '../../limits/limits';
import type { StatementSource } from '../../concurrency/logged-statement';
import type { Participant } from '../../concurrency/participant';
import type { ConnectionTrace } from '../../trace';
import type { Message } from '../../wire/message-buffer';
import {
  commandComplete,
  dataRow,
  parameterStatus,
  readCstring,
  readyForQuery,
} from '../../wire/server-messages';
import type { Answers } from '../answers';
import { BackendError } from '../backend-link';
import type { BackendLink, Outcome, Step } from '../backend-link';
import { refusalResponse, translateError } from '../client-error';
import type { ClientInput } from '../client-input';
import { ownStatement } from '../own-statements';
import type { OwnStatement } from '../own-statements';
import { reportedSetting } from '../reported-settings';
import type { Portal, StatementBook } from '../statement-book';
import { StatementAdmission } from './admission';
import { Pipeline } from './pipeline';
import { CurrentTransaction, isDml } from './transaction';

/** What a runner works with; all of it belongs to one session. */
export interface RunnerParts {
  readonly link: BackendLink;
  readonly input: ClientInput;
  readonly answers: Answers;
  readonly book: StatementBook;
  readonly participant: Participant;
  readonly clock: () => Date;
  readonly faults: FaultInjector;
  readonly limits: Limits;
  readonly trace: ConnectionTrace;
  /** Cuts the client off, without a word. */
  readonly cut: () => void;
  /** Hears of the asynchronous jobs of a transaction when it has ended. */
  readonly onJobs: (jobIds: readonly string[]) => void;
}

/** One Execute on its way. */
export interface Execution {
  readonly statement: Statement;
  readonly bytes: Buffer;
  /** What PostgreSQL is to execute, in case it has to be executed again. */
  readonly source: StatementSource;
  /** What the client executes, unless it came in a simple Query. */
  readonly portal?: Portal | undefined;
  /** The command tag to answer with, where PostgreSQL's is that of a text of ours. */
  readonly tag?: string;
  /** It came in a simple Query, which describes its result itself and is answered when it is committed. */
  readonly simple: boolean;
  /** Nothing but Sync follows in its unit. */
  readonly last: boolean;
}

/** What has come of the answer to a statement so far. */
interface Seen {
  copyIn: boolean;
  complete?: Message;
}

/**
 * Runs the statements of one session, one at a time: what only DSQL has, and what the client is answered.
 * {@link StatementRunner.execute} is the one place where a statement is executed.
 */
export class StatementRunner {
  readonly #link: BackendLink;
  readonly #answers: Answers;
  readonly #book: StatementBook;
  readonly #participant: Participant;
  readonly #faults: FaultInjector;
  readonly #limits: Limits;
  readonly #trace: ConnectionTrace;
  readonly #cutClient: () => void;
  readonly #onJobs: (jobIds: readonly string[]) => void;
  readonly #ask: Ask = (sql, parameters) => this.#link.hidden(sql, parameters);

  readonly #current: CurrentTransaction;
  readonly #pipeline: Pipeline;
  /** What has a say before a statement is executed. */
  readonly admission: StatementAdmission;

  /** An error was answered: the rest of the messages up to Sync is ignored. */
  #skipping = false;
  /** A statement was executed that its transaction had no room for: PostgreSQL has yet to be told. */
  #overflowing = false;
  /** CommandComplete of the last statement of a Query, which is true only when its transaction is committed. */
  #held: Buffer | undefined;
  /** Asynchronous jobs begun in the current transaction. */
  #jobs: string[] = [];
  /** What a fault does when the commit that is on its way has been done. */
  #commitEffect: CommitEffect | undefined;
  /** The reported settings as the client was told. */
  readonly #told: Map<string, string>;

  constructor(parts: RunnerParts) {
    const { link, input, answers, book, participant, clock, faults, limits, trace, cut, onJobs } = parts;
    this.#link = link;
    this.#answers = answers;
    this.#book = book;
    this.#participant = participant;
    this.#told = new Map(link.parameters);
    this.#faults = faults;
    this.#limits = limits;
    this.#trace = trace;
    this.#cutClient = cut;
    this.#onJobs = onJobs;
    this.#current = new CurrentTransaction(link.status, clock);
    this.#pipeline = new Pipeline({
      link,
      input,
      participant,
      current: this.#current,
      report: (outcome) => {
        this.#report(outcome);
      },
    });
    const own = { current: this.#current, ask: this.#ask, cut: (cut: Cut) => this.#cut(cut) };
    this.admission = new StatementAdmission({ ...own, participant, faults, limits, trace });
  }

  /** Whether an error was answered, so that the rest of the messages up to Sync is ignored. */
  get skipping(): boolean {
    return this.#skipping;
  }

  /** Whether the transaction failed, so that everything but its end is refused. */
  get failed(): boolean {
    return this.#current.hasFailed;
  }

  /** Queues messages for PostgreSQL. */
  queue(...steps: readonly Step[]): void {
    this.#pipeline.queue(...steps);
  }

  /** Queues a message for PostgreSQL whose answer is the client's as it is. */
  relay(
    bytes: Buffer,
    ends: string,
    options: { confirms?: boolean } & Pick<Step, 'clientPosition'> = {},
  ): void {
    const { confirms, clientPosition } = options;
    const receive = (message: Message) => {
      if (confirms) this.#book.confirm();
      this.#answers.send(message.bytes);
    };
    this.#pipeline.queue({ bytes, ends, receive, clientPosition });
  }

  /**
   * Runs one statement; everything it needs is queued or in PostgreSQL already.
   *
   * @returns `copied` when the unit was read on behind its end, as a COPY does
   */
  async execute(execution: Execution, { admitted = false } = {}): Promise<'copied' | undefined> {
    const { statement } = execution;
    const refusal = admitted ? undefined : await this.admission.refusalOf(statement);
    if (refusal) {
      await this.refuse(refusal, undefined, statement);
      return undefined;
    }
    if (statement.kind === 'commit' && (await this.#prepareCommit())) return undefined;
    if (statement.kind === 'ddl' && !this.#current.hasFailed) {
      await this.flush();
      if (this.#skipping) return undefined;
      await this.#participant.foreseeChange(statement);
    }
    const own = ownStatement(statement);
    if (own?.replaces) {
      await this.flush();
      if (!this.#skipping) await this.#runOwn(own, execution);
      return undefined;
    }
    const inputBytes = inputBytesOf(execution.source);
    const watch = await this.#limits.watch(statement, inputBytes, this.#current.isExplicit);
    if (watch?.before) {
      await this.flush();
      if (this.#skipping) return undefined;
      await watch.before(this.#ask);
    }
    return this.#executeInPostgres(execution, own, watch);
  }

  /** Has PostgreSQL execute a statement, and does what is ours behind it. */
  async #executeInPostgres(
    execution: Execution,
    own: OwnStatement | undefined,
    watch: Watch | undefined,
  ): Promise<'copied' | undefined> {
    const { statement, bytes, source, portal, last } = execution;
    const seen: Seen = { copyIn: false };
    // Where something is left for us to do, it is complete only after that.
    const keepsCompletion = own !== undefined || watch !== undefined;
    const isResumed = portal?.progress === 'suspended';
    const receive = await this.#pipeline.receiver({ statement, source }, isResumed, (message) => {
      this.#passOn(message, execution, seen, keepsCompletion);
    });
    const { verification } = this.#pipeline;
    this.queue({ bytes, ends: 'CsIG', receive });
    if (statement.kind === 'begin' && this.#current.isIdle) this.queue(...this.#participant.begins());
    if (last && !watch && !this.#mustSettle(statement)) return undefined;

    await this.flush();
    if (seen.copyIn) {
      this.#answers.flush(); // the client sends no data before it is asked for
      await this.#pipeline.copyIn(receive);
    }
    if (this.#overflowing) await this.#overflow();
    if (own && !this.#skipping) await this.#runOwn(own, execution, watch);
    else if (watch && seen.complete && !this.#skipping) {
      const { body, bytes: complete } = seen.complete;
      const tag = readCstring(body).text;
      // What was executed otherwise than once, in the tables that all see, cannot be measured.
      if (verification?.wasRerun || this.#participant.isPrivate) this.#completed(execution, tag, complete);
      else await this.#settle(watch, execution, tag, complete);
    }
    return seen.copyIn && !execution.simple ? 'copied' : undefined;
  }

  /** Gives the client a message of PostgreSQL's answer. */
  #passOn(message: Message, execution: Execution, seen: Seen, keepsCompletion: boolean): void {
    const { statement, portal, tag } = execution;
    if (portal) portal.progress = message.type === 's' ? 'suspended' : 'done';
    if (message.type === 'C') {
      if (keepsCompletion) seen.complete = message;
      else if (tag !== undefined) this.#completed(execution, tag, commandComplete(tag));
      else this.#completed(execution, readCstring(message.body).text, message.bytes);
      return;
    }
    if (message.type === 'G') seen.copyIn = true;
    const shown = message.type === 'D' ? reportedSetting(statement) : undefined;
    this.#answers.send(shown ?? message.bytes);
  }

  /** Whether something remains to be done between a statement and the commit that a Sync may bring. */
  #mustSettle(statement: Statement): boolean {
    if (statement.async || statement.kind === 'copy') return true; // both take more than one exchange
    return (isDml(statement) || statement.kind === 'ddl') && !this.#current.isExplicit;
  }

  /** Completes a statement, unless what it did is found to be too much. */
  async #settle(watch: Watch, execution: Execution, tag: string, bytes: Buffer): Promise<void> {
    const { refusal, rows } = await watch.after(this.#ask, tag);
    if (refusal) {
      this.#answers.send(refusalResponse(refusal));
      await this.#overflow();
      return;
    }
    this.#completed(execution, tag, bytes, rows);
    if (this.#overflowing) await this.#overflow();
  }

  #completed({ statement, source, last }: Execution, tag: string, bytes: Buffer, rows?: number): void {
    const overflow = this.#current.transaction?.executed(statement, tag, inputBytesOf(source), rows);
    if (overflow) {
      this.#answers.send(refusalResponse(overflow));
      this.#overflowing = true;
      return;
    }
    this.#trace.done(statement, tag);
    if (statement.kind === 'begin') {
      this.#current.begin();
    } else if (statement.kind === 'commit' || statement.kind === 'rollback') {
      this.#participant.ended(tag === 'COMMIT');
      this.#endTransaction();
    } else if (tag === 'DEALLOCATE ALL') {
      this.#book.forgetStatements();
      this.#participant.forgetPrepared();
    }
    if (this.#commitEffect) {
      this.#skipping = true;
      this.#afterCommit();
    } else if (last && !this.#current.isExplicit) this.#held = bytes;
    else this.#answers.send(bytes);
  }

  /** Does our part of a statement that only DSQL has, and answers it. */
  async #runOwn(own: OwnStatement, execution: Execution, watch?: Watch): Promise<void> {
    try {
      const jobId = await own.run(this.#link);
      this.#participant.executedOwn(execution, { statement: own, jobId });
      if (jobId !== null) {
        this.#jobs.push(jobId);
        this.#answers.send(dataRow([jobId]));
      }
    } catch (error) {
      if (!(error instanceof BackendError)) throw error;
      // Its position is in a text of ours.
      const fields = new Map([...error.fields].filter(([code]) => !'PpqW'.includes(code)));
      this.#report({ error: await this.#participant.explain(fields) });
      return;
    }
    const complete = commandComplete(own.tag);
    if (watch) await this.#settle(watch, execution, own.tag, complete);
    else this.#completed(execution, own.tag, complete);
  }

  async #overflow(): Promise<void> {
    this.#overflowing = false;
    this.#skipping = true;
    await this.#link.abortTransaction();
  }

  /** Runs what is queued, up to the last answer. */
  flush(): Promise<void> {
    return this.#pipeline.run('flush');
  }

  #report({ error, failed }: Outcome): void {
    if (!error) return;
    this.#held = undefined;
    this.#book.revert();
    this.#skipping = true;
    this.#answers.send(translateError(error, failed?.clientPosition));
  }

  /** Answers an error of ours, after the answers to what came before, and fails the transaction in PostgreSQL too. */
  async refuse(refusal: Refusal, position?: number, statement?: Statement): Promise<void> {
    await this.flush();
    if (this.#skipping) return; // something before it failed already
    this.#skipping = true;
    this.#book.revert();
    this.#answers.send(refusalResponse(refusal, position));
    if (statement?.kind === 'commit') await this.#link.hidden('ROLLBACK');
    else await this.#link.abortTransaction();
  }

  /**
   * Prepares the commit that is to come, explicit or not.
   *
   * @returns whether it is not to be done
   */
  async #prepareCommit(): Promise<boolean> {
    if (this.#current.hasFailed) return false;
    const { isExplicit } = this.#current;
    const error = await this.#participant.commits();
    if (!error) return this.#strikeCommit();
    if (this.#link.skipping) await this.#link.hiddenExchange([], 'sync');
    await this.flush();
    if (this.#skipping) return true;
    this.#report({ error });
    if (isExplicit) await this.#link.hidden('ROLLBACK');
    else await this.#link.abortTransaction();
    return true;
  }

  /**
   * Lets a fault strike the commit that is to come, if there is one.
   *
   * @returns whether it is not to be done
   */
  async #strikeCommit(): Promise<boolean> {
    const { transaction } = this.#current;
    if (!this.#faults.watchesCommits || !transaction) return false;
    const { explicit } = transaction;
    await this.flush();
    // It was not to be committed after all, or BEGIN was executed, or an error.
    if (this.#current.transaction !== transaction || transaction.explicit !== explicit) return false;
    if (this.#skipping || this.#overflowing || this.#current.hasFailed) return false;
    const effect = this.#faults.atCommit(transaction);
    if (!effect) return false;
    if (effect.committed) {
      this.#commitEffect = effect;
      return false;
    }
    if (isCut(effect.effect)) {
      this.#trace.cut('before commit');
      this.#cut(effect.effect);
    }
    this.#held = undefined;
    this.#skipping = true;
    this.#answers.send(refusalResponse(effect.effect));
    if (transaction.explicit) await this.#link.hidden('ROLLBACK');
    else await this.#link.abortTransaction();
    return true;
  }

  #cut({ onCut }: Cut): never {
    onCut();
    this.#cutClient();
    throw new Error('the connection was cut on demand');
  }

  /** A transaction was committed: answers what a fault would have it be answered with. */
  #afterCommit(): void {
    const effect = this.#commitEffect?.effect;
    this.#commitEffect = undefined;
    if (effect === undefined) return;
    if (isCut(effect)) {
      this.#trace.cut('after commit');
      effect.onCut();
      this.#cutClient();
    } else this.#answers.send(refusalResponse(effect));
    this.#held = undefined;
  }

  /** Ends the unit: runs what is queued and says that the next unit may come. */
  async sync(): Promise<void> {
    if (!this.#skipping && this.#current.transaction?.explicit === false) await this.#prepareCommit();
    await this.#pipeline.run('sync');
    if (this.#link.skipping) await this.#link.hiddenExchange([], 'sync');
    if (this.#link.status === 'I') this.#participant.ended(!this.#skipping && !this.#overflowing);
    if (!this.#skipping) this.#afterCommit();
    this.#commitEffect = undefined;
    if (this.#overflowing) {
      await this.#overflow();
      await this.#link.hiddenExchange([], 'sync');
    }
    this.#skipping = false;
    if (this.#held) this.#answers.send(this.#held);
    this.#held = undefined;
    this.ready();
  }

  /** Tells the client that the next unit may come. */
  ready(): void {
    const { status, parameters } = this.#link;
    for (const [name, value] of parameters) {
      if (this.#told.get(name) === value) continue;
      this.#told.set(name, value);
      this.#answers.send(parameterStatus(name, value));
    }
    if (status === 'I') this.#endTransaction();
    else this.#current.goOn(status);
    if (status === 'I' && this.#jobs.length > 0) this.#onJobs(this.#jobs.splice(0));
    this.#answers.send(readyForQuery(status));
    this.#answers.flush();
  }

  #endTransaction(): void {
    const ended = this.#current.end();
    if (ended?.hasDdl) {
      this.#limits.forget();
      this.#limits.functions.forget(ended.createdFunctions.length > 0);
    }
    this.#book.forgetPortals();
  }
}

function inputBytesOf({ text, values }: StatementSource): number {
  return text.length + values.length;
}
