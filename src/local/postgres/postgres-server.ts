import type { Socket } from 'node:net';

/** Settings of PostgreSQL by name. */
export type ServerSettings = Readonly<Record<string, string | number>>;

/** A running PostgreSQL, or a database of one, that is ours alone. */
export interface PostgresServer {
  /** Opens a new raw connection; the caller speaks the protocol, beginning with the start-up message. */
  connect(): Socket;
  /** The superuser's name; it needs no password. */
  readonly superuser: string;
  /** The server's own directory, gone after `stop()`. */
  readonly directory: string;
  /** Resolves when the server has ended, for whatever reason, with the end of its log. */
  readonly ended: Promise<string>;
  /** Ends every connection and the server at once and removes everything it made. Idempotent. */
  stop(): Promise<void>;
}
