import type { Socket } from 'node:net';
import {
  bind,
  cancelRequest,
  close,
  execute,
  flush,
  parse,
  startup,
  sync,
  terminate,
  textValues,
} from '../wire/client-messages';
import { MessageBuffer } from '../wire/message-buffer';
import type { Message } from '../wire/message-buffer';
import { readCstring, readDataRow, readFields } from '../wire/server-messages';
import type { TransactionStatus } from '../wire/server-messages';

/** The function of PostgreSQL that logs, after `deadlock_timeout`, that it waits for a lock. */
const LOCK_WAIT_ROUTINE = 'ProcSleep';

/** One message to PostgreSQL and what becomes of its answer. */
export interface Step {
  readonly bytes: Buffer;
  /** The message types that complete the answer. */
  readonly ends: string;
  /** Gets every message of the answer in order; errors and notices do not come here. */
  readonly receive?: (message: Message) => void;
  /** Where in the client's query a position is that PostgreSQL reports about its own text; both count from 1. */
  readonly clientPosition?: ((position: number) => number) | undefined;
}

/** How an exchange with PostgreSQL ended. */
export interface Outcome {
  /** The fields of the error that stopped it. */
  readonly error?: ReadonlyMap<string, string>;
  /** The step that failed; absent when the error came after the last one, from the end of an implicit transaction. */
  readonly failed?: Step | undefined;
}

/** The fields of an error by their one-letter codes, thrown where the caller did not expect one. */
export class BackendError extends Error {
  override readonly name = 'BackendError';

  constructor(readonly fields: ReadonlyMap<string, string>) {
    super(fields.get('M') ?? 'PostgreSQL reported an error without a message');
  }

  get sqlstate(): string {
    return this.fields.get('C') ?? 'XX000';
  }
}

/** PostgreSQL closed the connection. */
export class BackendGoneError extends Error {
  override readonly name = 'BackendGoneError';

  constructor(options?: ErrorOptions) {
    super('PostgreSQL closed the connection', options);
  }
}

/** What a session wants to hear of besides answers. */
export interface LinkListener {
  /** A NoticeResponse that belongs to a statement of the client. */
  notice(message: Message): void;
  /** What runs, of the client's or ours, has to wait for a lock, or does not any more. */
  waiting(): void;
  /** A piece of an answer was handed over; the rest may take a while. */
  idle(): void;
  /** The connection is gone, without anybody waiting for an answer. */
  gone(fields: ReadonlyMap<string, string> | undefined): void;
}

interface Exchange {
  readonly steps: readonly Step[];
  readonly ending: 'sync' | 'flush';
  readonly hidden: boolean;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: BackendError | BackendGoneError) => void;
  at: number;
  error?: ReadonlyMap<string, string>;
}

/**
 * One client's own connection to PostgreSQL: one exchange at a time, those of the client and hidden ones of ours. A
 * hidden exchange uses named statements and portals only and so never destroys the client's unnamed ones, which a
 * simple Query would.
 */
export class BackendLink {
  readonly #connect: () => Socket;
  readonly #socket: Socket;
  readonly #buffer = new MessageBuffer();
  #exchange: Exchange | undefined;
  #skipping = false;
  #status: TransactionStatus = 'I';
  #turn: Promise<unknown> = Promise.resolve();
  #turns = 0;
  #closed = false;
  #fatalError: ReadonlyMap<string, string> | undefined;
  listener: LinkListener | undefined;
  #awaitsClient = false;
  #paused = false;
  /** The settings that PostgreSQL reports, as they are now. */
  readonly parameters = new Map<string, string>();
  #processId = 0;
  #secretKey = 0;

  private constructor(connect: () => Socket) {
    this.#connect = connect;
    const socket = connect();
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      this.#receive(chunk);
    });
    // 'close' follows.
    socket.on('error', () => undefined);
    socket.once('close', () => {
      this.#onClose();
    });
  }

  /**
   * Starts a session of PostgreSQL over a new connection to it.
   *
   * @param connect - opens a connection
   * @param parameters - of the start-up message: `user`, `database` and settings
   * @throws {@link BackendError} when PostgreSQL refuses, {@link BackendGoneError} when it is not there
   */
  static async open(connect: () => Socket, parameters: ReadonlyMap<string, string>): Promise<BackendLink> {
    const link = new BackendLink(connect);
    await link.#run({
      hidden: true,
      ending: 'sync',
      steps: [
        {
          bytes: startup(parameters),
          ends: 'K',
          receive: ({ type, body }) => {
            if (type !== 'K') return;
            link.#processId = body.readInt32BE(0);
            link.#secretKey = body.readInt32BE(4);
          },
        },
      ],
    });
    return link;
  }

  /** PostgreSQL's process, as `pg_stat_activity` names it. */
  get processId(): number {
    return this.#processId;
  }

  /** What PostgreSQL said when it was last ready for the next exchange. */
  get status(): TransactionStatus {
    return this.#status;
  }

  /** Whether an error was answered and everything up to the next Sync is skipped. */
  get skipping(): boolean {
    return this.#skipping;
  }

  /**
   * Runs `work` while nobody else has a turn, so that a client's unit and hidden work of others never interleave.
   */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    this.#turns++;
    const turn = this.#turn.then(work).finally(() => {
      this.#turns--;
    });
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** The holder of the turn waits for the client, not for PostgreSQL: to send more, or to read what it was sent. */
  get awaitsClient(): boolean {
    return this.#awaitsClient || this.#paused;
  }

  set awaitsClient(awaits: boolean) {
    this.#awaitsClient = awaits;
  }

  /** Whether somebody has a turn. */
  get isBusy(): boolean {
    return this.#turns > 0;
  }

  /**
   * Sends the client's messages and hands over what comes back, up to the end of the last answer (`flush`) or until
   * PostgreSQL is ready again (`sync`, which also ends an implicit transaction).
   */
  exchange(steps: readonly Step[], ending: 'sync' | 'flush'): Promise<Outcome> {
    return this.#run({ steps, ending, hidden: false });
  }

  /** As {@link BackendLink.exchange}, for messages of ours: notices are dropped. */
  hiddenExchange(steps: readonly Step[], ending: 'sync' | 'flush'): Promise<Outcome> {
    return this.#run({ steps, ending, hidden: true });
  }

  /**
   * Runs one statement of ours in the current transaction (an implicit one stays open until the next Sync).
   *
   * @returns the rows, every value as text
   * @throws {@link BackendError} when it fails, which fails the transaction too
   */
  async hidden(sql: string, parameters: readonly (string | null)[] = []): Promise<(string | null)[][]> {
    const rows: (string | null)[][] = [];
    const name = 'dsql$hidden';
    const { error } = await this.hiddenExchange(
      [
        // A failed attempt may have left the names behind; closing what does not exist is no error.
        { bytes: close('S', name), ends: '3' },
        { bytes: parse(name, Buffer.from(sql)), ends: '1' },
        { bytes: close('P', name), ends: '3' },
        { bytes: bind(name, name, textValues(parameters)), ends: '2' },
        {
          bytes: execute(name),
          ends: 'CI',
          receive: ({ type, body }) => {
            if (type === 'D') rows.push(readDataRow(body));
          },
        },
        { bytes: close('P', name), ends: '3' },
        { bytes: close('S', name), ends: '3' },
      ],
      'flush',
    );
    if (error) throw new BackendError(error);
    return rows;
  }

  /**
   * Makes PostgreSQL abort the current transaction, explicit or implicit, as an error of its own would: it then answers
   * 25P02 and turns COMMIT into ROLLBACK by itself.
   */
  async abortTransaction(): Promise<void> {
    if (this.#skipping) return;
    await this.hiddenExchange([{ bytes: execute('dsql$no such portal'), ends: 'C' }], 'flush');
  }

  /** Sends bytes outside of any exchange: the data of a COPY. Resolves when more may be sent. */
  async send(bytes: Buffer): Promise<void> {
    if (this.#closed || this.#socket.write(bytes)) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        this.#socket.off('drain', done).off('close', done);
        resolve();
      };
      this.#socket.on('drain', done).on('close', done);
    });
  }

  /**
   * Asks PostgreSQL to cancel what runs; whatever waits for it gets an error, unless it was faster.
   *
   * @returns when PostgreSQL has taken notice: what is sent from then on is not affected
   */
  cancel(): Promise<void> {
    return new Promise((resolve) => {
      const socket = this.#connect();
      socket.on('error', () => undefined); // it is gone, and with it what was to be cancelled
      socket.once('close', () => {
        resolve();
      });
      socket.resume().end(cancelRequest(this.#processId, this.#secretKey));
    });
  }

  /** Stops reading answers while the client does not take them. */
  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#socket.resume();
  }

  close(): void {
    if (this.#closed) return;
    this.#socket.end(terminate);
    this.#socket.destroySoon();
  }

  #run(request: Pick<Exchange, 'steps' | 'ending' | 'hidden'>): Promise<Outcome> {
    if (this.#exchange) throw new Error('a second exchange began before the first one ended');
    if (this.#closed) return Promise.reject(new BackendGoneError());
    const { steps, ending, hidden } = request;
    // PostgreSQL ignores everything up to a Sync then; the answer would never come.
    if (this.#skipping && steps.length > 0)
      throw new Error('a message was sent after an error and before Sync');
    if (steps.length === 0 && ending === 'flush') return Promise.resolve({});
    return new Promise((resolve, reject) => {
      this.#exchange = { steps, ending, hidden, resolve, reject, at: 0 };
      const starting = this.#processId === 0;
      const terminator = ending === 'flush' ? [flush] : starting ? [] : [sync];
      this.#socket.write(Buffer.concat([...steps.map(({ bytes }) => bytes), ...terminator]));
    });
  }

  #receive(chunk: Buffer): void {
    this.#buffer.append(chunk);
    for (let message = this.#buffer.next(); message; message = this.#buffer.next()) this.#dispatch(message);
    // What waits for an exchange that has ended sends the rest of the answer along, in one write.
    if (this.#exchange) this.listener?.idle();
  }

  #dispatch(message: Message): void {
    const exchange = this.#exchange;
    switch (message.type) {
      case 'N':
        this.#notice(message, exchange);
        return;
      case 'S': {
        const name = readCstring(message.body);
        this.parameters.set(name.text, readCstring(message.body, name.end).text);
        return;
      }
      case 'A':
        return; // a notification: DSQL has no LISTEN
      case 'E': {
        const fields = readFields(message.body);
        if (fields.get('V') !== 'ERROR') {
          this.#fatalError = fields; // PostgreSQL closes the connection next
          return;
        }
        this.#skipping = true;
        if (!exchange) return;
        exchange.error ??= fields;
        if (exchange.ending === 'flush') this.#finish(exchange);
        return;
      }
      case 'Z':
        this.#status = String.fromCharCode(message.body[0] ?? 0) as TransactionStatus;
        this.#skipping = false;
        if (exchange) this.#finish(exchange);
        return;
      default: {
        const step = exchange?.steps[exchange.at];
        if (!exchange || !step) return;
        step.receive?.(message);
        if (!step.ends.includes(message.type)) return;
        exchange.at++;
        if (exchange.ending === 'flush' && exchange.at === exchange.steps.length) this.#finish(exchange);
      }
    }
  }

  #notice(message: Message, exchange: Exchange | undefined): void {
    const fields = readFields(message.body);
    // For us alone: `log_lock_waits` is on and `client_min_messages` is `log` to hear it.
    if (fields.get('V') === 'LOG') {
      if (fields.get('R') === LOCK_WAIT_ROUTINE) this.listener?.waiting();
    } else if (exchange && !exchange.hidden) this.listener?.notice(message);
  }

  #finish(exchange: Exchange): void {
    this.#exchange = undefined;
    const { error, steps, at } = exchange;
    exchange.resolve(error ? { error, failed: steps[at] } : {});
  }

  #onClose(): void {
    this.#closed = true;
    const exchange = this.#exchange;
    this.#exchange = undefined;
    exchange?.reject(this.#fatalError ? new BackendError(this.#fatalError) : new BackendGoneError());
    this.listener?.gone(this.#fatalError);
  }
}
