import { ProtocolViolationError } from './message-buffer';
import { count, cstring, int32, message } from './server-messages';

/** A client's Parse: a statement to be prepared. The text stays bytes, its encoding is the session's. */
export interface ParseRequest {
  readonly name: string;
  readonly text: Buffer;
  /** The count and OIDs of the parameter types, as sent. */
  readonly parameterTypes: Buffer;
}

/** A client's Bind: a portal made of a prepared statement and values. */
export interface BindRequest {
  readonly portal: string;
  readonly statement: string;
  /** Formats, values and result formats, as sent. */
  readonly values: Buffer;
  /** Whether the first column of the result is to be sent in binary. */
  readonly binaryResult: boolean;
}

/** A client's Describe or Close, of a statement (`S`) or a portal (`P`). */
export interface TargetRequest {
  readonly target: 'S' | 'P';
  readonly name: string;
}

export interface ExecuteRequest {
  readonly portal: string;
  /** At most this many rows; 0 is all. */
  readonly maxRows: number;
}

export function readParse(body: Buffer): ParseRequest {
  const cursor = new Cursor(body);
  return { name: cursor.string(), text: cursor.stringBytes(), parameterTypes: cursor.rest() };
}

export function readBind(body: Buffer): BindRequest {
  const cursor = new Cursor(body);
  const portal = cursor.string();
  const statement = cursor.string();
  const values = cursor.rest();
  cursor.skip(cursor.count() * 2);
  for (let left = cursor.count(); left > 0; left--) cursor.skip(Math.max(cursor.int32(), 0));
  const resultFormats = cursor.count();
  return { portal, statement, values, binaryResult: resultFormats > 0 && cursor.int16() === 1 };
}

export function readTarget(body: Buffer): TargetRequest {
  const target = String.fromCharCode(body[0] ?? 0);
  if (target !== 'S' && target !== 'P') {
    throw new ProtocolViolationError(`invalid DESCRIBE or CLOSE message subtype ${body[0] ?? 0}`);
  }
  return { target, name: new Cursor(body.subarray(1)).string() };
}

export function readExecute(body: Buffer): ExecuteRequest {
  const cursor = new Cursor(body);
  return { portal: cursor.string(), maxRows: cursor.int32() };
}

/** The bytes of a body that is one zero-terminated string: a query or a password. */
export function readText(body: Buffer): Buffer {
  return new Cursor(body).stringBytes();
}

export function parse(name: string, text: Buffer, parameterTypes: Buffer = count(0)): Buffer {
  return message('P', cstring(name), text, Buffer.of(0), parameterTypes);
}

/** A Bind; without `values` it has no parameters and asks for every column as text. */
export function bind(portal: string, statement: string, values: Buffer = Buffer.alloc(6)): Buffer {
  return message('B', cstring(portal), cstring(statement), values);
}

/** The `values` of a Bind whose parameters and results are all text. */
export function textValues(parameters: readonly (string | null)[]): Buffer {
  const encoded = parameters.flatMap((value) => {
    if (value === null) return [int32(-1)];
    const bytes = Buffer.from(value);
    return [int32(bytes.length), bytes];
  });
  return Buffer.concat([count(0), count(parameters.length), ...encoded, count(0)]);
}

export function describe(target: 'S' | 'P', name: string): Buffer {
  return message('D', Buffer.from(target), cstring(name));
}

export function execute(portal: string, maxRows = 0): Buffer {
  return message('E', cstring(portal), int32(maxRows));
}

export function close(target: 'S' | 'P', name: string): Buffer {
  return message('C', Buffer.from(target), cstring(name));
}

export function copyFail(reason: string): Buffer {
  return message('f', cstring(reason));
}

export const sync = message('S');
export const flush = message('H');
export const terminate = message('X');

/** The first message of a session, which has no type byte. */
export function startup(parameters: ReadonlyMap<string, string>): Buffer {
  const pairs = [...parameters].flatMap(([name, value]) => [cstring(name), cstring(value)]);
  const body = Buffer.concat([int32(3 << 16), ...pairs, Buffer.of(0)]);
  return Buffer.concat([int32(body.length + 4), body]);
}

/** Asks for the statement that runs in another session to be cancelled. */
export function cancelRequest(processId: number, secretKey: number): Buffer {
  return Buffer.concat([int32(16), int32(80877102), int32(processId), int32(secretKey)]);
}

/** Walks over a body; running past its end is the client's fault, not a RangeError of ours. */
class Cursor {
  #at = 0;

  constructor(readonly body: Buffer) {}

  string(): string {
    return this.stringBytes().toString('utf8');
  }

  stringBytes(): Buffer {
    const zero = this.body.indexOf(0, this.#at);
    if (zero < 0) throw new ProtocolViolationError('invalid string in message');
    const bytes = this.body.subarray(this.#at, zero);
    this.#at = zero + 1;
    return bytes;
  }

  /** How many of something follow; it has no sign. */
  count(): number {
    return this.#take(2).readUInt16BE();
  }

  int16(): number {
    return this.#take(2).readInt16BE();
  }

  int32(): number {
    return this.#take(4).readInt32BE();
  }

  skip(count: number): void {
    this.#take(count);
  }

  rest(): Buffer {
    return this.body.subarray(this.#at);
  }

  #take(count: number): Buffer {
    if (count < 0 || this.#at + count > this.body.length) {
      throw new ProtocolViolationError('insufficient data left in message');
    }
    const bytes = this.body.subarray(this.#at, this.#at + count);
    this.#at += count;
    return bytes;
  }
}
