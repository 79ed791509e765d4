/** One lexical token of a query, located by UTF-16 offsets. */
export interface Token {
  readonly kind: 'word' | 'quoted' | 'string' | 'number' | 'parameter' | 'symbol';
  /** The word in upper case, or the symbol; other tokens carry their source text. */
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

/** An `AWS IAM GRANT role TO 'arn'` or `AWS IAM REVOKE role FROM 'arn'`, read by {@link scanOwnWords}. */
export interface IamStatement {
  readonly action: 'grant' | 'revoke';
  readonly role: string;
  readonly arn: string;
  readonly start: number;
  readonly end: number;
}

/** What {@link scanOwnWords} found: where DSQL's own words stood, and the text without them. */
export interface OwnWords {
  /** The query with every one of DSQL's own words replaced by as many spaces. */
  readonly text: string;
  /** UTF-16 offsets of each `ASYNC` that was blanked. */
  readonly asyncOffsets: readonly number[];
  readonly iamStatements: readonly IamStatement[];
  /** The first syntax error in DSQL's own words; `offset` is in UTF-16 units. */
  readonly error?: { readonly message: string; readonly offset: number };
}

const WORD_START = /[A-Za-z_\u0080-\uffff]/;
const WORD_PARTS = /[A-Za-z0-9_$\u0080-\uffff]*/y;
const NUMBER_PARTS = /[0-9A-Za-z_.]*/y;
const DIGITS = /[0-9]*/y;
/** With these begins what the next three look for. */
const MAY_BEGIN_QUOTE = new Set('\'"$EeBbXxNnUu');
const DOLLAR_TAG = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y;
const STRING_PREFIX = /(?:[EeBbXxNn]|[Uu]&)?'/y;
const QUOTED_PREFIX = /(?:[Uu]&)?"/y;

/**
 * Splits SQL into PostgreSQL's tokens, skipping white space and comments, from a UTF-16 offset on.
 *
 * It reads any text without failing: what is unterminated runs to the end. Operators come one character at a
 * time, which is enough to find names and keywords.
 */
export function* tokensOf(sql: string, from = 0): Generator<Token, void, undefined> {
  let at = from;
  while (at < sql.length) {
    const start = at;
    const character = sql.charAt(at);
    if (character <= ' ') {
      at++;
      continue;
    }
    if (sql.startsWith('--', at)) {
      const newline = sql.indexOf('\n', at);
      at = newline < 0 ? sql.length : newline + 1;
      continue;
    }
    if (sql.startsWith('/*', at)) {
      at = endOfComment(sql, at);
      continue;
    }
    let kind: Token['kind'];
    const mayQuote = MAY_BEGIN_QUOTE.has(character);
    if (mayQuote && matchesAt(STRING_PREFIX, sql, at)) {
      kind = 'string';
      at = endOfQuote(sql, sql.indexOf("'", at), "'", character === 'E' || character === 'e');
    } else if (mayQuote && matchesAt(QUOTED_PREFIX, sql, at)) {
      kind = 'quoted';
      at = endOfQuote(sql, sql.indexOf('"', at), '"', false);
    } else if (mayQuote && matchesAt(DOLLAR_TAG, sql, at)) {
      kind = 'string';
      const tag = sql.slice(at, DOLLAR_TAG.lastIndex);
      const close = sql.indexOf(tag, DOLLAR_TAG.lastIndex);
      at = close < 0 ? sql.length : close + tag.length;
    } else if (WORD_START.test(character)) {
      kind = 'word';
      at = endOfRun(WORD_PARTS, sql, at);
    } else if (/[0-9]/.test(character)) {
      kind = 'number';
      at = endOfRun(NUMBER_PARTS, sql, at);
    } else if (character === '$') {
      kind = 'parameter';
      at = endOfRun(DIGITS, sql, at + 1);
    } else {
      kind = 'symbol';
      at++;
    }
    const source = sql.slice(start, at);
    yield { kind, value: kind === 'word' ? source.toUpperCase() : source, start, end: at };
  }
}

function matchesAt(sticky: RegExp, sql: string, at: number): boolean {
  sticky.lastIndex = at;
  return sticky.test(sql);
}

function endOfRun(sticky: RegExp, sql: string, from: number): number {
  sticky.lastIndex = from;
  sticky.test(sql);
  return sticky.lastIndex;
}

/** PostgreSQL's block comments nest. */
function endOfComment(sql: string, from: number): number {
  let at = from + 2;
  for (let depth = 1; depth > 0;) {
    const open = sql.indexOf('/*', at);
    const close = sql.indexOf('*/', at);
    if (close < 0) return sql.length;
    if (open >= 0 && open < close) {
      depth++;
      at = open + 2;
    } else {
      depth--;
      at = close + 2;
    }
  }
  return at;
}

function endOfQuote(sql: string, open: number, quote: string, backslashEscapes: boolean): number {
  for (let at = open + 1; at < sql.length; at++) {
    const character = sql.charAt(at);
    if (backslashEscapes && character === '\\') at++;
    else if (character === quote) {
      if (sql.charAt(at + 1) !== quote) return at + 1;
      at++;
    }
  }
  return sql.length;
}

/** Words after which the results of a query are listed, and those that end the list. */
const BEGINS_RESULTS = new Set(['SELECT', 'RETURNING']);
const ENDS_RESULTS = new Set(
  'FROM INTO WHERE GROUP HAVING WINDOW UNION INTERSECT EXCEPT ORDER LIMIT OFFSET FETCH FOR VALUES'.split(' '),
);
/** After these there is no value yet that a label could belong to. */
const EXPECTS_VALUE = new Set(
  (
    'SELECT DISTINCT ALL RETURNING AND OR NOT IS IN LIKE ILIKE BETWEEN ON BY WHEN THEN ELSE CASE FROM AT ' +
    '( [ , = < > + - * / % ^ | & ~ ! # @ :'
  ).split(' '),
);

/**
 * The places at which ASYNC may stand as a name: a field after a dot, and the label of a result, after AS or after its
 * value. DSQL reserves the word (grammar accepted by a cluster, 2026-08), so that it names nothing else without quotes.
 */
function* namesOf(statement: readonly Token[], word: string): Generator<number, void, undefined> {
  // In these, SELECT is a privilege.
  const hasResults = !/^(?:GRANT|REVOKE|ALTER)$/.test(statement[0]?.value ?? '');
  const isInResults: boolean[] = [false];
  for (const [index, { kind, value }] of statement.entries()) {
    const previous = statement[index - 1]?.value ?? '';
    if (value === '(' || value === '[') isInResults.push(false);
    else if (value === ')' || value === ']') isInResults.pop();
    else if (kind !== 'word') continue;
    else if (BEGINS_RESULTS.has(value) && hasResults) isInResults.splice(-1, 1, true);
    else if (ENDS_RESULTS.has(value) && !isComparison(statement, index)) isInResults.splice(-1, 1, false);
    else if (value === word) {
      const isLabel = isInResults.at(-1) === true && !EXPECTS_VALUE.has(previous);
      if (previous === '.' || isLabel) yield index;
    }
  }
}

/** Whether this is the FROM of IS [NOT] DISTINCT FROM. */
function isComparison(statement: readonly Token[], index: number): boolean {
  const [is, distinct] = [statement[index - 2]?.value ?? '', statement[index - 1]?.value];
  return statement[index]?.value === 'FROM' && distinct === 'DISTINCT' && /^(?:IS|NOT)$/.test(is);
}

/**
 * Finds the words that only DSQL's grammar has and blanks them with spaces, so that PostgreSQL's parser reads the
 * rest with every location unchanged: `ASYNC` after `CREATE [UNIQUE] INDEX` and after `ALTER TABLE`, and whole
 * `AWS IAM GRANT` / `AWS IAM REVOKE` statements.
 *
 * `ASYNC` elsewhere, as the bare name of anything, is the syntax error that a cluster reports.
 *
 * @returns `undefined` when the text holds none of the words, at the price of one regular expression.
 */
export function scanOwnWords(sql: string): OwnWords | undefined {
  if (!/\b(?:async|aws)\b/i.test(sql)) return undefined;
  const blanks: { readonly start: number; readonly end: number }[] = [];
  const asyncOffsets: number[] = [];
  const iamStatements: IamStatement[] = [];
  let error: OwnWords['error'];

  for (const statement of statementsOf(sql)) {
    const word = (index: number) => (statement[index]?.kind === 'word' ? statement[index].value : undefined);
    if (word(0) === 'AWS' && word(1) === 'IAM') {
      const read = readIamStatement(sql, statement);
      if ('message' in read) error ??= read;
      else {
        iamStatements.push(read);
        blanks.push(read);
      }
      continue;
    }
    const asyncAt = positionOfAsync(word);
    const names = new Set(namesOf(statement, 'ASYNC'));
    statement.forEach((token, index) => {
      if (token.kind !== 'word' || token.value !== 'ASYNC') return;
      if (index === asyncAt) {
        asyncOffsets.push(token.start);
        blanks.push(token);
      } else if (!names.has(index)) {
        error ??= syntaxErrorAt(sql, token);
      }
    });
  }

  let text = sql;
  for (const { start, end } of blanks) {
    text = text.slice(0, start) + ' '.repeat(end - start) + text.slice(end);
  }
  return { text, asyncOffsets, iamStatements, ...(error && { error }) };
}

function* statementsOf(sql: string): Generator<Token[], void, undefined> {
  let statement: Token[] = [];
  for (const token of tokensOf(sql)) {
    if (token.kind === 'symbol' && token.value === ';') {
      yield statement;
      statement = [];
    } else {
      statement.push(token);
    }
  }
  yield statement;
}

function positionOfAsync(word: (index: number) => string | undefined): number | undefined {
  if (word(0) === 'ALTER' && word(1) === 'TABLE' && word(2) === 'ASYNC') return 2;
  const index = word(1) === 'UNIQUE' ? 2 : 1;
  if (word(0) === 'CREATE' && word(index) === 'INDEX' && word(index + 1) === 'ASYNC') return index + 1;
  return undefined;
}

/** `AWS IAM {GRANT role TO | REVOKE role FROM} 'arn'` (AWS user guide, 2026-09). */
function readIamStatement(
  sql: string,
  tokens: readonly Token[],
): IamStatement | { readonly message: string; readonly offset: number } {
  const [aws, , verb, role, preposition, arn, ...rest] = tokens;
  const granting = verb?.value === 'GRANT';
  if (verb?.kind !== 'word' || (!granting && verb.value !== 'REVOKE')) return syntaxErrorAt(sql, verb);
  if (role?.kind !== 'word' && role?.kind !== 'quoted') return syntaxErrorAt(sql, role);
  if (preposition?.kind !== 'word' || preposition.value !== (granting ? 'TO' : 'FROM')) {
    return syntaxErrorAt(sql, preposition);
  }
  if (arn?.kind !== 'string') return syntaxErrorAt(sql, arn);
  if (rest.length > 0) return syntaxErrorAt(sql, rest[0]);
  return {
    action: granting ? 'grant' : 'revoke',
    role: nameIn(sql, role),
    arn: sql
      .slice(arn.start, arn.end)
      .replace(/^[^']*'|'$/g, '')
      .replaceAll("''", "'"),
    start: aws?.start ?? 0,
    end: arn.end,
  };
}

/** The name that a token of a text stands for; empty for what is no name. */
export function nameOf(sql: string, token: Token | undefined): string {
  return token?.kind === 'word' || token?.kind === 'quoted' ? nameIn(sql, token) : '';
}

/** The same for what is a name: what is not in quotes is in lower case. */
function nameIn(sql: string, token: Token): string {
  const source = sql.slice(token.start, token.end);
  return token.kind === 'quoted'
    ? source.replace(/^[^"]*"|"$/g, '').replaceAll('""', '"')
    : source.toLowerCase();
}

function syntaxErrorAt(sql: string, token: Token | undefined): { message: string; offset: number } {
  return token
    ? { message: `syntax error at or near "${sql.slice(token.start, token.end)}"`, offset: token.start }
    : { message: 'syntax error at end of input', offset: sql.length };
}
