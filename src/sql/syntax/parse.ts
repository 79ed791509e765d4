import { classify } from './classify';
import { adaptText } from '../text/adapt-text';
import { atomicStatements, bodyText } from './function-body';
import type { NodeBody } from './parse-tree';
import { characters, readSources } from './read-sources';
import { findRefusal } from '../refusals';
import type { IamStatement } from '../text/scan';
import type { SourceStatement } from './source-statement';
import type { ParsedQuery, Statement } from './statement';

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
  const parsed = parse(sql);
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

function parse(sql: string): ParsedQuery {
  const { statements: sources, iamStatements, text, error } = readSources(sql);
  if (error) return { statements: [], text, error };
  const statements = sources.map(readStatement);
  const iam = iamStatements.map((statement) => iamStatement(sql, statement));
  if (iam.length === 0) return { statements, text };
  return { statements: [...statements, ...iam].sort((a, b) => a.start - b.start), text };
}

function readStatement(source: SourceStatement): Statement {
  const { node, body, async, start } = source;
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

/** The statements in the body of an SQL function, of the CREATE FUNCTION that makes it. */
export function bodyStatements({ node, tree }: Statement): readonly Statement[] {
  if (node !== 'CreateFunctionStmt') return [];
  const create = tree as NodeBody<'CreateFunctionStmt'>;
  const text = bodyText(create);
  if (text !== undefined) return parseQuery(text).statements;
  return atomicStatements(create).map(({ name, body }) => ({
    node: name,
    tree: body,
    ...classify(name, body),
    text: '',
    start: 0,
    insertions: [],
    async: false,
  }));
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
