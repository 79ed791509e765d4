/** The fields of an ErrorResponse or NoticeResponse that we set; the names are those of PostgreSQL's manual. */
export interface ErrorFields {
  /** @defaultValue `ERROR` */
  readonly severity?: 'ERROR' | 'FATAL' | 'WARNING' | 'NOTICE';
  readonly sqlstate: string;
  readonly message: string;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
  /** Where in the query the error is: characters, from 1. */
  readonly position?: number | undefined;
}

/** The state of a session between two statements: idle, in a transaction, in a failed transaction. */
export type TransactionStatus = 'I' | 'T' | 'E';

/** One column of a RowDescription that no table stands behind. */
export interface TextColumn {
  readonly name: string;
  readonly format: 0 | 1;
}

const TEXT_OID = 25;

/** Builds a message from its type and the parts of its body. */
export function message(type: string, ...parts: readonly Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 4);
  return Buffer.concat([Buffer.from(type, 'latin1'), int32(length), ...parts]);
}

/** A zero-terminated string. */
export function cstring(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

/** Two bytes, network order. */
export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

/** A count: two bytes, network order. The protocol's counts have no sign and go up to 65,535. */
export function count(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

/** Four bytes, network order. */
export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

export function errorResponse({ severity = 'ERROR', ...fields }: ErrorFields): Buffer {
  const pairs: [string, string | undefined][] = [
    ['S', severity],
    ['V', severity],
    ['C', fields.sqlstate],
    ['M', fields.message],
    ['D', fields.detail],
    ['H', fields.hint],
    ['P', fields.position?.toString()],
  ];
  return fieldsMessage('E', new Map(pairs.filter((pair): pair is [string, string] => pair[1] !== undefined)));
}

/** An ErrorResponse (`E`) or NoticeResponse (`N`) with exactly these fields, by their one-letter codes. */
export function fieldsMessage(type: 'E' | 'N', fields: ReadonlyMap<string, string>): Buffer {
  const parts = [...fields].map(([code, value]) => cstring(code + value));
  return message(type, ...parts, Buffer.of(0));
}

export function readyForQuery(status: TransactionStatus): Buffer {
  return message('Z', Buffer.from(status));
}

export function commandComplete(tag: string): Buffer {
  return message('C', cstring(tag));
}

export function parameterStatus(name: string, value: string): Buffer {
  return message('S', cstring(name), cstring(value));
}

export function backendKeyData(processId: number, secretKey: number): Buffer {
  return message('K', int32(processId), int32(secretKey));
}

export function authenticationCleartextPassword(): Buffer {
  return message('R', int32(3));
}

export function authenticationOk(): Buffer {
  return message('R', int32(0));
}

/** Tells a client that asked for a newer 3.x, or for options nobody knows, what it gets instead. */
export function negotiateProtocolVersion(minor: number, unknownOptions: readonly string[]): Buffer {
  return message('v', int32((3 << 16) | minor), int32(unknownOptions.length), ...unknownOptions.map(cstring));
}

export function rowDescription(columns: readonly TextColumn[]): Buffer {
  const described = columns.flatMap(({ name, format }) => [
    cstring(name),
    int32(0), // no table
    int16(0), // no column of one
    int32(TEXT_OID),
    int16(-1), // variable length
    int32(-1), // no type modifier
    int16(format),
  ]);
  return message('T', count(columns.length), ...described);
}

export function dataRow(values: readonly (string | null)[]): Buffer {
  const encoded = values.flatMap((value) => {
    if (value === null) return [int32(-1)];
    const bytes = Buffer.from(value);
    return [int32(bytes.length), bytes];
  });
  return message('D', count(values.length), ...encoded);
}

export const emptyQueryResponse = message('I');

/** Reads the fields of an ErrorResponse or NoticeResponse body, by their one-letter codes. */
export function readFields(body: Buffer): Map<string, string> {
  const fields = new Map<string, string>();
  for (let at = 0; at < body.length && body[at] !== 0;) {
    const end = body.indexOf(0, at + 1);
    if (end < 0) break;
    fields.set(String.fromCharCode(body[at] ?? 0), body.toString('utf8', at + 1, end));
    at = end + 1;
  }
  return fields;
}

/** Reads a zero-terminated string out of a message body. */
export function readCstring(body: Buffer, at = 0): { text: string; end: number } {
  const zero = body.indexOf(0, at);
  const stop = zero < 0 ? body.length : zero;
  return { text: body.toString('utf8', at, stop), end: stop + 1 };
}

/** One column of a result, as a RowDescription has it. */
export interface ResultColumn {
  /** The OID of its table and its number there; both are 0 for what is computed. */
  readonly table: number;
  readonly number: number;
  /** Text or binary. */
  readonly format: number;
}

/** Reads the columns of a RowDescription body. */
export function readRowDescription(body: Buffer): ResultColumn[] {
  const columns: ResultColumn[] = [];
  let at = 2;
  for (let left = body.readUInt16BE(0); left > 0; left--) {
    at = readCstring(body, at).end;
    columns.push({
      table: body.readUInt32BE(at),
      number: body.readInt16BE(at + 4),
      format: body.readInt16BE(at + 16),
    });
    at += 18;
  }
  return columns;
}

/** Reads the values of a DataRow body as text. */
export function readDataRow(body: Buffer): (string | null)[] {
  return readRawDataRow(body).map((value) => value?.toString('utf8') ?? null);
}

/** Reads the values of a DataRow body, in whatever format they are. */
export function readRawDataRow(body: Buffer): (Buffer | null)[] {
  const values: (Buffer | null)[] = [];
  let at = 2;
  for (let left = body.readUInt16BE(0); left > 0; left--) {
    const length = body.readInt32BE(at);
    at += 4;
    values.push(length < 0 ? null : body.subarray(at, at + length));
    at += Math.max(length, 0);
  }
  return values;
}
