import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import type { Location } from './sql-text';
import { literalsIn } from './source-literals';
import type { SourceLiteral } from './source-literals';

/** Where a text of SQL was found in a source. */
export interface FoundText {
  readonly literal: SourceLiteral;
  /** Where an offset of the text stands in the source. */
  offsetInSource(offset: number): number;
  /** Whether the text is the literal's value, unchanged. */
  readonly isWhole: boolean;
}

/** A file, with its lines and, where it is JavaScript or TypeScript, its literals. */
export class SourceFile {
  readonly text: string;
  /** Whether its bytes are text in UTF-8, and so what the server takes. */
  readonly isText: boolean;
  #lineStarts: number[] | undefined;
  #literals: FileLiterals | undefined;

  /** @throws the error of `readFileSync` */
  constructor(readonly file: string) {
    const bytes = readFileSync(file);
    this.text = bytes.toString('utf8');
    this.isText = isUtf8(bytes) && !bytes.includes(0);
  }

  /** The place of an offset. */
  locate(offset: number): Location {
    const starts = this.#starts;
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { file: this.file, line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  }

  /** The offset of the first character of a line that is not white space. */
  startOfLine(line: number): number {
    const start = this.#starts[line - 1] ?? 0;
    return start + (/^[\t ]*/.exec(this.text.slice(start, this.#starts[line]))?.[0].length ?? 0);
  }

  /**
   * Finds the literal whose value is a text: of several the first one from a line on, or else the last before it.
   */
  find(sql: string, line: number): FoundText | undefined {
    const from = this.#starts[line - 1] ?? 0;
    const found = this.findAll(sql);
    return found.find(({ literal }) => literal.end >= from) ?? found.at(-1);
  }

  /** The literals whose value is a text, in order. */
  findAll(sql: string): readonly FoundText[] {
    const { whole, withGaps } = this.#literalsOfFile;
    return [...(whole.get(sql.trim()) ?? []), ...withGaps]
      .flatMap((literal) => matches(literal, sql) ?? [])
      .sort((one, other) => one.literal.start - other.literal.start);
  }

  get #starts(): readonly number[] {
    if (!this.#lineStarts) {
      this.#lineStarts = [0];
      for (let at = this.text.indexOf('\n'); at >= 0; at = this.text.indexOf('\n', at + 1)) {
        this.#lineStarts.push(at + 1);
      }
    }
    return this.#lineStarts;
  }

  get #literalsOfFile(): FileLiterals {
    this.#literals ??= sorted(literalsIn(this.text));
    return this.#literals;
  }
}

/** The literals of a file, so that one is found without a look at all others. */
interface FileLiterals {
  /** Those of one text, by what it is without the white space around it. */
  readonly whole: ReadonlyMap<string, readonly SourceLiteral[]>;
  readonly withGaps: readonly SourceLiteral[];
}

function sorted(literals: readonly SourceLiteral[]): FileLiterals {
  const whole = new Map<string, SourceLiteral[]>();
  const withGaps: SourceLiteral[] = [];
  for (const literal of literals) {
    const [first, ...others] = literal.pieces;
    if (others.length > 0) withGaps.push(literal);
    else if (first) {
      const text = first.text.trim();
      const same = whole.get(text);
      if (same) same.push(literal);
      else whole.set(text, [literal]);
    }
  }
  return { whole, withGaps };
}

function matches(literal: SourceLiteral, sql: string): FoundText | undefined {
  const [first, ...others] = literal.pieces;
  if (!first) return undefined;
  if (others.length === 0) {
    if (first.text === sql) {
      return { literal, isWhole: true, offsetInSource: (offset) => first.offsetInSource(offset) };
    }
    const trimmed = first.text.trim();
    if (trimmed === '' || trimmed !== sql.trim()) return undefined;
    const shift = first.text.indexOf(trimmed) - sql.indexOf(trimmed);
    return {
      literal,
      isWhole: false,
      offsetInSource: (offset) => first.offsetInSource(Math.max(0, offset + shift)),
    };
  }
  return matchesWithGaps(literal, sql);
}

/** What a program puts between the pieces is whatever makes them fit. */
function matchesWithGaps(literal: SourceLiteral, sql: string): FoundText | undefined {
  const { pieces } = literal;
  // A template of little more than gaps fits everything.
  if (pieces.reduce((sum, { text }) => sum + text.trim().length, 0) < 8) return undefined;
  const starts: number[] = [];
  let at = 0;
  for (const [index, { text }] of pieces.entries()) {
    const isLast = index === pieces.length - 1;
    const found = index === 0 ? 0 : isLast ? sql.length - text.length : sql.indexOf(text, at);
    if (found < at || !sql.startsWith(text, found)) return undefined;
    starts.push(found);
    at = found + text.length;
  }
  if (at !== sql.length) return undefined;
  return {
    literal,
    isWhole: false,
    offsetInSource: (offset) => {
      const index = starts.findLastIndex((start) => start <= offset);
      const piece = pieces[index];
      const within = offset - (starts[index] ?? 0);
      if (!piece) return literal.start;
      if (within < piece.text.length || index === pieces.length - 1) return piece.offsetInSource(within);
      return pieces[index + 1]?.gap ?? literal.end;
    },
  };
}
