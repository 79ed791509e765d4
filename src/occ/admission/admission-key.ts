import { createHash } from 'node:crypto';

/** The first statement of an attempt, as its host sends it. */
export interface FirstStatement {
  readonly text: string;
  readonly values?: readonly unknown[] | undefined;
}

/** What attempts are told apart by. */
export interface StatementKey {
  /** The text without its values: attempts of one kind do the same to rows of the same tables. */
  readonly kind: string;
  /** What the statement looks for: attempts with the same key are likely to touch the same rows. */
  readonly key: string;
}

/** Strings, references to parameters and numbers. A text that this misreads is one kind more, and no harm. */
const VALUE = /'(?:[^']|'')*'|\$\d+|\b\d[\w.]*/g;

/**
 * How much of a text, and of each value, is looked at, in characters. Attempts that differ only behind that share what is
 * known of them, which costs nothing but time; reading a bulk insert to its end would cost that always.
 */
const LOOKED_AT = 4096;

/** What is longer than its hash is kept as that. */
const HASH_LENGTH = 27;

/**
 * Tells what is done, and to what, from a statement.
 *
 * Where there is a WHERE, only the values behind it say which rows are touched: what an UPDATE sets changes each time.
 */
export function statementKey({ text, values = [] }: FirstStatement): StatementKey {
  const read = text.slice(0, LOOKED_AT);
  const where = read.search(/\bWHERE\b/i);
  const found: string[] = [];
  const kind = read.replace(VALUE, (value, at: number) => {
    const parameter = value.startsWith('$') ? Number(value.slice(1)) : undefined;
    if (at > where) found.push(parameter === undefined ? value : written(values[parameter - 1]));
    return parameter === undefined ? '?' : value;
  });
  return { kind: shortened(kind), key: shortened(found.join('\0')) };
}

function written(value: unknown): string {
  if (typeof value === 'string') return value.slice(0, LOOKED_AT);
  if (value instanceof Date) return String(value.getTime());
  if (ArrayBuffer.isView(value)) {
    return Buffer.from(value.buffer, value.byteOffset, Math.min(value.byteLength, LOOKED_AT)).toString(
      'latin1',
    );
  }
  if (typeof value !== 'object' || value === null) return String(value);
  try {
    return JSON.stringify(value).slice(0, LOOKED_AT);
  } catch {
    return '';
  }
}

function shortened(text: string): string {
  return text.length <= HASH_LENGTH ? text : createHash('sha1').update(text).digest('base64url');
}
