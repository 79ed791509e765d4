import type { ParseResult } from 'libpg-query';
import { unwrap } from './parse-tree';
import { scanOwnWords } from '../text/scan';
import type { IamStatement } from '../text/scan';
import type { SourceStatement } from './source-statement';
import type { QuerySyntaxError } from './statement';

/** The slice of libpg-query that we use. */
interface Parser {
  loadModule(): Promise<void>;
  parseSync(query: string): ParseResult;
}

let parser: Parser | undefined;
let loading: Promise<void> | undefined;

/**
 * Loads PostgreSQL's parser (WebAssembly, about 1 MB, some 15 ms); `parseQuery` needs it.
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
  try {
    const loaded: Parser = await import('libpg-query');
    await loaded.loadModule();
    parser = loaded;
  } catch (cause) {
    throw new Error(
      "PostgreSQL's parser could not be loaded, which DDL, migrations and `check` need; queries do not. It is the package libpg-query with its file libpg-query.wasm: in a bundle, keep `libpg-query` external and deploy it in node_modules, or copy node_modules/libpg-query/wasm/libpg-query.wasm beside the bundle.",
      { cause },
    );
  }
}

/** A text, split into statements, before anything is said about them. */
export interface Sources {
  readonly statements: readonly SourceStatement[];
  readonly iamStatements: readonly IamStatement[];
  /** The text with DSQL's own words blanked. */
  readonly text: string;
  readonly error?: QuerySyntaxError;
}

/**
 * Reads a text with PostgreSQL's own parser.
 *
 * @throws Error when {@link loadParser} has not been awaited.
 */
export function readSources(sql: string): Sources {
  if (!parser) throw new Error('The SQL parser is not loaded: await loadParser() once before parseQuery().');
  const words = scanOwnWords(sql);
  const query = words?.text ?? sql;
  const iamStatements = words?.iamStatements ?? [];
  if (words?.error) {
    const { message, offset } = words.error;
    const error = { sqlstate: '42601', message, position: characters(sql, offset) + 1, ownWords: true };
    return { statements: [], iamStatements, text: query, error };
  }

  let result: ParseResult;
  try {
    // libpg-query throws on a text without any statement; there is nothing to parse in white space.
    result = query.trim() === '' ? {} : parser.parseSync(query);
  } catch (error) {
    return { statements: [], iamStatements, text: query, error: syntaxError(error) };
  }

  const utf16 = utf16Offsets(query);
  const statements = (result.stmts ?? []).map(({ stmt, stmt_location: from = 0, stmt_len: length = 0 }) => {
    const start = utf16(from);
    const end = length > 0 ? utf16(from + length) : query.length;
    const { name: node, body } = unwrap(stmt ?? {}) ?? { name: '', body: {} };
    const async = words?.asyncOffsets.some((offset) => offset >= start && offset < end) ?? false;
    return { node, body, async, query, start, end, utf16 };
  });
  return { statements, iamStatements, text: query };
}

function syntaxError(error: unknown): QuerySyntaxError {
  // The tree is nested deeper than JavaScript may recurse; PostgreSQL, too, gives up on such a text.
  if (error instanceof RangeError) {
    return { sqlstate: '54001', message: 'stack depth limit exceeded', ownWords: false };
  }
  const { message, sqlDetails } = error as Error & { sqlDetails?: { cursorPosition?: number } };
  const offset = sqlDetails?.cursorPosition ?? -1;
  // libpg-query counts characters from 0, the wire protocol from 1.
  return { sqlstate: '42601', message, ...(offset >= 0 && { position: offset + 1 }), ownWords: false };
}

/** PostgreSQL locates by UTF-8 bytes, JavaScript by UTF-16 units; the two agree on ASCII. */
export function utf16Offsets(text: string): (byteOffset: number) => number {
  const bytes = Buffer.byteLength(text);
  if (bytes === text.length) return (byteOffset) => byteOffset;
  const encoded = Buffer.from(text);
  return (byteOffset) => encoded.toString('utf8', 0, byteOffset).length;
}

/** How many characters, as PostgreSQL counts them, a text has up to a UTF-16 offset. */
export function characters(text: string, end: number): number {
  return Array.from(text.slice(0, end)).length;
}

/** The offset of a 1-based position that counts characters, not UTF-16 units. */
export function offsetOfCharacter(sql: string, position: number): number {
  return Array.from(sql)
    .slice(0, position - 1)
    .join('').length;
}
