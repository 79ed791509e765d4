import { parseQuery } from '../syntax/parse';
import { loadParser } from '../syntax/read-sources';
import { refusals } from '../refusals';
import type { RefusalRule } from '../refusals';
import { translate } from '../translate';

/** What a server has refused, and what this package knows about it. */
export interface RefusalExplanation {
  /** The id of the row of the refusal table. */
  readonly rule: string;
  /** Why, how that is known, and what to do instead, as sentences for a person. */
  readonly text: string;
}

/** An error of a server, or another, as far as an explanation needs it. */
export interface ReportedError {
  readonly code?: unknown;
  readonly message?: unknown;
}

/** Of other codes PostgreSQL's own errors are too many: what they say is what is wrong. */
const explainedCodes: ReadonlySet<string> = new Set([
  '0A000',
  '22023',
  '42601',
  '42809',
  '54000',
  '54001',
  '54011',
  '55000',
]);

/** A translation that is longer than this helps nobody in an error message. */
const MAX_TRANSLATION_LENGTH = 2000;

/**
 * Explains why Aurora DSQL refused a statement, and with what statements it does the same where there are such.
 *
 * The parser is loaded for it, so that nobody pays for an explanation who needs none.
 *
 * @param sql - what was sent
 * @param error - what the statement failed with
 * @param inOrm - what an ORM can do about it and only it knows the words for, by the ids of the rows
 * @returns nothing for an error that says all that is to be said, and for what cannot be explained: the statement has
 *   still failed, and that is what is to be reported
 */
export async function explainRefusal(
  sql: string,
  { code, message }: ReportedError,
  inOrm: Readonly<Record<string, string>> = {},
): Promise<RefusalExplanation | undefined> {
  if (typeof code !== 'string' || typeof message !== 'string' || !explainedCodes.has(code)) return undefined;
  return explain(sql, code, message, inOrm).catch(() => undefined);
}

async function explain(
  sql: string,
  code: string,
  message: string,
  inOrm: Readonly<Record<string, string>>,
): Promise<RefusalExplanation | undefined> {
  await loadParser();
  const row = rowOfStatement(sql, code) ?? rowOfMessage(code, message);
  if (row === undefined) return undefined;
  const ofOrm = inOrm[row.id];
  const translated = row.decidedBy === 'statement' ? translationOf(sql) : undefined;
  return {
    rule: row.id,
    text: [
      `Aurora DSQL refuses ${row.what} (${row.source}, ${row.date}).`,
      ...(row.instead === undefined ? [] : [row.instead]),
      ...(translated === undefined ? [] : [`This does the same on DSQL:\n${translated}`]),
      ...(ofOrm === undefined ? [] : [ofOrm]),
    ].join(' '),
  };
}

function rowOfStatement(sql: string, code: string): RefusalRule | undefined {
  for (const { refusal } of parseQuery(sql).statements) {
    if (refusal?.sqlstate === code) return refusals.find(({ id }) => id === refusal.rule);
  }
  return undefined;
}

/** For what only the transaction or the catalogue decides; the longest text says the most. */
function rowOfMessage(code: string, message: string): RefusalRule | undefined {
  return refusals
    .filter(({ sqlstate, decidedBy }) => sqlstate === code && decidedBy !== 'statement')
    .sort((one, other) => other.message.length - one.message.length)
    .find((row) => patternOf(row.message).test(message));
}

/** A name in braces stands for a part of the statement. */
function patternOf(message: string): RegExp {
  const parts = message.split(/\{\w+\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(parts.join('.*'), 'i');
}

function translationOf(sql: string): string | undefined {
  const { statements, refusals: refused, unknownKeys } = translate(sql);
  if (refused.length > 0 || unknownKeys.length > 0 || statements.length === 0) return undefined;
  const text = statements.map((statement) => `${statement.sql.trim()};`).join('\n');
  return text.length > MAX_TRANSLATION_LENGTH ? undefined : text;
}
