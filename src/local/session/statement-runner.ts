import type { Refusal, Statement } from '../../sql';
import { checkBefore, refusalHolds } from '../limits/catalogue-checks';
import type { Ask } from '../limits/catalogue-checks';
import type { CommitEffect, FaultInjector } from '../faults/fault-injector';
import { exceededSize } from '../limits/limits';
import type { Limits, Watch } from '../limits/limits';
import type { LoggedStatement, StatementSource } from '../concurrency/logged-statement';
import type { Participant } from '../concurrency/participant';
import type { ConnectionTrace } from '../trace';
import type { Message } from '../wire/message-buffer';
import {
  commandComplete,
  dataRow,
  parameterStatus,
  readCstring,
  readyForQuery,
} from '../wire/server-messages';
import type { TransactionStatus } from '../wire/server-messages';
import type { Answers } from './answers';
import { BackendError } from './backend-link';
import type { BackendLink, Outcome, Step } from './backend-link';
import { refusalResponse, SCHEMA_CONFLICT, TRANSACTION_ABORTED, translateError } from './client-error';
import type { ClientInput } from './client-input';
import { copyIn } from './copy-in';
import { ownStatement } from './own-statements';
import type { OwnStatement } from './own-statements';
import { reportedSetting } from './reported-settings';
import type { Portal, StatementBook } from './statement-book';
import { isDml, Transaction } from './transaction';

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

/** A statement whose answer is kept back until it is verified. */
interface Verification {
  logged: LoggedStatement;
  readonly messages: Message[];
  /** Passes a message of the answer on. */
  readonly receive: (message: Message) => void;
  /** The answer is not that of the first execution. */
  wasRerun: boolean;
}

/**
 * Runs the statements of one session, one at a time: what DSQL's transactions allow, what only DSQL has, and what
 * becomes of the answers. Messages for PostgreSQL are gathered while nothing has to be known of one before the next is
 * sent; {@link StatementRunner.execute} is the one place where a statement is executed.
 */
export class StatementRunner {
  readonly #link: BackendLink;
  readonly #input: ClientInput;
  readonly #answers: Answers;
  readonly #book: StatementBook;
  readonly #participant: Participant;
  readonly #clock: () => Date;
  readonly #faults: FaultInjector;
  readonly #limits: Limits;
  readonly #trace: ConnectionTrace;
  readonly #cutClient: () => void;
  readonly #onJobs: (jobIds: readonly string[]) => void;
  readonly #ask: Ask = (sql, parameters) => this.#link.hidden(sql, parameters);

  /** Messages for PostgreSQL that nothing had to be known of before sending the next. */
  #batch: Step[] = [];
  #transaction: Transaction | undefined;
  /** As in ReadyForQuery, but of this moment in a unit. */
  #status: TransactionStatus;
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
  /** The statement that is being executed, if it writes. */
  #verification: Verification | undefined;
  /** The reported settings as the client was told. */
  readonly #told: Map<string, string>;

  constructor(parts: RunnerParts) {
    const { link, input, answers, book, participant, clock, faults, limits, trace, cut, onJobs } = parts;
    this.#link = link;
    this.#input = input;
    this.#answers = answers;
    this.#book = book;
    this.#participant = participant;
    this.#told = new Map(link.parameters);
    this.#clock = clock;
    this.#faults = faults;
    this.#limits = limits;
    this.#trace = trace;
    this.#cutClient = cut;
    this.#onJobs = onJobs;
    this.#status = link.status;
  }

  /** Whether an error was answered, so that the rest of the messages up to Sync is ignored. */
  get skipping(): boolean {
    return this.#skipping;
  }

  /** Whether the transaction failed, so that everything but its end is refused. */
  get failed(): boolean {
    return this.#status === 'E';
  }

  /** The statement with what it does by way of functions. */
  resolve(statement: Statement): Promise<Statement> | Statement {
    return this.#limits.functions.resolve(statement, this.#transaction?.createdFunctions ?? []);
  }

  /** Whether what the parser would have a statement refused with holds in this session now. */
  async isRefused(statement: Statement): Promise<boolean> {
    return statement.refusal !== undefined && refusalHolds(statement, this.#ask);
  }

  /** What the statement must be refused with at this point. */
  async refusalOf(statement: Statement): Promise<Refusal | undefined> {
    this.#trace.statement(statement);
    // A failed transaction answers everything alike; what PostgreSQL can read it answers itself.
    if (this.#status === 'E') return statement.refusal && TRANSACTION_ABORTED;
    await this.attend(statement);
    if (await this.isRefused(statement)) return statement.refusal;
    const stale = await this.staleness(statement);
    if (stale) return stale;
    const now = this.#clock();
    this.#transaction ??= new Transaction(now, false);
    const refusal = this.#transaction.admit(statement, now);
    if (refusal) return refusal;
    if (statement.kind !== 'commit' && statement.kind !== 'rollback' && this.#participant.refusal) {
      return this.#participant.refusal;
    }
    const fault = this.#faults.beforeStatement(statement);
    if (fault) return fault === 'cut' ? this.#cut() : fault;
    if (statement.kind === 'commit' && this.#transaction.mayExceedSize && !this.#participant.isPrivate) {
      return exceededSize(this.#ask, this.#transaction.tables, 'all');
    }
    return checkBefore(statement)?.(this.#ask);
  }

  /**
   * Prepares the transaction for something that looks at it: a statement that is to be parsed, described or executed.
   *
   * @param statement - absent if it cannot be read
   */
  async attend(statement: Statement | undefined): Promise<void> {
    const kind = statement?.kind;
    if (kind === 'rollback' || this.#status === 'E') return;
    if (kind !== 'begin' && kind !== 'session' && kind !== 'commit') this.#participant.takesSnapshot();
    if (!this.#participant.isDisplaced) return;
    await this.#participant.restore(kind === 'commit' ? 'for commit' : 'for a statement');
  }

  /**
   * Says that a statement, which {@link StatementRunner.attend} was called for, is against a table of which this session
   * has read the catalogue too long ago.
   */
  async staleness(statement: Statement | undefined): Promise<Refusal | undefined> {
    if (!statement || this.#status === 'E') return undefined;
    return (await this.#participant.meetsStaleCatalogue(statement)) ? SCHEMA_CONFLICT : undefined;
  }

  /** Queues messages for PostgreSQL. */
  queue(...steps: readonly Step[]): void {
    this.#batch.push(...steps);
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
    this.#batch.push({ bytes, ends, receive, clientPosition });
  }

  /**
   * Runs one statement; everything it needs is queued or in PostgreSQL already.
   *
   * @returns `copied` when the unit was read on behind its end, as a COPY does
   */
  async execute(execution: Execution, { admitted = false } = {}): Promise<'copied' | undefined> {
    const { statement, bytes, last } = execution;
    const refusal = admitted ? undefined : await this.refusalOf(statement);
    if (refusal) {
      await this.refuse(refusal, undefined, statement);
      return undefined;
    }
    if (statement.kind === 'commit' && (await this.#prepareCommit())) return undefined;
    if (statement.kind === 'ddl' && this.#status !== 'E') {
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
    const explicit = this.#transaction?.explicit ?? false;
    const watch = await this.#limits.watch(statement, inputBytesOf(execution.source), explicit);
    if (watch?.before) {
      await this.flush();
      if (this.#skipping) return undefined;
      await watch.before(this.#ask);
    }
    const seen: Seen = { copyIn: false };
    // Where something is left for us to do, it is complete only after that.
    const keepsCompletion = own !== undefined || watch !== undefined;
    const receive = await this.#receiver(execution, (message) => {
      this.#passOn(message, execution, seen, keepsCompletion);
    });
    const verification = this.#verification;
    this.#batch.push({ bytes, ends: 'CsIG', receive });
    if (statement.kind === 'begin' && this.#status === 'I') this.#batch.push(...this.#participant.begins());
    if (last && !watch && !this.#mustSettle(statement)) return undefined;

    await this.flush();
    if (seen.copyIn) await this.#copyIn(receive);
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

  /** Who gets the answer to a statement: that of one that writes is kept back until it is verified. */
  async #receiver(
    { statement, source, portal }: Execution,
    pass: (message: Message) => void,
  ): Promise<(message: Message) => void> {
    const { kind, targets } = statement;
    const isResumed = portal?.progress === 'suspended';
    if (this.#status === 'E' || kind === 'begin' || kind === 'commit' || kind === 'rollback') return pass;
    if (!isResumed && (kind === 'write' || kind === 'ddl' || (kind === 'copy' && targets.length > 0))) {
      await this.#participant.foresee(statement);
      const messages: Message[] = [];
      this.#verification = { logged: { statement, source }, messages, receive: pass, wasRerun: false };
      return (message) => {
        if (message.type === 'G') pass(message);
        else messages.push(message);
      };
    }
    return (message) => {
      pass(message);
      if (message.type !== 'C') return;
      if (isResumed) this.#participant.resumed({ statement, source });
      else this.#participant.executed({ statement, source });
    };
  }

  async #copyIn(receive: (message: Message) => void): Promise<void> {
    this.#answers.flush(); // the client sends no data before it is asked for
    const verification = this.#verification;
    this.#verification = undefined;
    const data: Buffer[] = [];
    const outcome = await copyIn(this.#input, this.#link, receive, (bytes) => data.push(bytes));
    if (verification) verification.logged = { ...verification.logged, copyData: Buffer.concat(data) };
    await this.#conclude(outcome, verification);
  }

  /** Whether something remains to be done between a statement and the commit that a Sync may bring. */
  #mustSettle(statement: Statement): boolean {
    if (statement.async || statement.kind === 'copy') return true; // both take more than one exchange
    return (isDml(statement) || statement.kind === 'ddl') && !this.#transaction?.explicit;
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
    const overflow = this.#transaction?.executed(statement, tag, inputBytesOf(source), rows);
    if (overflow) {
      this.#answers.send(refusalResponse(overflow));
      this.#overflowing = true;
      return;
    }
    if (statement.kind === 'begin') {
      this.#status = 'T';
      if (this.#transaction) this.#transaction.explicit = true;
    } else if (statement.kind === 'commit' || statement.kind === 'rollback') {
      this.#participant.ended(tag === 'COMMIT');
      this.#endTransaction('I');
    } else if (tag === 'DEALLOCATE ALL') {
      this.#book.forgetStatements();
      this.#participant.forgetPrepared();
    }
    if (this.#commitEffect) {
      this.#skipping = true;
      this.#afterCommit();
    } else if (last && !this.#transaction?.explicit) this.#held = bytes;
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
    return this.#runBatch('flush');
  }

  async #runBatch(ending: 'sync' | 'flush'): Promise<void> {
    const steps = this.#batch;
    this.#batch = [];
    const outcome = await this.#link.exchange(steps, ending);
    const verification = this.#verification;
    // The answer to a COPY is yet to come.
    if (!outcome.error && verification?.messages.length === 0) return;
    this.#verification = undefined;
    await this.#conclude(outcome, verification);
  }

  /** Answers a statement that writes, or lets an error be known. */
  async #conclude(outcome: Outcome, verification: Verification | undefined): Promise<void> {
    if (!verification) {
      if (!outcome.error) return;
      this.#report({ error: await this.#participant.explain(outcome.error), failed: outcome.failed });
      return;
    }
    const { logged, messages, receive } = verification;
    const answer = await this.#participant.verify({ ...logged, answer: messages }, outcome);
    if (answer.error) {
      this.#report({ error: answer.error, failed: outcome.failed });
      return;
    }
    verification.wasRerun = answer.messages !== messages;
    for (const message of answer.messages) receive(message);
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
    if (this.#status === 'E') return false;
    const explicit = this.#transaction?.explicit ?? false;
    const error = await this.#participant.commits();
    if (!error) return this.#strikeCommit();
    if (this.#link.skipping) await this.#link.hiddenExchange([], 'sync');
    await this.flush();
    if (this.#skipping) return true;
    this.#report({ error });
    if (explicit) await this.#link.hidden('ROLLBACK');
    else await this.#link.abortTransaction();
    return true;
  }

  /**
   * Lets a fault strike the commit that is to come, if there is one.
   *
   * @returns whether it is not to be done
   */
  async #strikeCommit(): Promise<boolean> {
    const transaction = this.#transaction;
    if (!this.#faults.watchesCommits || !transaction) return false;
    const { explicit } = transaction;
    await this.flush();
    // It was not to be committed after all, or BEGIN was executed, or an error.
    if (this.#transaction !== transaction || transaction.explicit !== explicit) return false;
    if (this.#skipping || this.#overflowing || this.#status === 'E') return false;
    const effect = this.#faults.atCommit(transaction);
    if (!effect) return false;
    if (effect.committed) {
      this.#commitEffect = effect;
      return false;
    }
    if (effect.effect === 'cut') this.#cut();
    this.#held = undefined;
    this.#skipping = true;
    this.#answers.send(refusalResponse(effect.effect));
    if (transaction.explicit) await this.#link.hidden('ROLLBACK');
    else await this.#link.abortTransaction();
    return true;
  }

  #cut(): never {
    this.#cutClient();
    throw new Error('the connection was cut on demand');
  }

  /** A transaction was committed: answers what a fault would have it be answered with. */
  #afterCommit(): void {
    const effect = this.#commitEffect?.effect;
    this.#commitEffect = undefined;
    if (effect === undefined) return;
    if (effect === 'cut') this.#cutClient();
    else this.#answers.send(refusalResponse(effect));
    this.#held = undefined;
  }

  /** Ends the unit: runs what is queued and says that the next unit may come. */
  async sync(): Promise<void> {
    if (!this.#skipping && this.#transaction?.explicit === false) await this.#prepareCommit();
    await this.#runBatch('sync');
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
    if (status === 'I') this.#endTransaction(status);
    else this.#transaction ??= new Transaction(this.#clock(), true);
    this.#status = status;
    if (status === 'I' && this.#jobs.length > 0) this.#onJobs(this.#jobs.splice(0));
    this.#answers.send(readyForQuery(status));
    this.#answers.flush();
  }

  #endTransaction(status: TransactionStatus): void {
    if (this.#transaction?.hasDdl) {
      this.#limits.forget();
      this.#limits.functions.forget(this.#transaction.createdFunctions.length > 0);
    }
    this.#transaction = undefined;
    this.#status = status;
    this.#book.forgetPortals();
  }
}

function inputBytesOf({ text, values }: StatementSource): number {
  return text.length + values.length;
}
