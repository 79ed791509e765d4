import type { LoggedStatement } from '../../concurrency/logged-statement';
import type { Participant } from '../../concurrency/participant';
import type { Message } from '../../wire/message-buffer';
import type { Outcome } from '../backend-link';

/** The answer to a statement that writes, which is kept back until it is known to be true. */
export class Verification {
  #logged: LoggedStatement;
  readonly #messages: Message[] = [];
  readonly #pass: (message: Message) => void;
  #wasRerun = false;

  /** @param pass - passes a message of the answer on */
  constructor(logged: LoggedStatement, pass: (message: Message) => void) {
    this.#logged = logged;
    this.#pass = pass;
  }

  /** Whether nothing was answered yet. */
  get isUnanswered(): boolean {
    return this.#messages.length === 0;
  }

  /** Whether the answer is not that of the first execution. */
  get wasRerun(): boolean {
    return this.#wasRerun;
  }

  /** Takes a message of the answer; the client has to know at once that the data of a COPY is asked for. */
  receive(message: Message): void {
    if (message.type === 'G') this.#pass(message);
    else this.#messages.push(message);
  }

  /** The statement was a COPY, with this data. */
  copied(copyData: Buffer): void {
    this.#logged = { ...this.#logged, copyData };
  }

  /**
   * Passes the answer on when it is verified.
   *
   * @returns the error that is to be answered instead, if one is
   */
  async conclude(participant: Participant, outcome: Outcome): Promise<Outcome['error']> {
    const answer = await participant.verify({ ...this.#logged, answer: this.#messages }, outcome);
    if (answer.error) return answer.error;
    this.#wasRerun = answer.messages !== this.#messages;
    for (const message of answer.messages) this.#pass(message);
    return undefined;
  }
}
