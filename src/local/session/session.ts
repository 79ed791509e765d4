import { randomInt } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { parseQuery, positionInQuery } from '../../sql';
import type { QuerySyntaxError, Refusal, Statement } from '../../sql';
import { isOver } from '../limits/connection-limits';
import type { FaultInjector } from '../faults/fault-injector';
import type { Concurrency } from '../concurrency/concurrency';
import { Participant } from '../concurrency/participant';
import type { Limits } from '../limits/limits';
import { clearTimeout, setTimeout, sleep } from '../real-time';
import type { ConnectionTrace } from '../trace';
import {
  bind,
  describe,
  execute,
  parse,
  readBind,
  readExecute,
  readParse,
  readTarget,
  readText,
  textValues,
} from '../wire/client-messages';
import { MessageTooLargeError, ProtocolViolationError } from '../wire/message-buffer';
import type { Message } from '../wire/message-buffer';
import {
  authenticationOk,
  backendKeyData,
  emptyQueryResponse,
  errorResponse,
  fieldsMessage,
  count,
  parameterStatus,
  rowDescription,
} from '../wire/server-messages';
import type { StreamReader } from '../wire/stream-reader';
import { Answers } from './answers';
import type { BackendLink } from './backend-link';
import { SessionEndedError, TRANSACTION_ABORTED } from './client-error';
import { ClientInput } from './client-input';
import type { Unit } from './client-input';
import { readQueryText } from './query-text';
import { keptSetting, SERVER_VERSION } from './reported-settings';
import { textForBackend } from './own-statements';
import { genericPlanText, strayParameter } from './parameters';
import { isRefusal, StatementBook } from './statement-book';
import { StatementRunner } from './statement-runner';

/** What a session works with. */
export interface SessionParts {
  readonly stream: TLSSocket;
  readonly reader: StreamReader;
  readonly link: BackendLink;
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
const SYNTAX_ERROR = '42601';

/** The parameters of a simple Query, which has none, in a Parse and in a Bind. */
const NO_PARAMETERS = count(0);
const NO_VALUES = textValues([]);

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
  readonly #answers: Answers;
  readonly #clock: () => Date;
  readonly #openedAt: Date;
  readonly #faults: FaultInjector;
  readonly #trace: ConnectionTrace;
  readonly #book = new StatementBook();
  readonly #participant: Participant;
  readonly #secretKey = randomInt(1, 2 ** 31);
  readonly #runner: StatementRunner;
  #hasServed = false;
  #busy = false;
  #closed = false;

  constructor(parts: SessionParts) {
    const { stream, reader, link, clock, concurrency, faults, limits, trace, onJobs } = parts;
    this.#stream = stream;
    this.#reader = reader;
    this.#input = new ClientInput(reader);
    this.#link = link;
    this.#clock = clock;
    this.#openedAt = clock();
    this.#faults = faults;
    this.#trace = trace;
    this.#answers = new Answers(stream, link, (sqlstate) => {
      trace.failed(sqlstate);
    });
    this.#participant = new Participant(concurrency, {
      link,
      hasOpenPortal: () => this.#book.hasOpenPortal,
      onPortalsGone: () => {
        this.#book.forgetPortals();
      },
    });
    this.#runner = new StatementRunner({
      link,
      participant: this.#participant,
      input: this.#input,
      answers: this.#answers,
      book: this.#book,
      clock,
      faults,
      limits,
      trace,
      cut: () => {
        this.#cut();
      },
      onJobs,
    });
    stream.once('close', () => {
      this.close();
    });
    link.listener = {
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
    const delayMs = this.#faults.atRoundTrip();
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
        await this.#prepare(message);
        return undefined;
      case 'B':
        await this.#bind(message);
        return undefined;
      case 'D':
        await this.#describe(message);
        return undefined;
      case 'E':
        return this.#executePortal(message, last);
      case 'C': {
        const { target, name } = readTarget(message.body);
        this.#book.close(target, name);
        this.#runner.relay(message.bytes, '3', { confirms: true });
        return undefined;
      }
      case 'Q':
        await this.#query(readText(message.body));
        return undefined;
      default:
        throw new ProtocolViolationError(`invalid frontend message type ${message.bytes[0] ?? 0}`);
    }
  }

  // ----- the extended protocol

  async #prepare({ body }: Message): Promise<void> {
    const request = readParse(body);
    const { text, encode } = readQueryText(request.text, this.#link.parameters.get('client_encoding'));
    const { statements, error, text: adapted } = parseQuery(text);
    if (error && (error.ownWords || error.sqlstate !== SYNTAX_ERROR)) {
      await this.#runner.refuse(unreadable(error), error.position);
      return;
    }
    const [statement] = statements;
    await this.#runner.attend(statement);
    if (statement?.refusal && (this.#runner.failed || (await this.#runner.isRefused(statement)))) {
      await this.#runner.refuse(this.#runner.failed ? TRANSACTION_ABORTED : statement.refusal);
      return;
    }
    // Several statements, or none that can be read, are PostgreSQL's to refuse.
    const single = statements.length === 1 ? statement : undefined;
    if (await this.#isStale(single)) return;
    const prepared = {
      text: encode(single ? textForBackend(single) : adapted),
      parameterTypes: request.parameterTypes,
      statement: single,
    };
    this.#book.prepare(request.name, prepared);
    this.#runner.relay(parse(request.name, prepared.text, prepared.parameterTypes), '1', {
      confirms: true,
      clientPosition: single && ((position) => positionInQuery(text, single, position)),
    });
  }

  /** Refuses what is against a table of which the session has read the catalogue too long ago. */
  async #isStale(statement: Statement | undefined): Promise<boolean> {
    const stale = await this.#runner.staleness(statement);
    if (!stale || !statement) return false;
    this.#trace.statement(statement);
    await this.#runner.refuse(stale);
    return true;
  }

  async #bind({ bytes, body }: Message): Promise<void> {
    const request = readBind(body);
    const prepared = this.#book.statement(request.statement);
    if (isRefusal(prepared)) {
      await this.#runner.refuse(prepared);
      return;
    }
    await this.#runner.attend(prepared.statement);
    if (await this.#isStale(prepared.statement)) return;
    const { values, binaryResult } = request;
    this.#book.bind(request.portal, { prepared, values, binaryResult, progress: 'bound' });
    this.#runner.relay(bytes, '2', { confirms: true });
  }

  async #describe({ bytes, body }: Message): Promise<void> {
    const { target, name } = readTarget(body);
    const found = target === 'S' ? this.#book.statement(name) : this.#book.portal(name);
    if (isRefusal(found)) {
      await this.#runner.refuse(found);
      return;
    }
    const prepared = 'prepared' in found ? found.prepared : found;
    await this.#runner.attend(prepared.statement);
    if (await this.#isStale(prepared.statement)) return;
    const binary = 'prepared' in found && found.binaryResult;
    this.#runner.queue({
      bytes,
      ends: 'Tn',
      receive: (message) => {
        this.#answers.send(describedAs(message, prepared.statement, binary));
      },
    });
  }

  async #executePortal({ bytes, body }: Message, last: boolean): Promise<'copied' | undefined> {
    const { portal: name, maxRows } = readExecute(body);
    const portal = this.#book.portal(name);
    if (isRefusal(portal)) {
      await this.#runner.refuse(portal);
      return undefined;
    }
    const { statement: parsed, text, parameterTypes } = portal.prepared;
    if (!parsed) {
      this.#runner.relay(bytes, 'I');
      return undefined;
    }
    const statement = await this.#runner.resolve(parsed);
    const source = { text, parameterTypes, values: portal.values, maxRows };
    return this.#runner.execute({ statement, bytes, source, portal, simple: false, last });
  }

  // ----- the simple protocol

  async #query(bytes: Buffer): Promise<void> {
    this.#book.forgetUnnamed();
    const { text, encode } = readQueryText(bytes, this.#link.parameters.get('client_encoding'));
    const { statements, error, text: adapted } = parseQuery(text);
    if (error && !error.ownWords) {
      // PostgreSQL reports it in its own words.
      this.#runner.queue({ bytes: parse('', encode(adapted)), ends: '1' });
      await this.#runner.flush();
    }
    if (error && !this.#runner.skipping) {
      await this.#runner.refuse(unreadable(error), error.position);
    } else if (!error && statements.length === 0) {
      this.#answers.send(emptyQueryResponse);
    }
    for (const [index, parsed] of statements.entries()) {
      if (this.#runner.skipping) break;
      const statement = await this.#runner.resolve(parsed);
      const last = index === statements.length - 1;
      const clientPosition = (position: number) => positionInQuery(text, statement, position);
      const refusal = await this.#runner.refusalOf(statement);
      if (refusal) {
        await this.#runner.refuse(refusal, undefined, statement);
        break;
      }
      const stray = strayParameter(statement);
      const generic = stray && genericPlanText(statement);
      if (stray && !generic) {
        this.#runner.queue({
          bytes: parse('', encode(stray.text)),
          ends: '1',
          clientPosition: (position) => clientPosition(stray.positionInStatement(position)),
        });
        await this.#runner.flush();
        await this.#runner.refuse(stray.refusal, clientPosition(stray.position));
        break;
      }
      const source = {
        text: encode(generic ?? textForBackend(statement)),
        parameterTypes: NO_PARAMETERS,
        values: NO_VALUES,
        maxRows: 0,
      };
      this.#runner.queue(
        { bytes: parse('', source.text), ends: '1', clientPosition },
        { bytes: bind('', ''), ends: '2', clientPosition },
        {
          bytes: describe('P', ''),
          ends: 'Tn',
          receive: (message) => {
            const described = describedAs(message, statement, false);
            if (described[0] === 'T'.charCodeAt(0)) this.#answers.send(described);
          },
        },
      );
      await this.#runner.execute(
        { statement, bytes: execute(''), source, simple: true, last, ...(generic && { tag: 'EXPLAIN' }) },
        { admitted: true },
      );
    }
    await this.#runner.sync();
  }
}

/** What a client is told of the error that ends its session. */
function fatalFields(error: unknown): { readonly sqlstate: string; readonly message: string } {
  if (error instanceof SessionEndedError) return error.refusal;
  const sqlstate = error instanceof ProtocolViolationError ? '08P01' : 'XX000';
  return { sqlstate, message: error instanceof Error ? error.message : String(error) };
}

/** The answer to a text that cannot be read, where PostgreSQL has none. */
function unreadable({ sqlstate, message }: QuerySyntaxError): Refusal {
  return { rule: 'syntax', sqlstate, message };
}

/**
 * An asynchronous statement returns a row where PostgreSQL, which builds at once, returns none; and a setting that
 * PostgreSQL keeps for us under another name is shown under its own.
 */
function describedAs(message: Message, statement: Statement | undefined, binary: boolean): Buffer {
  const format = binary ? 1 : 0;
  if (message.type === 'n' && statement?.async) return rowDescription([{ name: 'job_id', format }]);
  const shown = message.type === 'T' && statement ? keptSetting(statement) : undefined;
  return shown === undefined ? message.bytes : rowDescription([{ name: shown, format }]);
}
