import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import type { LocalDsql } from 'aurora-dsql-orm/local';
import { startup } from '../../src/local/wire/client-messages';
import { MessageBuffer } from '../../src/local/wire/message-buffer';
import type { Message } from '../../src/local/wire/message-buffer';
import { cstring, message, readCstring, readDataRow, readFields } from '../../src/local/wire/server-messages';
import { signToken } from './local-client';

/** A client of which a test decides every byte, and sees every message. */
export class RawClient {
  readonly #socket: TLSSocket;
  readonly #buffer = new MessageBuffer();
  readonly #messages: Message[] = [];
  #wake: () => void = () => undefined;
  #closed = false;
  #error: Error | undefined;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#buffer.append(chunk);
      for (let next = this.#buffer.next(); next; next = this.#buffer.next()) this.#messages.push(next);
      this.#wake();
    });
    socket.on('error', (error: Error) => {
      this.#error = error;
    });
    socket.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
  }

  /** Logs in; what the server says until it is ready is the first answer. */
  static async open(local: LocalDsql, parameters: Readonly<Record<string, string>> = {}): Promise<RawClient> {
    const socket = connectTls({
      host: local.hostaddr,
      port: local.port,
      servername: local.host,
      ca: local.ca,
      ALPNProtocols: ['postgresql'],
    });
    await once(socket, 'secureConnect');
    const client = new RawClient(socket);
    client.send(startup(new Map(Object.entries({ user: 'admin', database: 'postgres', ...parameters }))));
    client.send(message('p', cstring(await signToken(local))));
    return client;
  }

  /** How the connection broke; it has none when the server has ended it. */
  get error(): Error | undefined {
    return this.#error;
  }

  get closed(): boolean {
    return this.#closed;
  }

  send(...bytes: readonly Buffer[]): void {
    this.#socket.write(Buffer.concat(bytes));
  }

  query(sql: string): void {
    this.send(message('Q', cstring(sql)));
  }

  /** Everything up to the next message of one of these types; up to the end when the server closes. */
  async until(types: string): Promise<Message[]> {
    for (;;) {
      const index = this.#messages.findIndex(({ type }) => types.includes(type));
      if (index >= 0) return this.#messages.splice(0, index + 1);
      if (this.#closed) return this.#messages.splice(0);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** As {@link RawClient.until}, in short: `C:SELECT 1`, `E:25P02`, `D:one,two`, `Z:I`, else the type alone. */
  async answers(types = 'Z'): Promise<string[]> {
    return (await this.until(types)).map(inShort);
  }

  /** Stops taking what the server sends. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#socket.destroy();
    await once(this.#socket, 'close');
  }
}

/** One message as a short text. */
export function inShort({ type, body }: Message): string {
  switch (type) {
    case 'C':
      return `C:${readCstring(body).text}`;
    case 'D':
      return `D:${readDataRow(body).join()}`;
    case 'E':
    case 'N':
      return `${type}:${readFields(body).get('C') ?? ''}`;
    case 'S': {
      const name = readCstring(body);
      return `S:${name.text}=${readCstring(body, name.end).text}`;
    }
    case 'Z':
      return `Z:${body.toString()}`;
    default:
      return type;
  }
}
