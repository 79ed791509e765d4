/** One message of PostgreSQL's protocol, version 3. */
export interface Message {
  /** Its type byte as a character, e.g. `Q`. */
  readonly type: string;
  /** The whole message, type and length included: what is passed on. */
  readonly bytes: Buffer;
  /** What follows type and length. */
  readonly body: Buffer;
}

/** The other side broke PostgreSQL's protocol; the connection cannot go on. */
export class ProtocolViolationError extends Error {
  override readonly name: string = 'ProtocolViolationError';
}

/** A message is larger than DSQL takes; it then ends the connection without a word. */
export class MessageTooLargeError extends ProtocolViolationError {
  override readonly name = 'MessageTooLargeError';
}

/**
 * DSQL takes no larger messages (AWS user guide, "Quotas and limits", 2026-09-15). The error that is documented, 08P01
 * `invalid message length`, was not delivered (AWS's skill "Troubleshooting in DSQL", observed 2026-10-01).
 */
export const MAX_MESSAGE_BYTES = 10 * 1024 * 1024;

const HEADER_BYTES = 5;

/** Cuts a stream of bytes into messages, whatever pieces it arrives in. */
export class MessageBuffer {
  readonly #maxBytes: number;
  #head: Buffer = Buffer.alloc(0);
  #offset = 0;
  #rest: Buffer[] = [];
  #restBytes = 0;

  /**
   * @param maxBytes - the largest length a message may announce
   * @defaultValue no limit
   */
  constructor(maxBytes = Number.POSITIVE_INFINITY) {
    this.#maxBytes = maxBytes;
  }

  /** Adds bytes that arrived; they must not be changed afterwards, messages are views of them. */
  append(chunk: Buffer): void {
    if (this.#offset === this.#head.length && this.#rest.length === 0) {
      this.#head = chunk;
      this.#offset = 0;
    } else {
      this.#rest.push(chunk);
      this.#restBytes += chunk.length;
    }
  }

  /**
   * Takes the next message out.
   *
   * @returns `undefined` while it has not wholly arrived
   * @throws {@link ProtocolViolationError} when a message announces an impossible length,
   * {@link MessageTooLargeError} when it announces too large a one
   */
  next(): Message | undefined {
    if (!this.#join(HEADER_BYTES)) return undefined;
    const length = this.#head.readInt32BE(this.#offset + 1);
    if (length < 4) throw new ProtocolViolationError('invalid message length');
    if (length > this.#maxBytes) throw new MessageTooLargeError(`a message of ${length} bytes`);
    if (!this.#join(length + 1)) return undefined;
    const bytes = this.#head.subarray(this.#offset, this.#offset + length + 1);
    this.#offset += length + 1;
    return { type: String.fromCharCode(bytes[0] ?? 0), bytes, body: bytes.subarray(HEADER_BYTES) };
  }

  get isEmpty(): boolean {
    return this.#offset === this.#head.length && this.#restBytes === 0;
  }

  /** Makes `count` bytes contiguous, copying only once they are all there, so that large messages stay linear. */
  #join(count: number): boolean {
    const held = this.#head.length - this.#offset;
    if (held >= count) return true;
    if (held + this.#restBytes < count) return false;
    this.#head = Buffer.concat([this.#head.subarray(this.#offset), ...this.#rest]);
    this.#offset = 0;
    this.#rest = [];
    this.#restBytes = 0;
    return true;
  }
}
