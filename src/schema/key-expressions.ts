import { nameOf, tokensOf, type Token } from '../sql';

type Tokens = readonly Token[];

/** A column as a query names it. */
export interface NamedColumn {
  readonly schema: string | undefined;
  readonly table: string;
  readonly column: string;
}

/** A table in FROM. */
interface Source {
  readonly alias: string;
  readonly path: readonly string[];
}

/** What gives integers of PostgreSQL for integers, and nothing wider. */
const INTEGER_WORDS: ReadonlySet<string> = new Set(['MAX', 'MIN', 'COALESCE', 'GREATEST', 'LEAST', 'NULL']);
const INTEGER_SYMBOLS: ReadonlySet<string> = new Set(['(', ')', ',', '+', '-', '*']);

/** Where FROM ends. */
const AFTER_FROM: ReadonlySet<string> = new Set(
  'WHERE GROUP HAVING WINDOW UNION INTERSECT EXCEPT ORDER LIMIT OFFSET FETCH FOR ;'.split(' '),
);
const SET_OPERATIONS: ReadonlySet<string> = new Set(['UNION', 'INTERSECT', 'EXCEPT']);
/** What may follow a table and is no alias of it. */
const AFTER_TABLE: ReadonlySet<string> = new Set(
  'ON USING JOIN LEFT RIGHT INNER FULL OUTER CROSS NATURAL TABLESAMPLE'.split(' '),
);

/**
 * The columns of tables that expressions over integers are made of, as `MAX(id)`, `COALESCE(MAX(p.id), 0) + 1` are. The
 * server says of a column of a result that is an expression only what its type is.
 *
 * @param sql - one query
 * @returns by the place in the list of the SELECT; nothing in the place of other items, and no places at all where the
 *   text does not say what stands in which
 */
export function keyExpressions(sql: string): readonly (readonly NamedColumn[] | undefined)[] {
  const tokens = tokensOf(sql);
  if (tokens.next().value?.value !== 'SELECT') return [];
  const items = splitAtCommas(untilFrom(tokens));
  // Counting is common, and the rest of such a query need not be read.
  const columns = items.map((item) => columnsOf(sql, withoutLabel(item)));
  if (columns.every((paths) => paths === undefined)) return [];
  if (items.some((item) => item[0]?.value === 'DISTINCT' || item.at(-1)?.value === '*')) return [];
  const rest = atTopLevel([...tokens]);
  if (rest.some(({ value }) => SET_OPERATIONS.has(value))) return [];
  const sources = sourcesOf(sql, rest);
  return columns.map((paths) => {
    const named = paths?.map((path) => inTable(path, sources));
    return named?.every((column) => column !== undefined) === true ? named : undefined;
  });
}

/** The list of a SELECT; what is read of the tokens ends with FROM. */
function untilFrom(tokens: Iterator<Token, void>): Tokens {
  const list: Token[] = [];
  let depth = 0;
  for (let next = tokens.next(); next.done !== true; next = tokens.next()) {
    const { value: token } = next;
    if (token.value === '(') depth++;
    if (token.value === ')') depth--;
    if (token.value === 'FROM' && depth === 0) break;
    list.push(token);
  }
  return list;
}

function atTopLevel(tokens: Tokens): Tokens {
  let depth = 0;
  return tokens.filter(({ value }) => {
    if (value === ')') depth--;
    const isHere = depth === 0;
    if (value === '(') depth++;
    return isHere;
  });
}

function splitAtCommas(tokens: Tokens): readonly Tokens[] {
  const commas = new Set(atTopLevel(tokens).filter(({ value }) => value === ','));
  const items: Token[][] = [[]];
  for (const token of tokens) {
    if (commas.has(token)) items.push([]);
    else items.at(-1)?.push(token);
  }
  return items;
}

/** An item of the list without the name that it gives to its column. */
function withoutLabel(item: Tokens): Tokens {
  const [before, last] = item.slice(-2);
  if (before === undefined || last === undefined || !isName(last)) return item;
  if (before.value === 'AS') return item.slice(0, -2);
  return before.kind === 'symbol' && before.value !== ')' ? item : item.slice(0, -1);
}

/** The columns in an expression over integers; nothing for any other expression. */
function columnsOf(sql: string, item: Tokens): readonly (readonly string[])[] | undefined {
  const columns: string[][] = [];
  for (let at = 0; at < item.length; at++) {
    const token = item[at];
    if (token === undefined) break;
    const isCall = item[at + 1]?.value === '(';
    if (token.kind === 'word' && INTEGER_WORDS.has(token.value) && (isCall || token.value === 'NULL'))
      continue;
    if (token.kind === 'number' && /^\d{1,9}$/.test(token.value)) continue;
    if (token.kind === 'symbol' && INTEGER_SYMBOLS.has(token.value)) continue;
    if (!isName(token) || isCall) return undefined;
    const path = [nameOf(sql, token)];
    for (; item[at + 1]?.value === '.'; at += 2) path.push(nameOf(sql, item[at + 2]));
    columns.push(path);
  }
  return columns.length === 0 ? undefined : columns;
}

/** The tables behind FROM; an entry without a path for anything else. */
function sourcesOf(sql: string, tokens: Tokens): readonly Source[] {
  const sources: Source[] = [];
  for (let at = -1; at < tokens.length && !AFTER_FROM.has(tokens[at]?.value ?? ''); at++) {
    if (at >= 0 && tokens[at]?.value !== 'JOIN' && tokens[at]?.value !== ',') continue;
    const path = [nameOf(sql, tokens[++at])];
    for (; tokens[at + 1]?.value === '.'; at += 2) path.push(nameOf(sql, tokens[at + 2]));
    if (tokens[at + 1]?.value === 'AS') at++;
    const next = tokens[at + 1];
    const hasAlias = isName(next) && !AFTER_TABLE.has(next.value) && !AFTER_FROM.has(next.value);
    const isTable = !path.includes('') && next?.value !== '(';
    sources.push({ alias: hasAlias ? nameOf(sql, next) : (path.at(-1) ?? ''), path: isTable ? path : [] });
  }
  return sources;
}

function inTable(path: readonly string[], sources: readonly Source[]): NamedColumn | undefined {
  const [column = '', alias] = path.toReversed();
  const [source, ...others] = sources.filter((each) => alias === undefined || each.alias === alias);
  const [table, schema] = source?.path.toReversed() ?? [];
  return table === undefined || others.length > 0 ? undefined : { schema, table, column };
}

function isName(token: Token | undefined): token is Token {
  return token?.kind === 'word' || token?.kind === 'quoted';
}
