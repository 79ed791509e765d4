import { isMessageTooLargeError, isTooManyParametersError } from '../../connection';
import { MAX_TRANSACTION_ROWS, MAX_TRANSACTION_BYTES, ROW_COST_BYTES } from '../../sql';
import { classifyError } from '../classify-error';
import { findInChain } from '../conflict';
import { UnsupportedFeatureError } from '../errors';

/** What a value takes in a statement besides itself: its quotes, a comma, its number. */
const VALUE_COST_BYTES = 8;
/** A date and time with its offset, as text. */
const DATE_BYTES = 30;
/** A value that is longer may be stored compressed, and then takes less. */
const MOST_STORED_AS_IS_BYTES = 2000;
/** A text that is shorter may be a number, a date or a uuid, which take less than their texts. */
const FEWEST_BYTES_OF_TEXT = 64;

/** The most bytes that a character of a text takes in UTF-8. */
const MOST_BYTES_PER_CHARACTER = 3;

/** Adds up what rows take that are written together; an object that several rows share is counted once. */
export class WriteSize {
  readonly #rowCostBytes: number;
  readonly #rows: unknown[] = [];
  /** At most what the rows take; what they take, once the texts have been measured. */
  #bytes = 0;
  #texts: MeasureText = longestBytesOf;
  #counted = new Set<object>();

  /** @param rowCostBytes - what each row takes besides its values, with the entries of its indexes */
  constructor(rowCostBytes = ROW_COST_BYTES) {
    this.#rowCostBytes = rowCostBytes;
  }

  /** Counts a row, unless it is too much for one message, or for one transaction, together with those before it. */
  add(row: unknown): boolean {
    const bytes = this.#bytes + this.#bytesOfRow(row);
    if (bytes > MAX_TRANSACTION_BYTES) return this.#texts === longestBytesOf && this.#measure(row);
    this.#bytes = bytes;
    if (this.#texts === longestBytesOf) this.#rows.push(row);
    return true;
  }

  /** Counts all rows anew, by the bytes of their texts. */
  #measure(row: unknown): boolean {
    this.#texts = bytesInUtf8;
    this.#counted = new Set();
    this.#bytes = 0;
    for (const counted of this.#rows.splice(0)) this.#bytes += this.#bytesOfRow(counted);
    return this.add(row);
  }

  #bytesOfRow(row: unknown): number {
    return this.#rowCostBytes + bytesOf(row, this.#counted, this.#texts);
  }
}

/** How many bytes a text takes, or at most takes. */
type MeasureText = (text: string) => number;

const longestBytesOf: MeasureText = (text) => MOST_BYTES_PER_CHARACTER * text.length;
const bytesInUtf8: MeasureText = (text) => Buffer.byteLength(text);

/** @param counted - objects that are counted already; changed */
function bytesOf(value: unknown, counted: Set<object>, measure: MeasureText): number {
  if (typeof value === 'string') return measure(value) + VALUE_COST_BYTES;
  if (typeof value !== 'object' || value === null) return VALUE_COST_BYTES;
  if (value instanceof Date) return DATE_BYTES;
  // In hexadecimal.
  if (ArrayBuffer.isView(value)) return 2 * value.byteLength + VALUE_COST_BYTES;
  if (counted.has(value)) return VALUE_COST_BYTES;
  counted.add(value);
  let bytes = VALUE_COST_BYTES;
  for (const name of Object.keys(value)) {
    const member: unknown = Object.getOwnPropertyDescriptor(value, name)?.value;
    if (typeof member === 'string') bytes += measure(member) + VALUE_COST_BYTES;
    else bytes += isOther(member) ? VALUE_COST_BYTES : bytesOf(member, counted, measure);
  }
  return bytes;
}

/** Whether rows can be written together, as far as can be told before. */
export function fitInTransaction(rows: readonly unknown[], rowCostBytes?: number): boolean {
  const size = new WriteSize(rowCostBytes);
  return rows.every((row) => size.add(row));
}

/** Whether a member of a row is an object of a class: it may be an entity, of which only the key is written. */
function isOther(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value) || value instanceof Date || ArrayBuffer.isView(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype !== Object.prototype && prototype !== null;
}

/** A write in one transaction. */
export interface OneWrite {
  readonly rows: readonly unknown[];
  /** Those that are certain to be written; nothing for all. */
  readonly certain?: () => readonly unknown[];
  /** Whether they are written with their values, and not only named by their keys. */
  readonly hasValues?: boolean;
}

/**
 * Refuses a write of which it is certain that one transaction cannot do it: of its size, what may be stored in fewer bytes
 * than it has here is not counted.
 *
 * @throws UnsupportedFeatureError before anything is sent
 */
export function expectOneTransaction({ rows, certain = () => rows, hasValues = true }: OneWrite): void {
  const isLarge = hasValues && certainBytesOf(rows) > MAX_TRANSACTION_BYTES;
  if (rows.length <= MAX_TRANSACTION_ROWS && !isLarge) return;
  const written = certain();
  const count = written.length.toLocaleString('en');
  if (written.length > MAX_TRANSACTION_ROWS) throw tooMuch(`${count} rows`, 'change at most 3,000 rows');
  const bytes = isLarge ? certainBytesOf(written) : 0;
  if (bytes > MAX_TRANSACTION_BYTES) {
    throw tooMuch(`${count} rows with ${bytes.toLocaleString('en')} bytes`, 'write at most 10 MiB');
  }
}

function tooMuch(what: string, limit: string): UnsupportedFeatureError {
  return new UnsupportedFeatureError(
    `a write of ${what}`,
    `A transaction may ${limit}, and nothing was sent. Outside a transaction, dsql: { batch: true } carries such a write out in several; inBatches() does it for work of your own.`,
  );
}

function certainBytesOf(rows: readonly unknown[]): number {
  return rows.reduce<number>((sum, row) => sum + ROW_COST_BYTES + certainBytesOfRow(row), 0);
}

function certainBytesOfRow(row: unknown): number {
  if (typeof row !== 'object' || row === null) return 0;
  let bytes = 0;
  for (const name of Object.keys(row)) {
    const value: unknown = Object.getOwnPropertyDescriptor(row, name)?.value;
    if (typeof value !== 'string' || value.length < FEWEST_BYTES_OF_TEXT) continue;
    // bytea and numbers may be given as texts.
    if (value.length <= MOST_STORED_AS_IS_BYTES && /^[^\\\d+-]/.test(value)) bytes += value.length;
  }
  return bytes;
}

/** Whether an error says that a statement is too large to be sent. */
export function isTooLargeToSend(error: object): boolean {
  return isMessageTooLargeError(error) || isTooManyParametersError(error);
}

/** Whether a write was too much at once, and is known not to have been done: fewer rows may pass. */
export function isTooMuchAtOnce(error: unknown): boolean {
  return (
    classifyError(error).kind === 'transaction-limit' || findInChain(error, isTooLargeToSend) !== undefined
  );
}

/** Into how many parts to take what was too much at once: as many as the server says, otherwise two. */
export function partsOf(error: unknown): number {
  const sizeIn = (inner: object) => SIZE.exec(String((inner as { detail?: unknown }).detail));
  const sized = findInChain(error, (inner: object) => sizeIn(inner) !== null);
  const [, size, limit] = (sized && sizeIn(sized)) ?? [];
  return size === undefined ? 2 : Math.max(2, Math.ceil((MARGIN * Number(size)) / Number(limit)));
}

/** DETAIL of a transaction that was too large (AWS, observed on a cluster, 2026-10-01). */
const SIZE = /^Current transaction size ([\d.]+) ?mb\D+([\d.]+) ?mb/;
/** Parts of the same number of rows are not of the same size. */
const MARGIN = 1.1;
