import { parseQuery } from '../../syntax/parse';
import { utf16Offsets } from '../../syntax/read-sources';
import type { ParsedQuery } from '../../syntax/statement';
import { StatementText } from './statement-text';

/** A text that was read once, with its statements in their places. */
export interface ParsedText {
  readonly sql: string;
  readonly parsed: ParsedQuery;
  /** In order; what follows the last statement, and white space, is in none of them. */
  readonly statements: readonly StatementText[];
}

/**
 * Reads a text.
 *
 * @throws Error when {@link loadParser} has not been awaited.
 */
export function parseText(sql: string): ParsedText {
  const parsed = parseQuery(sql);
  const utf16 = utf16Offsets(sql);
  const statements = parsed.statements.map((statement) => new StatementText(sql, statement, utf16));
  return { sql, parsed, statements };
}
