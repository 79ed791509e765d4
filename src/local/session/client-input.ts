import type { Message } from '../wire/message-buffer';
import type { StreamReader } from '../wire/stream-reader';

/** Everything a client sent up to a point where it waits for answers. */
export interface Unit {
  /**
   * `query`: one simple Query. `sync`, `flush`: messages of the extended protocol up to one of these. `part`: as
   * `flush`, but only to bound what is held at once; the client did not ask for answers yet.
   */
  readonly ending: 'query' | 'sync' | 'flush' | 'part';
  /** Without the terminator itself, except for a Query. */
  readonly messages: readonly Message[];
}

const MAX_UNIT_BYTES = 16 * 1024 * 1024;

/** The messages of one client, in units. Nothing is read ahead of what is asked for. */
export class ClientInput {
  readonly #reader: StreamReader;
  #next: Promise<Message | undefined> | undefined;

  constructor(reader: StreamReader) {
    this.#reader = reader;
  }

  /** The next message without taking it: safe to race against something else. */
  peek(): Promise<Message | undefined> {
    this.#next ??= this.#reader.message();
    return this.#next;
  }

  /** Whether the client has sent more already than was taken. */
  get hasMore(): boolean {
    return this.#reader.hasMore;
  }

  /** Takes the next message if it is here already. */
  buffered(): Message | undefined {
    return this.#next ? undefined : this.#reader.buffered();
  }

  /**
   * Takes the next message.
   *
   * @returns `undefined` when the client is gone
   */
  message(): Promise<Message | undefined> {
    const next = this.peek();
    this.#next = undefined;
    return next;
  }

  /**
   * Collects the next unit.
   *
   * @returns `undefined` when the client said goodbye or is gone
   */
  async unit(): Promise<Unit | undefined> {
    const messages: Message[] = [];
    let bytes = 0;
    for (;;) {
      const message = await this.message();
      if (!message || message.type === 'X') return undefined;
      switch (message.type) {
        case 'Q':
          // Messages before it that no Sync followed are answered first, by themselves.
          return { ending: 'query', messages: [...messages, message] };
        case 'S':
          return { ending: 'sync', messages };
        case 'H':
          return { ending: 'flush', messages };
        case 'd':
        case 'c':
        case 'f':
          continue; // what is left of a COPY that failed
        default:
          messages.push(message);
          bytes += message.bytes.length;
          if (bytes > MAX_UNIT_BYTES) return { ending: 'part', messages };
      }
    }
  }
}
