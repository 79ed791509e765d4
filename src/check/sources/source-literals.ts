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
  const tokens = [...tokensOf(source)];
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
  for (const token of tokensOf(source, open)) {
    depth += nesting(token);
    if (depth === 0) return token.end;
  }
  return undefined;
}

/** Follows `literal + literal + name + literal …` as far as it goes. */
function joined(
  tokens: readonly Token[],
  from: number,
): { readonly pieces: readonly LiteralPiece[]; readonly last: number } {
  // Neighbours without anything computed between them are one piece.
  const groups: LiteralPiece[][] = (tokens[from]?.pieces ?? []).map((piece) => [piece]);
  let last = from;
  let hasGap = false;
  for (let at = from + 1; tokens[at]?.value === '+' && tokens[at]?.kind === 'symbol';) {
    const operand = tokens[at + 1];
    if (operand?.kind === 'literal') {
      const [head, ...rest] = operand.pieces ?? [];
      const tail = groups.at(-1);
      if (head && tail && !hasGap) tail.push(head);
      else if (head) groups.push([head]);
      groups.push(...rest.map((piece) => [piece]));
      hasGap = false;
      last = at + 1;
      at += 2;
    } else if (operand?.kind === 'word') {
      at += 2;
      while (tokens[at]?.value === '.') at += 2;
      hasGap = true;
    } else break;
  }
  return { pieces: groups.flatMap(concatenated), last };
}

function concatenated(pieces: readonly LiteralPiece[]): LiteralPiece[] {
  const [first] = pieces;
  if (!first || pieces.length === 1) return [...pieces];
  const starts: number[] = [];
  let length = 0;
  for (const { text } of pieces) {
    starts.push(length);
    length += text.length;
  }
  return [
    {
      text: pieces.map(({ text }) => text).join(''),
      gap: first.gap,
      offsetInSource: (index) => {
        const at = Math.max(
          0,
          starts.findLastIndex((start) => start <= index),
        );
        return (pieces[at] ?? first).offsetInSource(index - (starts[at] ?? 0));
      },
    },
  ];
}

// --- tokens -----------------------------------------------------------------------------------------------------

/** A template literal that is not read to its end. */
interface OpenTemplate {
  readonly start: number;
  readonly pieces: LiteralPiece[];
  /** Where the `${` begins that is being read. */
  gap: number;
  /** How many brackets are open in it. */
  depth: number;
}

/** The tokens of a source, each template literal one of them. Everything is read once, however deep templates nest. */
function* tokensOf(source: string, from = 0): Generator<Token, void, undefined> {
  const open: OpenTemplate[] = [];
  let previous: Token | undefined;
  for (let at = endOfSpace(source, from); at < source.length; at = endOfSpace(source, at)) {
    const inner = open.at(-1);
    const closesGap = inner?.depth === 0 && source.charAt(at) === '}';
    if (closesGap || source.charAt(at) === '`') {
      const template = closesGap ? inner : { start: at, pieces: [], gap: at, depth: 0 };
      if (!closesGap) open.push(template);
      const { piece, end } = readText(source, at + 1, '`', template.gap);
      template.pieces.push(piece);
      if (source.charAt(end) === '$') {
        template.gap = end;
        previous = undefined;
        at = end + 2;
        continue;
      }
      open.pop();
      previous = templateToken(template, Math.min(end + 1, source.length));
    } else {
      previous = tokenAt(source, at, previous);
      if (inner) inner.depth = Math.max(0, inner.depth + nesting(previous));
    }
    at = previous.end;
    if (open.length === 0) yield previous;
  }
  const [unfinished] = open;
  if (unfinished) yield templateToken(unfinished, source.length);
}

function templateToken({ start, pieces }: OpenTemplate, end: number): Token {
  return { kind: 'literal', value: '', start, end, pieces };
}

function nesting({ kind, value }: Token): number {
  if (kind !== 'symbol') return 0;
  return '([{'.includes(value) ? 1 : ')]}'.includes(value) ? -1 : 0;
}

/** The token that begins at an offset, where no template literal does. */
function tokenAt(source: string, start: number, previous: Token | undefined): Token {
  const character = source.charAt(start);
  if (character === '"' || character === "'") {
    const { piece, end } = readText(source, start + 1, character, start);
    return { kind: 'literal', value: '', start, end: end + 1, pieces: [piece] };
  }
  if (character === '/' && beginsExpression(previous)) {
    return { kind: 'symbol', value: 'regexp', start, end: endOfRegExp(source, start) };
  }
  WORD.lastIndex = start;
  const word = WORD.exec(source)?.[0];
  const value = word ?? character;
  return { kind: word === undefined ? 'symbol' : 'word', value, start, end: start + value.length };
}

/** Where white space and comments end. */
function endOfSpace(source: string, start: number): number {
  let at = start;
  while (at < source.length) {
    if (/\s/.test(source.charAt(at))) at++;
    else if (source.startsWith('//', at) || (at === 0 && source.startsWith('#!'))) {
      const newline = source.indexOf('\n', at);
      at = newline < 0 ? source.length : newline;
    } else if (source.startsWith('/*', at)) {
      const close = source.indexOf('*/', at + 2);
      at = close < 0 ? source.length : close + 2;
    } else break;
  }
  return at;
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
