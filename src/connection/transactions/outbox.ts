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

/**
 * Collects the messages of one query, so that either all of them are written or none: a query that node-postgres refuses
 * half-way has sent nothing.
 */
export class Outbox {
  /** What the query writes to, in the place of the connection. */
  readonly connection: WireConnection;
  readonly #target: WireConnection;
  readonly #messages: Uint8Array[] = [];

  constructor(target: WireConnection) {
    this.#target = target;
    const messages = this.#messages;
    const stream = {
      writable: true,
      cork: () => undefined,
      uncork: () => undefined,
      write: (message: Uint8Array) => messages.push(message),
    };
    // Everything else is the connection's own: what it has parsed, and how messages are made.
    this.connection = Object.create(target, { stream: { value: stream } }) as WireConnection;
  }

  /** The length of the longest message, in bytes, as it counts itself: without its type. */
  get longestMessageBytes(): number {
    return Math.max(0, ...this.#messages.map(({ length }) => length - 1));
  }

  /** Writes a statement before the Sync that comes next. */
  beforeSync(text: string): void {
    const { connection } = this;
    const sync = connection.sync.bind(connection);
    connection.sync = () => {
      writeStatement(connection, text);
      sync();
    };
  }

  /** Writes everything at once. */
  send(): void {
    const { stream } = this.#target;
    const bytes = this.#messages.reduce((sum, { length }) => sum + length, 0);
    if (bytes <= LARGEST_COPY_BYTES) {
      stream.write(Buffer.concat(this.#messages, bytes));
      return;
    }
    stream.cork();
    try {
      for (const message of this.#messages) stream.write(message);
    } finally {
      stream.uncork();
    }
  }
}

/** Writes a statement without parameters, and no Sync. */
export function writeStatement(connection: WireConnection, text: string): void {
  connection.parse({ text, name: '', types: [] });
  connection.bind({ portal: '', statement: '', values: [], binary: false });
  connection.execute({ portal: '', rows: 0 });
}
