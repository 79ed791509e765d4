import type { ParseResult } from 'libpg-query';
import { classify } from './classify';
import { unwrap } from './parse-tree';
import { findRefusal } from './refusals';
import { adaptText } from './adapt-text';
import { scanOwnWords } from './scan';
import type { IamStatement, OwnWords } from './scan';
import type { ParsedQuery, QuerySyntaxError, Statement } from './statement';

/** The slice of libpg-query that we use. */
interface Parser {
  loadModule(): Promise<void>;
  parseSync(query: string): ParseResult;
}

let parser: Parser | undefined;
let loading: Promise<void> | undefined;

/**
 * Loads PostgreSQL's parser (WebAssembly, about 1 MB, some 15 ms); {@link parseQuery} needs it.
 *
 * It may be called any number of times; the module is loaded once in a process, and only when asked for.
 */
export function loadParser(): Promise<void> {
  loading ??= load().catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function load(): Promise<void> {
  const loaded: Parser = await import('libpg-query');
  await loaded.loadModule();
  parser = loaded;
}

const CACHED_QUERIES = 2000;
/** A bulk INSERT's tree is some twenty times its text, and the same one rarely comes again. */
const LONGEST_CACHED_QUERY = 32 * 1024;
/** Of all cached texts together, so that their trees stay at about 4 MB: 400 texts of 16 KB took 136 MB (measured). */
const CACHED_CHARACTERS = 200_000;
/** Least recently used first: a Map iterates in the order of insertion. */
const cache = new Map<string, ParsedQuery>();
let cachedCharacters = 0;

/**
 * Reads a query string as Aurora DSQL does: splits it into statements, says what each one does and whether DSQL
 * refuses it, and gives the text that PostgreSQL 16 can run in its stead.
 *
 * The answer for a text is computed once and kept for the most recently used texts: at most 2,000 of up to 32 KiB each,
 * and of 200,000 characters together. Treat it as immutable.
 *
 * @param sql - One or more statements, as in a simple query, or the one of a Parse message.
 * @throws Error when {@link loadParser} has not been awaited.
 */
export function parseQuery(sql: string): ParsedQuery {
  const known = cache.get(sql);
  if (known) {
    cache.delete(sql);
    cache.set(sql, known);
    return known;
  }
  if (!parser) throw new Error('The SQL parser is not loaded: await loadParser() once before parseQuery().');
  const parsed = parse(parser, sql);
  if (sql.length <= LONGEST_CACHED_QUERY) {
    cache.set(sql, parsed);
    cachedCharacters += sql.length;
    forgetOldest();
  }
  return parsed;
}

function forgetOldest(): void {
  for (const oldest of cache.keys()) {
    if (cache.size <= CACHED_QUERIES && cachedCharacters <= CACHED_CHARACTERS) return;
    cache.delete(oldest);
    cachedCharacters -= oldest.length;
  }
}

function parse(postgres: Parser, sql: string): ParsedQuery {
  const words = scanOwnWords(sql);
  const text = words?.text ?? sql;
  if (words?.error) {
    const { message, offset } = words.error;
    return {
      statements: [],
      text,
      error: { message, position: characters(sql, offset) + 1, ownWords: true },
    };
  }
  const iam = (words?.iamStatements ?? []).map((statement) => iamStatement(sql, statement));

  let result: ParseResult;
  try {
    // libpg-query throws on a text without any statement; there is nothing to parse in white space.
    result = text.trim() === '' ? {} : postgres.parseSync(text);
  } catch (error) {
    return { statements: [], text, error: syntaxError(error) };
  }

  const utf16 = utf16Offsets(text);
  const statements = (result.stmts ?? []).map(({ stmt, stmt_location: from = 0, stmt_len: length = 0 }) => {
    const start = utf16(from);
    const end = length > 0 ? utf16(from + length) : text.length;
    return readStatement(stmt ?? {}, text, start, end, words, utf16);
  });
  if (iam.length > 0) statements.push(...iam);
  return { statements: iam.length > 0 ? statements.sort((a, b) => a.start - b.start) : statements, text };
}

function readStatement(
  wrapper: object,
  query: string,
  start: number,
  end: number,
  words: OwnWords | undefined,
  utf16: (byteOffset: number) => number,
): Statement {
  const { name: node, body } = unwrap(wrapper) ?? { name: '', body: {} };
  const async = words?.asyncOffsets.some((offset) => offset >= start && offset < end) ?? false;
  const source = { node, body, async, query, start, end, utf16 };
  const refusal = findRefusal(source);
  const { text, insertions } = adaptText(source);
  return {
    node,
    tree: body,
    ...classify(node, body),
    text,
    start,
    insertions,
    async,
    ...(refusal && { refusal }),
  };
}

function iamStatement(sql: string, statement: IamStatement): Statement {
  return {
    node: statement.action === 'grant' ? 'AwsIamGrantStmt' : 'AwsIamRevokeStmt',
    tree: statement,
    kind: 'ddl',
    text: sql.slice(statement.start, statement.end),
    start: statement.start,
    insertions: [],
    async: false,
    targets: [],
  };
}

function syntaxError(error: unknown): QuerySyntaxError {
  const { message, sqlDetails } = error as Error & { sqlDetails?: { cursorPosition?: number } };
  const offset = sqlDetails?.cursorPosition ?? -1;
  // libpg-query counts characters from 0, the wire protocol from 1.
  return { message, ...(offset >= 0 && { position: offset + 1 }), ownWords: false };
}

/** PostgreSQL locates by UTF-8 bytes, JavaScript by UTF-16 units; the two agree on ASCII. */
export function utf16Offsets(text: string): (byteOffset: number) => number {
  const bytes = Buffer.byteLength(text);
  if (bytes === text.length) return (byteOffset) => byteOffset;
  const encoded = Buffer.from(text);
  return (byteOffset) => encoded.toString('utf8', 0, byteOffset).length;
}

function characters(text: string, end: number): number {
  return Array.from(text.slice(0, end)).length;
}

/**
 * Translates the position of an error that PostgreSQL reports for one statement's `text` to the query that the
 * client sent.
 *
 * @param sql - The query that was given to {@link parseQuery}.
 * @param statement - One of its statements.
 * @param position - 1-based, in characters, in `statement.text`.
 * @returns 1-based, in characters, in `sql`.
 */
export function positionInQuery(sql: string, statement: Statement, position: number): number {
  let before = Array.from(statement.text)
    .slice(0, position - 1)
    .join('').length;
  let inserted = 0;
  for (const { at, length } of statement.insertions) {
    if (at < before) inserted += Math.min(length, before - at);
  }
  before -= inserted;
  return characters(sql, statement.start + before) + 1;
}
