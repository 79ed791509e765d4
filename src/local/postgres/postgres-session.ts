import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';
import { connect } from 'node:net';
import type { Socket, NetConnectOpts } from 'node:net';
import { startup, terminate } from '../wire/client-messages';
import { cstring, int32, message, readDataRow, readFields } from '../wire/server-messages';
import { StreamReader } from '../wire/stream-reader';

/** Where a PostgreSQL listens, and as whom to log in. */
export interface PostgresAddress {
  readonly socket: NetConnectOpts;
  readonly user: string;
  readonly password: string;
}

/** PostgreSQL answered with an error. */
export class PostgresSessionError extends Error {
  override readonly name = 'PostgresSessionError';

  constructor(
    readonly sqlstate: string,
    text: string,
  ) {
    super(text);
  }
}

/** A session of ours with PostgreSQL that runs simple queries, and can be handed on as a raw connection. */
export class PostgresSession {
  readonly #socket: Socket;
  readonly #reader: StreamReader;
  #greeting: Buffer[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#reader = new StreamReader(socket);
  }

  /**
   * Connects and logs in, with whichever of trust, cleartext, MD5 and SCRAM-SHA-256 the server asks for.
   *
   * @param parameters - of the start-up message, `database` and settings
   * @throws {@link PostgresSessionError} when PostgreSQL refuses; the system's error when nothing listens
   */
  static async open(
    address: PostgresAddress,
    parameters: ReadonlyMap<string, string>,
  ): Promise<PostgresSession> {
    const socket = connect(address.socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve).once('error', reject);
    });
    // From here on the end of the stream says it.
    socket.on('error', () => undefined);
    socket.setNoDelay(true);
    const session = new PostgresSession(socket);
    try {
      socket.write(startup(new Map([...parameters, ['user', address.user]])));
      await session.#authenticate(address);
      await session.#untilReady((bytes) => session.#greeting.push(bytes));
      return session;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  /** The messages that PostgreSQL greeted with, from AuthenticationOk to before ReadyForQuery. */
  get greeting(): Buffer {
    return Buffer.concat(this.#greeting);
  }

  /**
   * Runs statements without parameters.
   *
   * @returns the rows of all of them, as text
   * @throws {@link PostgresSessionError}
   */
  async query(sql: string): Promise<(string | null)[][]> {
    const rows: (string | null)[][] = [];
    this.#socket.write(message('Q', cstring(sql)));
    await this.#untilReady((bytes, type, body) => {
      if (type === 'D') rows.push(readDataRow(body));
      if (type === 'S') this.#greeting.push(bytes);
    });
    return rows;
  }

  /** Gives up the session for its socket, on which PostgreSQL is ready for a query. */
  release(): Socket {
    this.#reader.release();
    return this.#socket;
  }

  close(): void {
    this.#socket.end(terminate);
    this.#socket.destroySoon();
  }

  async #next(): Promise<{ type: string; body: Buffer; bytes: Buffer }> {
    const received = await this.#reader.message();
    if (!received) throw new PostgresSessionError('08006', 'PostgreSQL closed the connection');
    return received;
  }

  async #untilReady(receive: (bytes: Buffer, type: string, body: Buffer) => void): Promise<void> {
    let failure: PostgresSessionError | undefined;
    for (;;) {
      const { type, body, bytes } = await this.#next();
      if (type === 'E') {
        failure = failureOf(body);
        // A fatal error is the last message there is.
        if (readFields(body).get('V') === 'FATAL') throw failure;
      } else if (type === 'Z') {
        if (failure) throw failure;
        return;
      } else receive(bytes, type, body);
    }
  }

  async #authenticate({ user, password }: PostgresAddress): Promise<void> {
    const respond = (...parts: readonly Buffer[]) => this.#socket.write(message('p', ...parts));
    let scram: ScramExchange | undefined;
    for (;;) {
      const { type, body, bytes } = await this.#next();
      if (type === 'E') throw failureOf(body);
      if (type !== 'R') continue;
      const data = body.subarray(4);
      switch (body.readInt32BE(0)) {
        case 0:
          this.#greeting.push(bytes);
          return;
        case 3:
          respond(cstring(password));
          break;
        case 5:
          respond(cstring(`md5${md5(md5(password + user), data)}`));
          break;
        case 10:
          scram = new ScramExchange(password);
          respond(
            cstring('SCRAM-SHA-256'),
            int32(scram.firstMessage.length),
            Buffer.from(scram.firstMessage),
          );
          break;
        case 11:
          respond(Buffer.from(scram?.answer(data.toString()) ?? ''));
          break;
        case 12:
          if (!scram?.verify(data.toString())) {
            throw new PostgresSessionError('28000', 'the server does not know the password it asked for');
          }
          break;
        default:
          throw new PostgresSessionError(
            '28000',
            'the server asks for an authentication other than trust, password, md5 and scram-sha-256',
          );
      }
    }
  }
}

function failureOf(body: Buffer): PostgresSessionError {
  const fields = readFields(body);
  return new PostgresSessionError(
    fields.get('C') ?? 'XX000',
    fields.get('M') ?? 'an error without a message',
  );
}

function md5(...parts: readonly (string | Buffer)[]): string {
  const hash = createHash('md5');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/** The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677) as PostgreSQL uses it: the user name stays empty. */
class ScramExchange {
  readonly #password: string;
  readonly #nonce = randomBytes(18).toString('base64');
  #serverSignature: Buffer = Buffer.alloc(0);

  constructor(password: string) {
    this.#password = password.normalize('NFKC');
  }

  get firstMessage(): string {
    return `n,,${this.#firstBare}`;
  }

  get #firstBare(): string {
    return `n=,r=${this.#nonce}`;
  }

  /** The client's final message, for the server's first. */
  answer(serverFirst: string): string {
    const attributes = readAttributes(serverFirst);
    const nonce = attributes.get('r') ?? '';
    if (!nonce.startsWith(this.#nonce)) {
      throw new PostgresSessionError('28000', 'the server answered another SCRAM exchange');
    }
    const salt = Buffer.from(attributes.get('s') ?? '', 'base64');
    const salted = pbkdf2Sync(this.#password, salt, Number(attributes.get('i')), 32, 'sha256');
    const withoutProof = `c=biws,r=${nonce}`; // biws: "n,,", no channel binding
    const signed = [this.#firstBare, serverFirst, withoutProof].join(',');
    const clientKey = hmac(salted, 'Client Key');
    const signature = hmac(createHash('sha256').update(clientKey).digest(), signed);
    const proof = clientKey.map((byte, index) => byte ^ (signature[index] ?? 0));
    this.#serverSignature = hmac(hmac(salted, 'Server Key'), signed);
    return `${withoutProof},p=${Buffer.from(proof).toString('base64')}`;
  }

  /** Whether the server's final message shows that it knows the password too. */
  verify(serverFinal: string): boolean {
    const signature = Buffer.from(readAttributes(serverFinal).get('v') ?? '', 'base64');
    return (
      signature.length === this.#serverSignature.length && timingSafeEqual(signature, this.#serverSignature)
    );
  }
}

function readAttributes(text: string): Map<string, string> {
  return new Map(text.split(',').map((attribute) => [attribute.slice(0, 1), attribute.slice(2)]));
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
