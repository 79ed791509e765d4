/** A string or template literal of JavaScript, or several that `+` joins, as its value shows in the source. */
export interface SourceLiteral {
  /** Where it begins in the source, its quote included. */
  readonly start: number;
  readonly end: number;
  /** Its texts, in order; between two of them stands what the program computes. */
  readonly pieces: readonly LiteralPiece[];
  /** The quote, when it is one literal with one text, so that it can be written anew. */
  readonly quote?: Quote;
}

export type Quote = "'" | '"' | '`';

/** One text of a literal. */
export interface LiteralPiece {
  /** As the program sees it, with escapes resolved. */
  readonly text: string;
  /** Where each of its UTF-16 units, and its end, stand in the source. */
  offsetInSource(index: number): number;
  /** Where what the program computes before it begins. */
  readonly gap: number;
}

interface Token {
  readonly kind: 'literal' | 'word' | 'symbol';
  readonly value: string;
  readonly start: number;
  readonly end: number;
  readonly pieces?: readonly LiteralPiece[];
}

const WORD = /[\p{ID_Continue}$\u200c\u200d]+/uy;
/** After these a slash begins a regular expression. */
const BEFORE_EXPRESSION = new Set(
  'return typeof case in of new delete void throw instanceof do else yield await'.split(' '),
);

/** The literals of a JavaScript or TypeScript source, in order. */
export function literalsIn(source: string): SourceLiteral[] {
  const tokens = tokensOf(source);
  const literals: SourceLiteral[] = [];
  for (let at = 0; at < tokens.length; at++) {
    const first = tokens[at];
    if (first?.kind !== 'literal') continue;
    const { pieces, last } = joined(tokens, at);
    const lastToken = tokens[last] ?? first;
    const isAlone = last === at && pieces.length === 1;
    literals.push({
      start: first.start,
      end: lastToken.end,
      pieces,
      ...(isAlone && { quote: source.charAt(first.start) as Quote }),
    });
    at = last;
  }
  return literals;
}

/**
 * Finds the place of a bracket's partner.
 *
 * @returns the offset after it, or `undefined` when the source ends first
 */
export function endOfBrackets(source: string, open: number): number | undefined {
  let depth = 0;
  for (const { kind, value, end } of tokensOf(source, open)) {
    if (kind !== 'symbol') continue;
    if ('([{'.includes(value)) depth++;
    if (')]}'.includes(value) && --depth === 0) return end;
  }
  return undefined;
}

/** Follows `literal + literal + name + literal …` as far as it goes. */
function joined(
  tokens: readonly Token[],
  from: number,
): { readonly pieces: readonly LiteralPiece[]; readonly last: number } {
  let pieces = [...(tokens[from]?.pieces ?? [])];
  let last = from;
  let hasGap = false;
  for (let at = from + 1; tokens[at]?.value === '+' && tokens[at]?.kind === 'symbol';) {
    const operand = tokens[at + 1];
    if (operand?.kind === 'literal') {
      const [head, ...rest] = operand.pieces ?? [];
      const tail = pieces.at(-1);
      if (head && tail && !hasGap) pieces = [...pieces.slice(0, -1), concatenated(tail, head), ...rest];
      else pieces.push(...(operand.pieces ?? []));
      hasGap = false;
      last = at + 1;
      at += 2;
    } else if (operand?.kind === 'word') {
      at += 2;
      while (tokens[at]?.value === '.') at += 2;
      hasGap = true;
    } else break;
  }
  return { pieces, last };
}

function concatenated(one: LiteralPiece, other: LiteralPiece): LiteralPiece {
  return {
    text: one.text + other.text,
    gap: one.gap,
    offsetInSource: (index) =>
      index < one.text.length ? one.offsetInSource(index) : other.offsetInSource(index - one.text.length),
  };
}

// --- tokens -----------------------------------------------------------------------------------------------------

function tokensOf(source: string, from = 0): Token[] {
  const tokens: Token[] = [];
  let at = from;
  while (at < source.length) {
    const start = at;
    const character = source.charAt(at);
    if (/\s/.test(character)) at++;
    else if (source.startsWith('//', at) || (at === 0 && source.startsWith('#!'))) {
      const newline = source.indexOf('\n', at);
      at = newline < 0 ? source.length : newline;
    } else if (source.startsWith('/*', at)) {
      const close = source.indexOf('*/', at + 2);
      at = close < 0 ? source.length : close + 2;
    } else if (character === '"' || character === "'") {
      const { piece, end } = readText(source, at + 1, character, at);
      at = end + 1;
      tokens.push({ kind: 'literal', value: '', start, end: at, pieces: [piece] });
    } else if (character === '`') {
      const { pieces, end } = readTemplate(source, at);
      at = end;
      tokens.push({ kind: 'literal', value: '', start, end: at, pieces });
    } else if (character === '/' && beginsExpression(tokens.at(-1))) {
      at = endOfRegExp(source, at);
      tokens.push({ kind: 'symbol', value: 'regexp', start, end: at });
    } else {
      WORD.lastIndex = at;
      const word = WORD.exec(source)?.[0];
      at += word?.length ?? 1;
      const value = word ?? character;
      tokens.push({ kind: word === undefined ? 'symbol' : 'word', value, start, end: at });
    }
  }
  return tokens;
}

function beginsExpression(previous: Token | undefined): boolean {
  if (!previous) return true;
  if (previous.kind === 'word') return BEFORE_EXPRESSION.has(previous.value);
  return previous.kind === 'symbol' && !/^(?:[)\]}]|regexp)$/.test(previous.value);
}

function endOfRegExp(source: string, start: number): number {
  let inClass = false;
  for (let at = start + 1; at < source.length; at++) {
    const character = source.charAt(at);
    if (character === '\n') return start + 1; // no regular expression after all
    if (character === '\\') at++;
    else if (character === '[') inClass = true;
    else if (character === ']') inClass = false;
    else if (character === '/' && !inClass) return at + 1;
  }
  return source.length;
}

function readTemplate(
  source: string,
  start: number,
): { readonly pieces: readonly LiteralPiece[]; readonly end: number } {
  const pieces: LiteralPiece[] = [];
  let gap = start;
  let at = start + 1;
  for (;;) {
    const { piece, end } = readText(source, at, '`', gap);
    pieces.push(piece);
    if (source.charAt(end) !== '$') return { pieces, end: Math.min(end + 1, source.length) };
    gap = end;
    at = endOfBrackets(source, end + 1) ?? source.length;
  }
}

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  b: '\b',
  f: '\f',
  v: '\v',
  '0': '\0',
};

/** Reads up to the quote, to the `${` of a template, or to the end. */
function readText(
  source: string,
  start: number,
  quote: Quote,
  gap: number,
): { readonly piece: LiteralPiece; readonly end: number } {
  let text = '';
  let offsets: number[] | undefined;
  let at = start;
  for (; at < source.length; at++) {
    const character = source.charAt(at);
    if (character === quote || (quote === '`' && source.startsWith('${', at))) break;
    if (quote !== '`' && character === '\n') break;
    const isNewline = quote === '`' && character === '\r';
    if (character !== '\\' && !isNewline) {
      offsets?.push(at);
      text += character;
      continue;
    }
    offsets ??= Array.from({ length: text.length }, (_, index) => start + index);
    const { value, length } = isNewline
      ? { value: '\n', length: source.charAt(at + 1) === '\n' ? 2 : 1 }
      : readEscape(source, at);
    offsets.push(...Array<number>(value.length).fill(at));
    text += value;
    at += length - 1;
  }
  const end = at;
  const known = offsets;
  return {
    piece: {
      text,
      gap,
      offsetInSource: (index) => (known ? (known[index] ?? end) : start + index),
    },
    end,
  };
}

function readEscape(source: string, at: number): { readonly value: string; readonly length: number } {
  const hex = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]+)\})/y;
  hex.lastIndex = at;
  const match = hex.exec(source);
  if (match) {
    const code = Number.parseInt(match[1] ?? match[2] ?? match[3] ?? '', 16);
    return { value: String.fromCodePoint(Math.min(code, 0x10ffff)), length: match[0].length };
  }
  const character = source.charAt(at + 1);
  if (character === '\r' && source.charAt(at + 2) === '\n') return { value: '', length: 3 };
  if (character === '\n') return { value: '', length: 2 };
  return { value: SIMPLE_ESCAPES[character] ?? character, length: 2 };
}

// --- writing ----------------------------------------------------------------------------------------------------

/** Writes a text as the inside of a literal with that quote; a template keeps its line breaks. */
export function escapedFor(quote: Quote, text: string): string {
  const escaped = text.replaceAll('\\', '\\\\').replaceAll(quote, `\\${quote}`);
  if (quote === '`') return escaped.replaceAll('${', '\\${');
  return escaped.replaceAll('\r', '\\r').replaceAll('\n', '\\n');
}
