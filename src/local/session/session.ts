import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { parseQuery, positionInQuery } from '../../sql';
import type { Refusal, Statement } from '../../sql';
import type { CommitEffect, FaultInjector } from '../faults';
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
} from '../wire/client-messages';
import { ProtocolViolationError } from '../wire/message-buffer';
import type { Message } from '../wire/message-buffer';
import {
  authenticationOk,
  backendKeyData,
  commandComplete,
  dataRow,
  emptyQueryResponse,
  errorResponse,
  fieldsMessage,
  parameterStatus,
  readCstring,
  readyForQuery,
  rowDescription,
} from '../wire/server-messages';
import type { TransactionStatus } from '../wire/server-messages';
import type { StreamReader } from '../wire/stream-reader';
import { Answers } from './answers';
import { BackendError } from './backend-link';
import type { BackendLink, Outcome, Step } from './backend-link';
import { refusalResponse, TRANSACTION_ABORTED, translateError } from './client-error';
import { ClientInput } from './client-input';
import type { Unit } from './client-input';
import { copyIn } from './copy-in';
import { readQueryText } from './query-text';
import { reportedSetting, SERVER_VERSION } from './reported-settings';
import { ownStatement, textForBackend } from './own-statements';
import type { OwnStatement } from './own-statements';
import { isRefusal, StatementBook } from './statement-book';
import { isDml, Transaction } from './transaction';

/** What a session works with. */
export interface SessionParts {
  readonly stream: TLSSocket;
  readonly reader: StreamReader;
  readonly link: BackendLink;
  readonly clock: () => Date;
  readonly faults: FaultInjector;
  readonly trace: ConnectionTrace;
  /** Hears of the asynchronous jobs of a transaction when it has ended. */
  readonly onJobs: (jobIds: readonly string[]) => void;
}

/** One Execute on its way. */
interface Execution {
  readonly statement: Statement;
  readonly bytes: Buffer;
  /** It came in a simple Query, which describes its result itself and is answered when it is committed. */
  readonly simple: boolean;
  /** Nothing but Sync follows in its unit. */
  readonly last: boolean;
}

/**
 * One client. What it sends is taken in units (a Query, or messages of the extended protocol up to Sync or Flush),
 * strictly one at a time, and a simple Query is run as the extended messages that amount to it. So every statement goes
 * through {@link Session.execute} alone, with nothing of the client's in flight behind it, and whatever has to be done
 * around it in PostgreSQL can be.
 */
export class Session {
  readonly #stream: TLSSocket;
  readonly #input: ClientInput;
  readonly #link: BackendLink;
  readonly #answers: Answers;
  readonly #clock: () => Date;
  readonly #faults: FaultInjector;
  readonly #trace: ConnectionTrace;
  readonly #onJobs: (jobIds: readonly string[]) => void;
  readonly #book = new StatementBook();
  readonly #secretKey = randomInt(1, 2 ** 31);

  /** Messages for PostgreSQL that nothing had to be known of before sending the next. */
  #batch: Step[] = [];
  #transaction: Transaction | undefined;
  /** As in ReadyForQuery, but of this moment in a unit. */
  #status: TransactionStatus = 'I';
  /** An error was answered: the rest of the messages up to Sync is ignored. */
  #skipping = false;
  /** A statement was executed that its transaction had no room for: PostgreSQL has yet to be told. */
  #overflowing = false;
  /** CommandComplete of the last statement of a Query, which is true only when its transaction is committed. */
  #held: Buffer | undefined;
  /** What the COMMIT that is being executed is to be answered with. */
  #commitEffect: CommitEffect | undefined;
  /** Asynchronous jobs begun in the current transaction. */
  #jobs: string[] = [];
  #busy = false;
  #closed = false;

  constructor({ stream, reader, link, clock, faults, trace, onJobs }: SessionParts) {
    this.#stream = stream;
    this.#input = new ClientInput(reader);
    this.#link = link;
    this.#clock = clock;
    this.#faults = faults;
    this.#trace = trace;
    this.#onJobs = onJobs;
    this.#answers = new Answers(stream, link, (sqlstate) => {
      trace.failed(sqlstate);
    });
    this.#status = link.status;
    stream.once('close', () => {
      this.close();
    });
    link.listener = {
      notice: ({ bytes }) => {
        this.#answers.send(bytes);
      },
      parameterStatus: ({ bytes }) => {
        this.#answers.send(bytes);
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
    if (this.#busy) this.#link.cancel();
  }

  /** Serves the client until it leaves, breaks the protocol or loses PostgreSQL. */
  async run(): Promise<void> {
    try {
      this.#greet();
      for (let unit = await this.#input.unit(); unit; unit = await this.#input.unit()) {
        const current = unit;
        await this.#beginRoundTrip();
        await this.#link.exclusive(() => this.#serve(current));
        if (!this.#input.hasMore) this.#trace.end();
      }
    } catch (error) {
      if (this.#closed) return;
      const sqlstate = error instanceof ProtocolViolationError ? '08P01' : 'XX000';
      const message = error instanceof Error ? error.message : String(error);
      this.#answers.send(errorResponse({ severity: 'FATAL', sqlstate, message }));
    } finally {
      this.close();
    }
  }

  /** Ends the session at once: what was answered is still sent, an open transaction is rolled back. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.cancel(); // PostgreSQL would finish what nobody waits for, holding its locks
    this.#link.close();
    this.#answers.flush();
    this.#stream.destroySoon();
    this.#trace.close();
  }

  /** Ends the session as a network does that is gone: nothing more is sent. */
  #cut(): never {
    this.#stream.destroy();
    this.close();
    throw new Error('the connection was cut on demand');
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
    this.#ready();
  }

  async #serve({ ending, messages }: Unit): Promise<void> {
    this.#busy = true;
    try {
      for (const [index, message] of messages.entries()) {
        if (this.#skipping) break;
        const last = ending === 'sync' && index === messages.length - 1;
        // A COPY reads on behind this unit; its terminator came too early to count.
        if ((await this.#serveMessage(message, last)) === 'copied') return;
      }
      if (ending === 'sync') await this.#sync();
      else if (ending === 'flush') await this.#runBatch('flush');
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
        this.#relayed(message.bytes, '3', { confirms: true });
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
    if (error?.ownWords) {
      await this.#refuse({ rule: 'syntax', sqlstate: '42601', message: error.message }, error.position);
      return;
    }
    const [statement] = statements;
    if (statement?.refusal) {
      await this.#refuse(this.#status === 'E' ? TRANSACTION_ABORTED : statement.refusal);
      return;
    }
    // Several statements, or none that can be read, are PostgreSQL's to refuse.
    const single = statements.length === 1 ? statement : undefined;
    const prepared = {
      text: encode(single ? textForBackend(single) : adapted),
      parameterTypes: request.parameterTypes,
      statement: single,
    };
    this.#book.prepare(request.name, prepared);
    this.#relayed(parse(request.name, prepared.text, prepared.parameterTypes), '1', {
      confirms: true,
      clientPosition: single && ((position) => positionInQuery(text, single, position)),
    });
  }

  async #bind({ bytes, body }: Message): Promise<void> {
    const request = readBind(body);
    const prepared = this.#book.statement(request.statement);
    if (isRefusal(prepared)) {
      await this.#refuse(prepared);
      return;
    }
    this.#book.bind(request.portal, { prepared, values: request.values, binaryResult: request.binaryResult });
    this.#relayed(bytes, '2', { confirms: true });
  }

  async #describe({ bytes, body }: Message): Promise<void> {
    const { target, name } = readTarget(body);
    const found = target === 'S' ? this.#book.statement(name) : this.#book.portal(name);
    if (isRefusal(found)) {
      await this.#refuse(found);
      return;
    }
    const prepared = 'prepared' in found ? found.prepared : found;
    const binary = 'prepared' in found && found.binaryResult;
    this.#batch.push({
      bytes,
      ends: 'Tn',
      receive: (message) => {
        this.#answers.send(describedAs(message, prepared.statement, binary));
      },
    });
  }

  async #executePortal({ bytes, body }: Message, last: boolean): Promise<'copied' | undefined> {
    const { portal: name } = readExecute(body);
    const portal = this.#book.portal(name);
    if (isRefusal(portal)) {
      await this.#refuse(portal);
      return undefined;
    }
    const { statement } = portal.prepared;
    if (!statement) {
      this.#relayed(bytes, 'I');
      return undefined;
    }
    return this.#execute({ statement, bytes, simple: false, last });
  }

  // ----- the simple protocol

  async #query(bytes: Buffer): Promise<void> {
    this.#book.forgetUnnamed();
    const { text, encode } = readQueryText(bytes, this.#link.parameters.get('client_encoding'));
    const { statements, error, text: adapted } = parseQuery(text);
    if (error && !error.ownWords) {
      // PostgreSQL reports it in its own words.
      this.#batch.push({ bytes: parse('', encode(adapted)), ends: '1' });
      await this.#runBatch('flush');
    }
    if (error && !this.#skipping) {
      await this.#refuse({ rule: 'syntax', sqlstate: '42601', message: error.message }, error.position);
    } else if (!error && statements.length === 0) {
      this.#answers.send(emptyQueryResponse);
    }
    for (const [index, statement] of statements.entries()) {
      if (this.#skipping) break;
      const last = index === statements.length - 1;
      const clientPosition = (position: number) => positionInQuery(text, statement, position);
      const refusal = this.#refusalOf(statement);
      if (refusal) {
        await this.#refuse(refusal, undefined, statement);
        break;
      }
      this.#batch.push(
        { bytes: parse('', encode(textForBackend(statement))), ends: '1', clientPosition },
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
      await this.#execute({ statement, bytes: execute(''), simple: true, last }, { admitted: true });
    }
    await this.#sync();
  }

  // ----- every statement

  /** What the statement must be refused with at this point. */
  #refusalOf(statement: Statement): Refusal | undefined {
    this.#trace.statement(statement);
    // A failed transaction answers everything alike; what PostgreSQL can read it answers itself.
    if (this.#status === 'E') return statement.refusal && TRANSACTION_ABORTED;
    if (statement.refusal) return statement.refusal;
    const now = this.#clock();
    this.#transaction ??= new Transaction(now, false);
    const refusal = this.#transaction.admit(statement, now);
    if (refusal) return refusal;
    const fault = this.#faults.beforeStatement(statement);
    return fault === 'cut' ? this.#cut() : fault;
  }

  /** Runs one statement; everything it needs is in the batch or in PostgreSQL already. */
  async #execute(execution: Execution, { admitted = false } = {}): Promise<'copied' | undefined> {
    const { statement, bytes, last } = execution;
    const refusal = admitted ? undefined : this.#refusalOf(statement);
    if (refusal) {
      await this.#refuse(refusal, undefined, statement);
      return undefined;
    }
    if (statement.kind === 'commit' && (await this.#strikeCommit())) return undefined;
    const own = ownStatement(statement);
    if (own?.replaces) {
      await this.#runBatch('flush');
      if (!this.#skipping) await this.#runOwn(own, execution);
      return undefined;
    }
    const seen = { copyIn: false };
    const receive = (message: Message) => {
      switch (message.type) {
        case 'C':
          // An own statement is complete when our part is done too.
          if (!own) this.#completed(execution, readCstring(message.body).text, message.bytes);
          break;
        case 'D':
          this.#answers.send(reportedSetting(statement) ?? message.bytes);
          break;
        case 'G':
          seen.copyIn = true;
          this.#answers.send(message.bytes);
          break;
        default:
          this.#answers.send(message.bytes);
      }
    };
    this.#batch.push({ bytes, ends: 'CsIG', receive });
    if (last && !this.#mustSettle(statement)) return undefined;

    await this.#runBatch('flush');
    if (seen.copyIn) this.#report(await copyIn(this.#input, this.#link, receive));
    if (this.#overflowing) await this.#overflow();
    if (own && !this.#skipping) await this.#runOwn(own, execution);
    return seen.copyIn && !execution.simple ? 'copied' : undefined;
  }

  /** Whether something remains to be done between a statement and the commit that a Sync may bring. */
  #mustSettle(statement: Statement): boolean {
    if (statement.async || statement.kind === 'copy') return true; // both take more than one exchange
    return isDml(statement) && !this.#transaction?.explicit;
  }

  #completed({ statement, last }: Execution, tag: string, bytes: Buffer): void {
    const overflow = this.#transaction?.executed(statement, tag);
    if (overflow) {
      this.#answers.send(refusalResponse(overflow));
      this.#overflowing = true;
      return;
    }
    if (statement.kind === 'begin') {
      this.#status = 'T';
      if (this.#transaction) this.#transaction.explicit = true;
    } else if (statement.kind === 'commit' || statement.kind === 'rollback') {
      this.#endTransaction('I');
    } else if (tag === 'DEALLOCATE ALL') {
      this.#book.forgetStatements();
    }
    if (this.#commitEffect) {
      this.#skipping = true;
      this.#afterCommit();
    } else if (last && !this.#transaction?.explicit) this.#held = bytes;
    else this.#answers.send(bytes);
  }

  /** Does our part of a statement that only DSQL has, and answers it. */
  async #runOwn(own: OwnStatement, execution: Execution): Promise<void> {
    try {
      const jobId = await own.run(this.#link);
      if (jobId !== null) {
        this.#jobs.push(jobId);
        this.#answers.send(dataRow([jobId]));
      }
    } catch (error) {
      if (!(error instanceof BackendError)) throw error;
      // Its position is in a text of ours.
      this.#report({ error: new Map([...error.fields].filter(([code]) => !'PpqW'.includes(code))) });
      return;
    }
    this.#completed(execution, own.tag, commandComplete(own.tag));
  }

  async #overflow(): Promise<void> {
    this.#overflowing = false;
    this.#skipping = true;
    await this.#link.abortTransaction();
  }

  // ----- what is sent to whom

  /** Queues a message for PostgreSQL whose answer is the client's as it is. */
  #relayed(
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

  async #runBatch(ending: 'sync' | 'flush'): Promise<void> {
    const steps = this.#batch;
    this.#batch = [];
    this.#report(await this.#link.exchange(steps, ending));
  }

  #report({ error, failed }: Outcome): void {
    if (!error) return;
    this.#held = undefined;
    this.#book.revert();
    this.#skipping = true;
    this.#answers.send(translateError(error, failed?.clientPosition));
  }

  /** Answers an error of ours, after the answers to what came before, and fails the transaction in PostgreSQL too. */
  async #refuse(refusal: Refusal, position?: number, statement?: Statement): Promise<void> {
    await this.#runBatch('flush');
    if (this.#skipping) return; // something before it failed already
    this.#skipping = true;
    this.#book.revert();
    this.#answers.send(refusalResponse(refusal, position));
    if (statement?.kind === 'commit') await this.#link.hidden('ROLLBACK');
    else await this.#link.abortTransaction();
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
    await this.#runBatch('flush');
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

  /** A transaction was committed: answers what a fault would have it be answered with. */
  #afterCommit(): void {
    const effect = this.#commitEffect?.effect;
    this.#commitEffect = undefined;
    if (effect === undefined) return;
    if (effect === 'cut') {
      this.#stream.destroy();
      this.close();
    } else this.#answers.send(refusalResponse(effect));
    this.#held = undefined;
  }

  async #sync(): Promise<void> {
    if (!this.#skipping && this.#transaction?.explicit === false) await this.#strikeCommit();
    await this.#runBatch('sync');
    if (!this.#skipping) this.#afterCommit();
    this.#commitEffect = undefined;
    if (this.#overflowing) {
      await this.#overflow();
      await this.#link.hiddenExchange([], 'sync');
    }
    this.#skipping = false;
    if (this.#held) this.#answers.send(this.#held);
    this.#held = undefined;
    this.#ready();
  }

  #ready(): void {
    const { status } = this.#link;
    if (status === 'I') this.#endTransaction(status);
    else this.#transaction ??= new Transaction(this.#clock(), true);
    this.#status = status;
    if (status === 'I' && this.#jobs.length > 0) this.#onJobs(this.#jobs.splice(0));
    this.#answers.send(readyForQuery(status));
    this.#answers.flush();
  }

  #endTransaction(status: TransactionStatus): void {
    this.#transaction = undefined;
    this.#status = status;
    this.#book.forgetPortals();
  }
}

/** An asynchronous statement returns a row where PostgreSQL, which builds at once, returns none. */
function describedAs(message: Message, statement: Statement | undefined, binary: boolean): Buffer {
  if (message.type !== 'n' || !statement?.async) return message.bytes;
  return rowDescription([{ name: 'job_id', format: binary ? 1 : 0 }]);
}
