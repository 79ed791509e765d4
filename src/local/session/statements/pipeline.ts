import type { LoggedStatement } from '../../concurrency/logged-statement';
import type { Participant } from '../../concurrency/participant';
import type { Message } from '../../wire/message-buffer';
import type { BackendLink, Outcome, Step } from '../backend-link';
import type { ClientInput } from '../client-input';
import { copyIn } from './copy-in';
import type { CurrentTransaction } from './transaction';
import { Verification } from './verification';

/** What a pipeline works with; all of it belongs to one session. */
export interface PipelineParts {
  readonly link: BackendLink;
  readonly input: ClientInput;
  readonly participant: Participant;
  readonly current: CurrentTransaction;
  /** Answers an error. */
  readonly report: (outcome: Outcome) => void;
}

/**
 * What one session sends to PostgreSQL: messages are gathered while nothing has to be known of one before the next is sent.
 * The answer to a statement that writes is kept back until it is verified.
 */
export class Pipeline {
  readonly #link: BackendLink;
  readonly #input: ClientInput;
  readonly #participant: Participant;
  readonly #current: CurrentTransaction;
  readonly #report: (outcome: Outcome) => void;
  #steps: Step[] = [];
  /** The statement that is being executed, if it writes. */
  #verification: Verification | undefined;

  constructor({ link, input, participant, current, report }: PipelineParts) {
    this.#link = link;
    this.#input = input;
    this.#participant = participant;
    this.#current = current;
    this.#report = report;
  }

  /** The answer to the statement that is being executed, if it is kept back. */
  get verification(): Verification | undefined {
    return this.#verification;
  }

  /** Queues messages. */
  queue(...steps: readonly Step[]): void {
    this.#steps.push(...steps);
  }

  /**
   * Who gets the answer to a statement that is about to be executed.
   *
   * @param isResumed - whether more rows are asked for of one that was executed before
   * @param pass - passes a message of the answer on
   */
  async receiver(
    logged: LoggedStatement,
    isResumed: boolean,
    pass: (message: Message) => void,
  ): Promise<(message: Message) => void> {
    const { statement } = logged;
    const { kind, targets } = statement;
    if (this.#current.hasFailed || kind === 'begin' || kind === 'commit' || kind === 'rollback') return pass;
    if (!isResumed && (kind === 'write' || kind === 'ddl' || (kind === 'copy' && targets.length > 0))) {
      await this.#participant.foresee(statement);
      const verification = new Verification(logged, pass);
      this.#verification = verification;
      return (message) => {
        verification.receive(message);
      };
    }
    return (message) => {
      pass(message);
      if (message.type !== 'C') return;
      if (isResumed) this.#participant.resumed(logged);
      else this.#participant.executed(logged);
    };
  }

  /** Runs what is queued, up to the last answer. */
  async run(ending: 'sync' | 'flush'): Promise<void> {
    const steps = this.#steps;
    this.#steps = [];
    const outcome = await this.#link.exchange(steps, ending);
    const verification = this.#verification;
    // The answer to a COPY is yet to come.
    if (!outcome.error && verification?.isUnanswered === true) return;
    this.#verification = undefined;
    await this.#conclude(outcome, verification);
  }

  /**
   * Passes the data of a COPY on, which PostgreSQL has asked for.
   *
   * @param receive - gets what PostgreSQL answers at the end
   */
  async copyIn(receive: (message: Message) => void): Promise<void> {
    const verification = this.#verification;
    this.#verification = undefined;
    const data: Buffer[] = [];
    const outcome = await copyIn(this.#input, this.#link, receive, (bytes) => data.push(bytes));
    verification?.copied(Buffer.concat(data));
    await this.#conclude(outcome, verification);
  }

  /** Answers a statement that writes, or lets an error be known. */
  async #conclude(outcome: Outcome, verification: Verification | undefined): Promise<void> {
    const { failed } = outcome;
    if (verification) {
      const error = await verification.conclude(this.#participant, outcome);
      if (error) this.#report({ error, failed });
    } else if (outcome.error) {
      this.#report({ error: await this.#participant.explain(outcome.error), failed });
    }
  }
}
