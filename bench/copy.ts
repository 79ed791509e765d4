import type { Client, Connection, Submittable } from 'pg';

/**
 * Writes rows by `COPY … FROM STDIN`, in the text format. Objects in them are written as JSON.
 *
 * @param table - with its columns, as SQL
 * @param names - the properties of a row, in the order of the columns
 */
export function copyRows<Row extends object>(
  client: Client,
  table: string,
  names: readonly (keyof Row)[],
  rows: readonly Row[],
): Promise<void> {
  return new Promise((resolve, reject) => {
    client.query(new CopyIn(`COPY ${table} FROM STDIN`, encode(names, rows), resolve, reject));
  });
}

/** What `@types/pg` does not know of node-postgres's own connection. */
interface CopyConnection extends Connection {
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

const CHUNK_BYTES = 64 * 1024;

class CopyIn implements Submittable {
  #error: Error | undefined;

  constructor(
    readonly text: string,
    readonly data: Buffer,
    readonly resolve: () => void,
    readonly reject: (error: Error) => void,
  ) {}

  submit(connection: Connection): void {
    connection.query(this.text);
  }

  handleCopyInResponse(connection: CopyConnection): void {
    for (let at = 0; at < this.data.length; at += CHUNK_BYTES) {
      connection.sendCopyFromChunk(this.data.subarray(at, at + CHUNK_BYTES));
    }
    connection.endCopyFrom();
  }

  handleError(error: Error): void {
    this.#error = error;
  }

  handleReadyForQuery(): void {
    if (this.#error) this.reject(this.#error);
    else this.resolve();
  }

  handleCommandComplete(): void {
    // How many rows there are is known.
  }
}

function encode<Row extends object>(names: readonly (keyof Row)[], rows: readonly Row[]): Buffer {
  let text = '';
  for (const row of rows) {
    let separator = '';
    for (const name of names) {
      text += separator + field(row[name]);
      separator = '\t';
    }
    text += '\n';
  }
  return Buffer.from(text);
}

const SPECIAL = /[\\\n\r\t]/g;
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
const escaped = (text: string) => text.replace(SPECIAL, (character) => ESCAPES[character] ?? '');

function field(value: unknown): string {
  if (value === null || value === undefined) return '\\N';
  if (typeof value === 'string') return escaped(value);
  return value instanceof Date ? value.toISOString() : escaped(JSON.stringify(value));
}
