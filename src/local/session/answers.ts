import type { Duplex } from 'node:stream';
import { readFields } from '../wire/server-messages';

/** Where answers come from, and what to stop while the client does not read them. */
export interface AnswerSource {
  pause(): void;
  resume(): void;
}

const ERROR_RESPONSE = 'E'.charCodeAt(0);
const WRITE_AT_BYTES = 64 * 1024;

/**
 * What goes to one client, in order: gathered into few writes, never all of a large answer at once. While the client
 * is slow the source is paused.
 */
export class Answers {
  readonly #stream: Duplex;
  readonly #source: AnswerSource;
  readonly #onError: (sqlstate: string) => void;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #paused = false;

  /** @param onError - hears of every ErrorResponse */
  constructor(stream: Duplex, source: AnswerSource, onError: (sqlstate: string) => void) {
    this.#stream = stream;
    this.#source = source;
    this.#onError = onError;
  }

  send(bytes: Buffer): void {
    if (bytes[0] === ERROR_RESPONSE) this.#onError(readFields(bytes.subarray(5)).get('C') ?? '');
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes >= WRITE_AT_BYTES) this.flush();
  }

  /** Writes what was gathered. */
  flush(): void {
    if (this.#pending.length === 0) return;
    const [first] = this.#pending;
    const bytes = this.#pending.length === 1 && first ? first : Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    if (this.#stream.destroyed || this.#stream.write(bytes) || this.#paused) return;
    this.#paused = true;
    this.#source.pause();
    this.#stream.once('drain', () => {
      this.#paused = false;
      this.#source.resume();
    });
  }
}
