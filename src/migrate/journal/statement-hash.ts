import { createHash } from 'node:crypto';
import { resultText } from './result-text';

/** Tells a statement of a migration from another one: by its text and its parameters. */
export function statementHash(text: string, parameters: unknown): string {
  const hash = createHash('sha256').update(text.replaceAll('\r\n', '\n').trim());
  const hasNone = parameters === undefined || (Array.isArray(parameters) && parameters.length === 0);
  if (!hasNone) hash.update('\0').update(resultText(parameters));
  return hash.digest('hex').slice(0, 32);
}
