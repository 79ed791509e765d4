import { summarizeText } from '../../sql';

/** The first words of statements that may have to be translated. */
const CHANGES: ReadonlySet<string> = new Set(['CREATE', 'ALTER', 'DROP', 'TRUNCATE', 'COMMENT', 'DO']);

/** Whether a text may change the schema, and is for `planChange`. */
export function mayChangeSchema(text: string): boolean {
  return CHANGES.has(summarizeText(text).firstWord);
}
