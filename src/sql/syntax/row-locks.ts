import { tokensOf } from '../text/scan';
import type { Token } from '../text/scan';

/** A locking clause of a SELECT, by the places of its parts in the text, in UTF-16 units. */
export interface RowLock {
  readonly strength: 'UPDATE' | 'KEY SHARE' | 'SHARE' | 'NO KEY UPDATE';
  /** Where FOR begins. */
  readonly start: number;
  /** Where the strength ends. */
  readonly end: number;
  /** What to do about rows that are locked, if it says so. */
  readonly policy?: {
    readonly words: 'NOWAIT' | 'SKIP LOCKED';
    readonly start: number;
    readonly end: number;
  };
}

/** A filter only, for the few statements that are worth reading. */
const LOCKS = /\bFOR\s+(?:UPDATE|SHARE|KEY\s+SHARE|NO\s+KEY\s+UPDATE)\b/i;

/** Finds the locking clauses of a text, in order. It needs no parser. */
export function rowLocksOf(sql: string): readonly RowLock[] {
  if (!LOCKS.test(sql)) return [];
  return rowLocksIn([...tokensOf(sql)]);
}

/** The same for a text that has been read. */
export function rowLocksIn(tokens: readonly Token[]): readonly RowLock[] {
  return tokens.flatMap((_, at) => lockAt(tokens, at) ?? []);
}

/**
 * Makes what Aurora DSQL has of the locking clauses of a text: FOR SHARE and FOR NO KEY UPDATE become FOR UPDATE, and
 * NOWAIT and SKIP LOCKED are left out, as nothing waits there and no row is ever seen to be locked.
 */
export function strengthenRowLocks(sql: string): string {
  let strengthened = sql;
  for (const { strength, start, end, policy } of rowLocksOf(sql).toReversed()) {
    if (policy) strengthened = strengthened.slice(0, policy.start).trimEnd() + strengthened.slice(policy.end);
    if (strength === 'SHARE' || strength === 'NO KEY UPDATE') {
      strengthened = `${strengthened.slice(0, start)}FOR UPDATE${strengthened.slice(end)}`;
    }
  }
  return strengthened;
}

function lockAt(tokens: readonly Token[], at: number): RowLock | undefined {
  const start = tokens[at]?.start;
  if (start === undefined || !areWords(tokens, at, 'FOR')) return undefined;
  for (const strength of ['UPDATE', 'SHARE', 'KEY SHARE', 'NO KEY UPDATE'] as const) {
    if (!areWords(tokens, at + 1, strength)) continue;
    const last = at + strength.split(' ').length;
    const policy = policyAt(tokens, afterTables(tokens, last + 1));
    return { strength, start, end: tokens[last]?.end ?? start, ...(policy && { policy }) };
  }
  return undefined;
}

/** Past `OF one, two`. */
function afterTables(tokens: readonly Token[], at: number): number {
  if (!areWords(tokens, at, 'OF')) return at;
  let next = at + 2;
  while (tokens[next]?.value === ',' || tokens[next]?.value === '.') next += 2;
  return next;
}

function policyAt(tokens: readonly Token[], at: number): RowLock['policy'] {
  for (const words of ['NOWAIT', 'SKIP LOCKED'] as const) {
    const [first, last] = [tokens[at], tokens[at + words.split(' ').length - 1]];
    if (first && last && areWords(tokens, at, words)) return { words, start: first.start, end: last.end };
  }
  return undefined;
}

function areWords(tokens: readonly Token[], at: number, words: string): boolean {
  return words.split(' ').every((word, index) => {
    const token = tokens[at + index];
    return token?.kind === 'word' && token.value === word;
  });
}
