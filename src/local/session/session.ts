import { randomInt } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { isOver } from '../limits/connection-limits';
import type { FaultInjector } from '../faults/fault-injector';
import type { Concurrency } from '../concurrency/concurrency';
import { Participant } from '../concurrency/participant';
import type { Limits } from '../limits/limits';
import { clearTimeout, setTimeout, sleep } from '../real-time';
import type { ConnectionTrace } from '../trace';
import { readText } from '../wire/client-messages';
import { MessageTooLargeError, ProtocolViolationError } from '../wire/message-buffer';
import type { Message } from '../wire/message-buffer';
import {
  authenticationOk,
  backendKeyData,
  errorResponse,
  fieldsMessage,
  parameterStatus,
} from '../wire/server-messages';
import type { StreamReader } from '../wire/stream-reader';
import { Answers } from './answers';
import type { BackendLink } from './backend-link';
import { SessionEndedError } from './client-error';
import { ClientInput } from './client-input';
import type { Unit } from './client-input';
import { ExtendedQuery } from './protocol/extended-query';
import { SERVER_VERSION } from './reported-settings';
import { SimpleQuery } from './protocol/simple-query';
import { StatementBook } from './statement-book';
import { StatementRunner } from './statements/statement-runner';

/** What a session works with. */
export interface SessionParts {
  readonly stream: TLSSocket;
  readonly reader: StreamReader;
  readonly link: BackendLink;
  /** The Region of the endpoint that the client has reached. */
  readonly region: string;
  readonly clock: () => Date;
  readonly concurrency: Concurrency;
  readonly faults: FaultInjector;
  readonly limits: Limits;
  readonly trace: ConnectionTrace;
  /** Hears of the asynchronous jobs of a transaction when it has ended. */
  readonly onJobs: (jobIds: readonly string[]) => void;
}

/** How long a client may go on sending after its session has ended. */
const LINGER_MS = 5000;

/**
 * One client. What it sends is taken in units (a Query, or messages of the extended protocol up to Sync or Flush),
 * strictly one at a time, and a simple Query is run as the extended messages that amount to it. So every statement goes
 * through {@link StatementRunner.execute} alone, with nothing of the client's in flight behind it, and whatever has to be done
 * around it in PostgreSQL can be.
 */
export class Session {
  readonly #stream: TLSSocket;
  readonly #reader: StreamReader;
  readonly #input: ClientInput;
  readonly #link: BackendLink;
  readonly #region: string;
  readonly #answers: Answers;
  readonly #clock: () => Date;
  readonly #openedAt: Date;
  readonly #faults: FaultInjector;
  readonly #trace: ConnectionTrace;
  readonly #participant: Participant;
  readonly #secretKey = randomInt(1, 2 ** 31);
  readonly #runner: StatementRunner;
  readonly #extended: ExtendedQuery;
  readonly #simple: SimpleQuery;
  #hasServed = false;
  #busy = false;
  #closed = false;

  constructor(parts: SessionParts) {
    const { stream, reader, link, region, clock, concurrency, faults, limits, trace, onJobs } = parts;
    this.#stream = stream;
    this.#reader = reader;
    this.#input = new ClientInput(reader);
    this.#link = link;
    this.#region = region;
    this.#clock = clock;
    this.#openedAt = clock();
    this.#faults = faults;
    this.#trace = trace;
    const answers = new Answers(stream, link, (sqlstate) => {
      trace.failed(sqlstate);
    });
    const book = new StatementBook();
    const participant = new Participant(concurrency, {
      link,
      hasOpenPortal: () => book.hasOpenPortal,
      onPortalsGone: () => {
        book.forgetPortals();
      },
    });
    const cut = () => {
      this.#cut();
    };
    const input = this.#input;
    const runner = new StatementRunner({
      link,
      participant,
      input,
      answers,
      book,
      clock,
      faults,
      limits,
      trace,
      cut,
      onJobs,
    });
    const query = { link, answers, book, runner, trace };
    this.#answers = answers;
    this.#participant = participant;
    this.#runner = runner;
    this.#extended = new ExtendedQuery(query);
    this.#simple = new SimpleQuery(query);
    stream.once('close', () => {
      this.close();
    });
    this.#listen();
  }

  #listen(): void {
    this.#link.listener = {
      notice: ({ bytes }) => {
        this.#answers.send(bytes);
      },
      waiting: () => {
        this.#participant.waits();
      },
      idle: () => {
        this.#answers.flush();
      },
      gone: (fields) => {
        if (fields) this.#answers.send(fieldsMessage('E', fields));
        this.close();
      },
    };
  }

  /** The pair that a CancelRequest names this session by. */
  get cancelKey(): { readonly processId: number; readonly secretKey: number } {
    return { processId: this.#link.processId, secretKey: this.#secretKey };
  }

  /** Stops the statement that is being run, if one is. */
  cancel(): void {
    if (this.#busy) void this.#link.cancel();
  }

  /** Serves the client until it leaves, breaks the protocol or loses PostgreSQL. */
  async run(): Promise<void> {
    try {
      this.#greet();
      for (let unit = await this.#input.unit(); unit; unit = await this.#input.unit()) {
        const current = unit;
        if (this.endWhenOver()) return;
        if (!this.#hasServed) {
          const refusal = this.#faults.atFirstStatement();
          if (refusal) throw new SessionEndedError(refusal);
          this.#hasServed = true;
        }
        await this.#beginRoundTrip();
        await this.#link.exclusive(() => this.#serve(current));
        this.#participant.rests();
        if (!this.#input.hasMore) this.#trace.end();
      }
    } catch (error) {
      if (this.#closed) return;
      if (error instanceof MessageTooLargeError) {
        this.#endUnheard();
        return;
      }
      this.#answers.send(errorResponse({ severity: 'FATAL', ...fatalFields(error) }));
    } finally {
      this.close();
    }
  }

  /** Ends the session at once: what was answered is still sent, an open transaction is rolled back. */
  close(): void {
    if (this.#closed) return;
    this.#end();
    this.#stream.destroySoon();
  }

  /** Ends the session while its client is still sending: the client sees the connection end, not break. */
  #endUnheard(): void {
    this.#end();
    this.#reader.discard();
    this.#stream.end();
    const deadline = setTimeout(() => this.#stream.destroy(), LINGER_MS);
    this.#stream.once('close', () => {
      clearTimeout(deadline);
    });
  }

  #end(): void {
    this.#closed = true;
    // PostgreSQL would finish what nobody waits for, holding its locks.
    if (this.#busy) void this.#link.cancel();
    this.#link.close();
    this.#participant.leave();
    this.#answers.flush();
    this.#trace.close();
  }

  /** Ends the session if it has lasted for as long as a connection may. */
  endWhenOver(): boolean {
    const inTransaction = this.#busy || this.#link.status !== 'I';
    if (!isOver(this.#openedAt, this.#clock(), inTransaction)) return false;
    this.close();
    return true;
  }

  /** Ends the session as a network does that is gone: nothing more is sent. */
  #cut(): void {
    this.#stream.destroy();
    this.close();
  }

  /** The client waits from here on, unless it has been waiting since an earlier unit that it did not end with. */
  async #beginRoundTrip(): Promise<void> {
    if (!this.#trace.begin()) return;
    const delayMs = this.#faults.atRoundTrip(this.#region);
    if (delayMs > 0) await sleep(delayMs);
  }

  #greet(): void {
    this.#answers.send(authenticationOk());
    for (const [name, value] of this.#link.parameters) {
      this.#answers.send(parameterStatus(name, name === 'server_version' ? SERVER_VERSION : value));
    }
    const { processId, secretKey } = this.cancelKey;
    this.#answers.send(backendKeyData(processId, secretKey));
    this.#runner.ready();
  }

  async #serve({ ending, messages }: Unit): Promise<void> {
    this.#busy = true;
    try {
      for (const [index, message] of messages.entries()) {
        if (this.#runner.skipping) break;
        const last = ending === 'sync' && index === messages.length - 1;
        // A COPY reads on behind this unit; its terminator came too early to count.
        if ((await this.#serveMessage(message, last)) === 'copied') return;
      }
      if (ending === 'sync') await this.#runner.sync();
      else if (ending === 'flush') await this.#runner.flush();
    } finally {
      this.#busy = false;
      this.#answers.flush();
    }
  }

  async #serveMessage(message: Message, last: boolean): Promise<'copied' | undefined> {
    switch (message.type) {
      case 'P':
        await this.#extended.prepare(message);
        return undefined;
      case 'B':
        await this.#extended.bind(message);
        return undefined;
      case 'D':
        await this.#extended.describe(message);
        return undefined;
      case 'E':
        return this.#extended.execute(message, last);
      case 'C':
        this.#extended.close(message);
        return undefined;
      case 'Q':
        await this.#simple.serve(readText(message.body));
        return undefined;
      default:
        throw new ProtocolViolationError(`invalid frontend message type ${message.bytes[0] ?? 0}`);
    }
  }
}

/** What a client is told of the error that ends its session. */
function fatalFields(error: unknown): { readonly sqlstate: string; readonly message: string } {
  if (error instanceof SessionEndedError) return error.refusal;
  const sqlstate = error instanceof ProtocolViolationError ? '08P01' : 'XX000';
  return { sqlstate, message: error instanceof Error ? error.message : String(error) };
}
