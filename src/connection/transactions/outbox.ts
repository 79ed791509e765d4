/** The parts of node-postgres' `Connection` that a query writes to. */
export interface WireConnection {
  readonly stream: {
    readonly writable: boolean;
    cork(): void;
    uncork(): void;
    write(message: Uint8Array): unknown;
    destroy(error?: Error): void;
  };
  readonly parsedStatements: Record<string, string>;
  /** node-postgres 8.16 has none. */
  readonly submittedNamedStatements?: Record<string, string>;
  parse(statement: { text: string; name: string; types: unknown[] }): void;
  bind(portal: { portal: string; statement: string; values: unknown[]; binary: boolean }): void;
  execute(portal: { portal: string; rows: number }): void;
  query(text: string): void;
  sync(): void;
  emit(event: 'commandComplete' | 'readyForQuery', message: object): void;
}

/** Up to here one write of a copy costs less than several. */
const LARGEST_COPY_BYTES = 16 * 1024;

/** What becomes of the Sync that a query is about to write; or COMMIT is written before it. */
export type NextSync = 'written' | 'behind COMMIT' | 'left out';

/**
 * Collects the messages of a query, so that either all of them are written or none: a query that node-postgres refuses
 * half-way has sent nothing. One serves all queries of a connection in turn.
 */
export class Outbox {
  /** What a query writes to, in the place of the connection. */
  readonly connection: WireConnection;
  readonly #target: WireConnection;
  readonly #messages: Uint8Array[] = [];
  #longestMessageBytes = 0;
  #nextSync: NextSync = 'written';

  constructor(target: WireConnection) {
    this.#target = target;
    const stream = {
      writable: true,
      cork: () => undefined,
      uncork: () => undefined,
      write: (message: Uint8Array) => {
        this.#take(message);
      },
    };
    const sync = () => {
      const next = this.#nextSync;
      this.#nextSync = 'written';
      if (next === 'behind COMMIT') writeStatement(this.connection, 'COMMIT');
      if (next !== 'left out') target.sync.call(this.connection);
    };
    // Everything else is the connection's own: what it has parsed, and how messages are made.
    this.connection = Object.create(target, {
      stream: { value: stream },
      sync: { value: sync },
    }) as WireConnection;
  }

  /** The length of the longest message, in bytes, as it counts itself: without its type. */
  get longestMessageBytes(): number {
    return this.#longestMessageBytes;
  }

  /** Begins with the messages of another query, or of several that share a Sync. */
  empty(): void {
    this.#messages.length = 0;
    this.#longestMessageBytes = 0;
  }

  /** Says what becomes of the Sync of the query whose messages come now. */
  prepareSync(next: NextSync): void {
    this.#nextSync = next;
  }

  /** Writes everything at once. */
  send(): void {
    const { stream } = this.#target;
    const messages = this.#messages.splice(0);
    const bytes = messages.reduce((sum, { length }) => sum + length, 0);
    if (bytes <= LARGEST_COPY_BYTES) {
      stream.write(Buffer.concat(messages, bytes));
      return;
    }
    stream.cork();
    try {
      for (const message of messages) stream.write(message);
    } finally {
      stream.uncork();
    }
  }

  #take(message: Uint8Array): void {
    this.#messages.push(message);
    this.#longestMessageBytes = Math.max(this.#longestMessageBytes, message.length - 1);
  }
}

/** Writes a statement without parameters, and no Sync. */
export function writeStatement(connection: WireConnection, text: string): void {
  connection.parse({ text, name: '', types: [] });
  connection.bind({ portal: '', statement: '', values: [], binary: false });
  connection.execute({ portal: '', rows: 0 });
}
