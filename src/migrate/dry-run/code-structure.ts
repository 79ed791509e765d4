import { codeTokens, KEYWORDS, type CodeToken } from './code-tokens';

/** A name that code gives, and from where to where it stands for that. */
export interface Declaration {
  readonly from: number;
  readonly to: number;
  readonly isFunction: boolean;
  /** Whether it belongs to the module: what is called twice finds it as the first call has left it. */
  readonly isOfModule: boolean;
  /** Whether it stands for what a function is given. */
  readonly isParameter: boolean;
}

/** Where a name is known. */
type Scope = Pick<Declaration, 'from' | 'to'>;

/** In front of these parentheses is no call, and no function. */
const STATEMENTS =
  /^(?:if|for|while|switch|with|catch|return|await|typeof|void|throw|in|of|yield|case|else|new|delete)$/;

/** Code as tokens, with its brackets, and the names that it gives. */
export class CodeStructure {
  readonly tokens: readonly CodeToken[];
  /** Where names of fields and methods are: the same names elsewhere stand for something else. */
  readonly members = new Set<number>();
  /** The names of methods. */
  readonly methods = new Set<string>();
  readonly #declared = new Map<string, Declaration[]>();
  /** The other bracket of each. */
  readonly #other: readonly number[];
  /** The bracket that each token is in, or -1. */
  readonly #parent: readonly number[];

  private constructor(tokens: readonly CodeToken[], other: readonly number[], parent: readonly number[]) {
    this.tokens = tokens;
    this.#other = other;
    this.#parent = parent;
    this.#findMembers();
    for (const at of tokens.keys()) this.#findNames(at);
  }

  /** @returns nothing for a text that cannot be read */
  static of(code: string): CodeStructure | undefined {
    const tokens = codeTokens(code);
    if (tokens === undefined) return undefined;
    const other: number[] = [];
    const open: number[] = [];
    const parent = tokens.map(({ kind, text }, at) => {
      const isClosing = kind === 'symbol' && /^[)\]}]$/.test(text);
      const start = isClosing ? open.pop() : undefined;
      if (start !== undefined) [other[at], other[start]] = [start, at];
      const within = open.at(-1) ?? -1;
      if (kind === 'symbol' && /^(?:[([{]|\$\{)$/.test(text)) open.push(at);
      return isClosing && start === undefined ? -2 : within;
    });
    return open.length > 0 || parent.includes(-2) ? undefined : new CodeStructure(tokens, other, parent);
  }

  textAt(at: number): string {
    return this.tokens[at]?.text ?? '';
  }

  /** The bracket that a token is in, or -1. */
  parentOf(at: number): number {
    return this.#parent[at] ?? -1;
  }

  /** The bracket that belongs to another one. */
  otherOf(at: number): number {
    return this.#other[at] ?? this.tokens.length;
  }

  isMember(at: number): boolean {
    return /^\??\.$/.test(this.textAt(at - 1));
  }

  /** What a name stands for at a place. */
  find(at: number): Declaration | undefined {
    const found = this.#declared.get(this.textAt(at)) ?? [];
    const inScope = found.filter(({ from, to }) => from <= at && at <= to);
    return inScope.toSorted((one, next) => next.from - one.from)[0];
  }

  /** Where a chain of members and calls begins that a token ends. */
  rootOf(at: number): number {
    let root = at;
    for (;;) {
      const text = this.textAt(root);
      if (text === ')' || text === ']') {
        const open = this.otherOf(root);
        const isOfValue = this.#isValueEnd(open - 1);
        if (!isOfValue) return open;
        root = open - 1;
      } else if (this.isMember(root)) root = root - 2;
      else return root;
    }
  }

  #isValueEnd(at: number): boolean {
    const token = this.tokens[at];
    if (token === undefined) return false;
    if (token.kind === 'name') return !KEYWORDS.has(token.text) || this.isMember(at);
    return token.kind === 'value' || /^[)\]]$/.test(token.text);
  }

  /** The fields and methods of a text that is a class, and the methods of objects. */
  #findMembers(): void {
    for (const [at, { kind, text, isFirstOfLine }] of this.tokens.entries()) {
      const isOfClass = this.textAt(0) === 'class' && this.parentOf(this.parentOf(at)) === -1;
      const isField = isOfClass && this.textAt(this.parentOf(at)) === '{';
      const begins =
        isFirstOfLine || /^[{};]$|^(?:static|readonly|private|public)$/.test(this.textAt(at - 1));
      if (kind === 'name' && isField && begins) this.members.add(at);
      const isMethod = text === '(' && this.#isOfFunction(at) && this.textAt(at - 2) !== 'function';
      if (!isMethod || this.textAt(at - 1) === 'function') continue;
      this.members.add(at - 1);
      this.methods.add(this.textAt(at - 1));
    }
  }

  #findNames(at: number): void {
    const { kind, text } = this.tokens[at] ?? { kind: 'value', text: '' };
    const next = this.tokens[at + 1];
    if (kind === 'name' && /^(?:const|let|var)$/.test(text)) this.#findVariables(at);
    else if (/^(?:class|function)$/.test(text) && next?.kind === 'name' && !this.isMember(at)) {
      this.#declare(at + 1, this.#blockOf(at), text === 'function');
    } else if (text === 'catch' && next?.text === '(') {
      this.#declareAll(at + 1, this.otherOf(at + 1), this.#endOfBody(this.otherOf(at + 1) + 1));
    } else if (text === '=>') {
      const isList = this.textAt(at - 1) === ')';
      const from = isList ? this.otherOf(at - 1) : at - 1;
      if (isList) this.#declareAll(from, at - 1, this.#endOfBody(at + 1));
      else this.#declare(from, { from, to: this.#endOfBody(at + 1), isParameter: true }, false);
    } else if (text === '(' && this.#isOfFunction(at)) {
      const close = this.otherOf(at);
      this.#declareAll(at, close, this.#endOfBody(this.#blockBehind(close)));
    }
  }

  #findVariables(at: number): void {
    const end = this.#endOfPattern(at + 1);
    const scope = this.#blockOf(at);
    const [first, second] = [this.textAt(end + 1), this.textAt(end + 2)];
    const value = first === 'async' ? end + 2 : end + 1;
    const isArrow = /^(?:=>|:)$/.test(this.textAt(this.otherOf(value) + 1)) && this.textAt(value) === '(';
    const isFunction = first === 'function' || second === 'function' || isArrow || second === '=>';
    if (this.tokens[at + 1]?.kind === 'name')
      this.#declare(at + 1, scope, isFunction && this.textAt(end) === '=');
    else this.#declareAll(at, end, scope.to, scope.from);
  }

  #declare(
    at: number,
    { from, to, isParameter = false }: Scope & { readonly isParameter?: boolean },
    isFunction: boolean,
  ): void {
    const text = this.textAt(at);
    const isOfModule = !isFunction && from === 0 && to >= this.tokens.length - 1;
    const declared = { from, to, isFunction, isOfModule, isParameter };
    this.#declared.set(text, [...(this.#declared.get(text) ?? []), declared]);
  }

  /** The names that a pattern, or a list of parameters, gives; not those in it that are read, and not the types. */
  #declareAll(open: number, close: number, to: number, from = open): void {
    for (let at = open + 1; at < close; at++) {
      const [before, after] = [this.textAt(at - 1), this.textAt(at + 1)];
      const isInBraces = this.textAt(this.parentOf(at)) === '{';
      const isType = before === ':' && !isInBraces;
      const isGiven =
        /^[{[(,:]$|^\.\.\.$|^(?:const|let|var)$/.test(before) && /^[,}\])=:?]$|^of$|^in$/.test(after);
      const isKey = isInBraces && after === ':';
      if (this.tokens[at]?.kind !== 'name' || !isGiven || isType || isKey) continue;
      this.#declare(at, { from, to, isParameter: from === open }, false);
    }
  }

  /** From where to where a name is known that is given at a place. */
  #blockOf(at: number): Scope {
    const open = this.parentOf(at);
    if (open < 0) return { from: 0, to: this.tokens.length };
    // Of a loop.
    if (this.textAt(open) === '(') return { from: open, to: this.#endOfBody(this.otherOf(open) + 1) };
    return { from: open, to: this.otherOf(open) };
  }

  /** Whether parentheses hold the parameters of a function or of a method: a block follows them in the same line. */
  #isOfFunction(at: number): boolean {
    const name = this.tokens[at - 1];
    if (name?.kind !== 'name' && name?.text !== '*' && name?.text !== ']') return false;
    if (STATEMENTS.test(name.text) || this.isMember(at - 1) || this.textAt(at - 2) === 'new') return false;
    const block = this.tokens[this.#blockBehind(this.otherOf(at))];
    return block?.text === '{' && !block.isFirstOfLine;
  }

  /** What is behind parameters, and the type that TypeScript says of what is returned. */
  #blockBehind(close: number): number {
    let at = close + 1;
    if (this.textAt(at) === ':') while (at < this.tokens.length && !/^[{;=]$/.test(this.textAt(at))) at++;
    return at;
  }

  /** Where a block ends, or an expression or a statement in the place of one. */
  #endOfBody(from: number): number {
    if (this.textAt(from) === '{') return this.otherOf(from);
    for (let at = from; at < this.tokens.length; at++) {
      const text = this.textAt(at);
      if (/^(?:[([{]|\$\{)$/.test(text)) at = this.otherOf(at);
      else if (/^[,;)\]}]$/.test(text)) return at;
    }
    return this.tokens.length;
  }

  /** Where what is declared ends, and its value begins. */
  #endOfPattern(from: number): number {
    for (let at = from; at < this.tokens.length; at++) {
      const text = this.textAt(at);
      if (/^[{[(]$/.test(text)) at = this.otherOf(at);
      else if (/^(?:[=;)\]}]|of|in)$/.test(text)) return at;
    }
    return this.tokens.length;
  }
}
