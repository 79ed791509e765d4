import type { Statement } from '../../syntax/statement';
import { tokensOf } from '../../text/scan';
import type { Token } from '../../text/scan';
import { applyEdits } from './edits';
import type { Edit } from './edits';

/**
 * One statement inside its text, read once: its tree, its tokens, and cuts by the parser's locations. All offsets are
 * those of the text.
 */
export class StatementText {
  /** Where the statement begins, its leading comments included. */
  readonly start: number;
  readonly end: number;
  readonly #utf16: (byteOffset: number) => number;
  #tokens: readonly Token[] | undefined;

  /**
   * @param sql - The whole text, with all statements.
   * @param utf16 - Turns the parser's locations in the text into UTF-16 offsets.
   */
  constructor(
    readonly sql: string,
    readonly statement: Statement,
    utf16: (byteOffset: number) => number,
  ) {
    const inserted = statement.insertions.reduce((sum, { length }) => sum + length, 0);
    const text = sql.slice(statement.start, statement.start + statement.text.length - inserted);
    this.start = statement.start + text.length - text.trimStart().length;
    this.end = statement.start + text.trimEnd().length;
    this.#utf16 = utf16;
  }

  /** The statement as it is written. */
  get text(): string {
    return this.sql.slice(this.start, this.end);
  }

  /** Where its first token begins, after its leading comments. */
  get firstToken(): number {
    return this.tokens[0]?.start ?? this.start;
  }

  /** The comments before its first token. */
  get comments(): string {
    return this.sql.slice(this.start, this.firstToken);
  }

  /** The statement's tokens, without comments. */
  get tokens(): readonly Token[] {
    if (!this.#tokens) {
      const tokens: Token[] = [];
      for (const token of tokensOf(this.sql, this.start)) {
        if (token.start >= this.end) break;
        tokens.push(token);
      }
      this.#tokens = tokens;
    }
    return this.#tokens;
  }

  /** The UTF-16 offset of a location of the parse tree; the tree omits a location of 0. */
  at(location: number | undefined): number {
    return this.#utf16(location ?? 0);
  }

  /** The index of the first token at or after an offset; `tokens.length` if there is none. */
  indexAt(offset: number): number {
    let low = 0;
    let high = this.tokens.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.tokens[middle]?.start ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The index after a possibly qualified name that begins at a token. */
  afterName(index: number): number {
    let after = index + 1;
    while (this.tokens[after]?.value === '.') after += 2;
    return after;
  }

  /** The index after a bracket's partner; for any other token the index after it. */
  afterGroup(index: number): number {
    let depth = 0;
    for (let at = index; at < this.tokens.length; at++) {
      const value = this.tokens[at]?.value;
      if (value === '(' || value === '[') depth++;
      if (value === ')' || value === ']') depth--;
      if (depth <= 0) return at + 1;
    }
    return this.tokens.length;
  }

  /** The source of the tokens from one index up to another, with what stands between them. */
  cut(from: number, to: number): string {
    const first = this.tokens[from];
    const last = this.tokens[to - 1];
    return first && last && to > from ? this.sql.slice(first.start, last.end) : '';
  }

  /** Where the tokens before an index end. */
  endBefore(index: number): number {
    return this.tokens[index - 1]?.end ?? this.start;
  }

  /** The name that begins at a location, as it is written. */
  nameAt(location: number | undefined): string {
    const from = this.indexAt(this.at(location));
    return this.cut(from, this.afterName(from));
  }

  /** Splits the tokens from one index up to another at the commas outside of brackets. */
  splitAtCommas(from: number, to: number): { readonly from: number; readonly to: number }[] {
    const parts: { from: number; to: number }[] = [];
    let start = from;
    for (let at = from; at < to; at = this.afterGroup(at)) {
      if (this.tokens[at]?.value !== ',') continue;
      parts.push({ from: start, to: at });
      start = at + 1;
    }
    parts.push({ from: start, to });
    return parts;
  }

  /** The range of the tokens from one index up to another, with the blanks before them, to be cut out. */
  removal(from: number, to: number): Edit {
    return { start: this.endBefore(from), end: this.endBefore(to), text: '' };
  }

  /** The text of a range with edits applied, those that lie in it. */
  edited(edits: readonly Edit[], start = this.start, end = this.end): string {
    return applyEdits(this.sql.slice(start, end), edits, start, end);
  }
}
