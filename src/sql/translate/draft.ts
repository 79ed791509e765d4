import type { StatementText } from './text/statement-text';
import type { RepeatedWrite } from './translation';

/** A statement that a translation is about to give, before it was read again. */
export interface Draft {
  readonly sql: string;
  readonly notes?: readonly string[];
  readonly repeat?: RepeatedWrite;
}

/** What a translation makes of one statement: other statements, or nothing and why. */
export type Outcome = readonly Draft[] | { readonly omitted: string };

/** Keeps the comments before a statement, before the first one that takes its place. */
export function withComments(source: StatementText, [first, ...others]: readonly Draft[]): readonly Draft[] {
  return first ? [{ ...first, sql: source.comments + first.sql }, ...others] : [];
}
