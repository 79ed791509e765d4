/** What a statement does to the transaction around it. */
export type TransactionVerb = 'begin' | 'commit' | 'rollback';

const BEGIN = /^\s*(?:BEGIN|START\s+TRANSACTION)\b[^;]*;?\s*$/i;
const COMMIT = /^\s*(?:COMMIT|END)(?:\s+(?:WORK|TRANSACTION))?(?:\s+AND\s+NO\s+CHAIN)?\s*;?\s*$/i;
const ROLLBACK = /^\s*(?:ROLLBACK|ABORT)(?:\s+(?:WORK|TRANSACTION))?(?:\s+AND\s+NO\s+CHAIN)?\s*;?\s*$/i;

/** Nothing for a statement of another kind, and for several statements in one text. */
export function transactionVerb(text: string): TransactionVerb | undefined {
  if (BEGIN.test(text)) return 'begin';
  if (COMMIT.test(text)) return 'commit';
  return ROLLBACK.test(text) ? 'rollback' : undefined;
}

/** Whether a text changes nothing: nothing is lost with its answer. */
export function onlyReads(text: string): boolean {
  return /^\s*(?:SELECT|SHOW|VALUES|TABLE|EXPLAIN)\b/i.test(text);
}

/**
 * Whether a text may hold several statements: one with values never does. A semicolon in a string counts, too, which does
 * no harm.
 */
export function mayHoldSeveralStatements(text: string, values: readonly unknown[] = []): boolean {
  return values.length === 0 && /;\s*\S/.test(text);
}

/** A statement of transaction control, at the beginning of the text or behind another statement. */
const TRANSACTION_CONTROL =
  /(?:^|;)(?:\s|--[^\n]*\n|\/\*[^]*?\*\/)*(?:BEGIN|START|COMMIT|END|ROLLBACK|ABORT)\b/i;

/**
 * Whether a text may hold statements of transaction control. If it meets a conflict it must not be sent again: it may
 * have committed something before.
 */
export function hasTransactionControl(text: string): boolean {
  return TRANSACTION_CONTROL.test(text);
}
