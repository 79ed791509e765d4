import { hash } from 'node:crypto';

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

/** What is longer is kept as its hash; a uuid is not. */
const LONGEST_KEPT = 64;

/** What a text tells, whatever its values are. */
interface TextKey {
  readonly kind: string;
  /** What the statement looks for: values that are in the text, and the numbers of parameters. */
  readonly lookedFor: readonly (string | number)[];
}

const CACHED_TEXTS = 500;
/** Least recently read first: a Map iterates in the order of insertion. */
const textKeys = new Map<string, TextKey>();

/**
 * Tells what is done, and to what, from a statement.
 *
 * Where there is a WHERE, only the values behind it say which rows are touched: what an UPDATE sets changes each time.
 */
export function statementKey({ text, values = [] }: FirstStatement): StatementKey {
  const { kind, lookedFor } = textKeyOf(text);
  const found = lookedFor.map((each) => (typeof each === 'string' ? each : written(values[each - 1])));
  return { kind, key: shortened(found.join('\0')) };
}

/** A text is read once; one that is longer than what is looked at is not the same twice. */
function textKeyOf(text: string): TextKey {
  if (text.length > LOOKED_AT) return readText(text.slice(0, LOOKED_AT));
  const known = textKeys.get(text);
  if (known !== undefined) {
    textKeys.delete(text);
    textKeys.set(text, known);
    return known;
  }
  if (textKeys.size >= CACHED_TEXTS) textKeys.delete(textKeys.keys().next().value ?? '');
  const key = readText(text);
  textKeys.set(text, key);
  return key;
}

function readText(text: string): TextKey {
  const where = text.search(/\bWHERE\b/i);
  const lookedFor: (string | number)[] = [];
  const kind = text.replace(VALUE, (value, at: number) => {
    const parameter = value.startsWith('$') ? Number(value.slice(1)) : undefined;
    if (at > where) lookedFor.push(parameter ?? value);
    return parameter === undefined ? '?' : value;
  });
  return { kind: shortened(kind), lookedFor };
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
  return text.length <= LONGEST_KEPT ? text : hash('sha1', text, 'base64url');
}
