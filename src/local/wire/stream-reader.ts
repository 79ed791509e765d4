import type { Duplex } from 'node:stream';
import { MAX_MESSAGE_BYTES, MessageBuffer } from './message-buffer';
import type { Message } from './message-buffer';

/**
 * Reads from a socket only what is asked for, so that a client that sends faster than it is served is held back by
 * TCP and not by our memory.
 */
export class StreamReader {
  readonly #stream: Duplex;
  readonly #messages = new MessageBuffer(MAX_MESSAGE_BYTES);
  #wake: (() => void) | undefined;
  readonly #onEvent = () => {
    this.#wake?.();
  };

  constructor(stream: Duplex) {
    this.#stream = stream;
    for (const event of ['readable', 'end', 'close']) stream.on(event, this.#onEvent);
  }

  /** Reads no more: what still comes is thrown away, so that the other side can send it all and then see the end. */
  discard(): void {
    this.release();
    this.#stream.resume();
  }

  /** Stops listening to the socket, so that another reader or TLS can take it over. */
  release(): void {
    for (const event of ['readable', 'end', 'close']) this.#stream.off(event, this.#onEvent);
  }

  /**
   * Reads exactly `count` bytes.
   *
   * @returns `undefined` when the stream ends before
   */
  async bytes(count: number): Promise<Buffer | undefined> {
    for (;;) {
      const chunk = this.#stream.read(count) as Buffer | null;
      // At its end a stream gives what is left, however little.
      if (chunk) return chunk.length === count ? chunk : undefined;
      if (this.#ended) return undefined;
      await this.#arrival();
    }
  }

  /**
   * Reads the next message.
   *
   * @returns `undefined` when the stream ends before
   * @throws ProtocolViolationError when it announces less than nothing, MessageTooLargeError when more than 10 MiB
   */
  async message(): Promise<Message | undefined> {
    for (;;) {
      const message = this.#messages.next();
      if (message) return message;
      const chunk = this.#stream.read() as Buffer | null;
      if (chunk) this.#messages.append(chunk);
      else if (this.#ended) return undefined;
      else await this.#arrival();
    }
  }

  /**
   * The next message, if it has wholly arrived and been read.
   *
   * @throws ProtocolViolationError as {@link StreamReader.message}
   */
  buffered(): Message | undefined {
    return this.#messages.next();
  }

  /** Whether bytes have arrived that were not taken. */
  get hasMore(): boolean {
    return this.#messages.isEmpty ? this.#stream.readableLength > 0 : true;
  }

  get #ended(): boolean {
    return this.#stream.readableEnded || this.#stream.destroyed;
  }

  #arrival(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve();
      };
    });
  }
}
