/** A word or a symbol of a program; strings, comments and regular expressions are none. */
export interface CodeToken {
  readonly kind: 'name' | 'symbol' | 'value';
  readonly text: string;
  /** Whether a line ended before it. */
  readonly isFirstOfLine: boolean;
}

const NAME = /[\p{ID_Start}$_#][\p{ID_Continue}$]*/uy;
const NUMBER = /\d[\w.]*/y;
const QUOTED = /'(?:[^'\\\n]|\\[\s\S])*'|"(?:[^"\\\n]|\\[\s\S])*"/y;
const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\//y;
const PATTERN = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y;
const SYMBOL = /=>|\?\.(?!\d)|\.\.\.|[^\s]/uy;

/** Behind these a slash divides. */
const ENDS_VALUE = /^(?:[)\]}]|this|super|null|true|false)$/;

/**
 * Reads JavaScript, as far as it takes to know which names it uses. Of a template the expressions in it are read, between
 * the symbols `${` and `}`.
 *
 * @returns nothing for a text that cannot be read
 */
export function codeTokens(code: string): readonly CodeToken[] | undefined {
  const tokens: CodeToken[] = [];
  /** For each open brace whether it is that of a template. */
  const braces: boolean[] = [];
  let at = 0;
  let isFirstOfLine = true;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const text = pattern.exec(code)?.[0];
    if (text !== undefined) at += text.length;
    return text;
  };
  const add = (kind: CodeToken['kind'], text: string) => {
    tokens.push({ kind, text, isFirstOfLine });
    isFirstOfLine = false;
  };
  /** Up to the next expression, or to its end. */
  const readTemplate = (): boolean => {
    for (; at < code.length; at++) {
      if (code[at] === '\\') at++;
      else if (code[at] === '`') {
        at++;
        add('value', '`');
        return true;
      } else if (code.startsWith('${', at)) {
        at += 2;
        braces.push(true);
        add('symbol', '${');
        return true;
      }
    }
    return false;
  };
  while (at < code.length) {
    const character = code.charAt(at);
    if (/\s/.test(character)) {
      isFirstOfLine ||= character === '\n';
      at++;
      continue;
    }
    if (take(COMMENT) !== undefined) continue;
    const last = tokens.at(-1);
    const isAfterValue = last !== undefined && (last.kind === 'value' || ENDS_VALUE.test(last.text));
    const isMember = /^\??\.$/.test(tokens.at(-2)?.text ?? '');
    const isDivision = isAfterValue || (last?.kind === 'name' && (isMember || !KEYWORDS.has(last.text)));
    if (character === '`') {
      at++;
      if (!readTemplate()) return undefined;
    } else if (character === '}' && braces.pop() === true) {
      at++;
      add('symbol', '}');
      if (!readTemplate()) return undefined;
    } else if (take(QUOTED) !== undefined) add('value', 'text');
    else if (character === '/' && !isDivision) {
      if (take(PATTERN) === undefined) return undefined;
      add('value', 'pattern');
    } else if (take(NUMBER) !== undefined) add('value', 'number');
    else {
      const name = take(NAME);
      if (name !== undefined) add('name', name);
      else {
        const symbol = take(SYMBOL) ?? '';
        if (symbol === '{') braces.push(false);
        add('symbol', symbol);
      }
    }
  }
  return braces.length === 0 ? tokens : undefined;
}

/** Words that are no names. */
export const KEYWORDS: ReadonlySet<string> = new Set(
  (
    'async await break case catch class const constructor continue default delete do else export extends finally for from function ' +
    'get if in instanceof let new of return set static switch throw try typeof var void while yield'
  ).split(' '),
);
