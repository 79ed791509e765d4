import { INDEX_ENTRY_COST_BYTES, MAX_TRANSACTION_BYTES, ROW_COST_BYTES, type Statement } from '../../sql';

/** What libpg-query gives for INSERT. */
interface InsertTree {
  readonly selectStmt?: { readonly SelectStmt?: { readonly valuesLists?: readonly unknown[] } };
  readonly onConflictClause?: unknown;
}

/** Rows that are too large together, at 2 MiB each. */
export const FEWEST_ROWS_OVER_LIMIT = 6;
const MAX_SECONDARY_INDEXES = 23;
/** What makes values longer than those that the client sent. A filter for what is worth a look, so a pattern is enough. */
const GROWING =
  /\|\||\b(?:repeat|[lr]pad|format|concat\w*|replace|regexp_replace|translate|overlay|string_agg|array_\w+|json\w*|encode|decode|convert\w*|to_char|quote_\w+|xmlagg)\s*\(/i;

/** How many rows a command tag tells of. */
export function changedRowsOf(tag: string): number {
  const match = /^(?:INSERT \d+|UPDATE|DELETE|COPY) (\d+)$/.exec(tag);
  return match ? Number(match[1]) : 0;
}

/** Whether what a statement writes may be larger than what the client sent for it. */
export function mayOutgrowInput(statement: Statement): boolean {
  return copiesRows(statement) || GROWING.test(statement.text);
}

function copiesRows({ node, tree, calls }: Statement): boolean {
  // A SELECT that writes does so in a WITH, or by way of a function.
  if (calls || node === 'CopyStmt' || node === 'SelectStmt' || node === 'ExplainStmt') return true;
  const source = node === 'InsertStmt' ? (tree as InsertTree).selectStmt?.SelectStmt : undefined;
  return source !== undefined && source.valuesLists === undefined;
}

/** How much the statements of a transaction may have written, at the most. */
export interface Written {
  readonly rows: number;
  /** What the client sent for them. */
  readonly inputBytes: number;
  /** Rows whose size has nothing to do with what the client sent. */
  readonly copiedRows: number;
}

/** What a statement that changed some rows adds to {@link Written}. */
export function writtenBy(statement: Statement, rows: number, inputBytes: number): Written {
  const copies = statement.node === 'UpdateStmt' || mayOutgrowInput(statement);
  return { rows, inputBytes, copiedRows: copies ? rows : 0 };
}

/** Whether so much may be more than a transaction may write; a look at the rows tells, and costs more. */
export function mayExceedSize({ rows, inputBytes, copiedRows }: Written): boolean {
  if (copiedRows >= FEWEST_ROWS_OVER_LIMIT) return true;
  // Every index may hold everything that was sent.
  const bytes = inputBytes * (1 + MAX_SECONDARY_INDEXES);
  const costs = rows * (ROW_COST_BYTES + MAX_SECONDARY_INDEXES * INDEX_ENTRY_COST_BYTES);
  return bytes + costs > MAX_TRANSACTION_BYTES;
}
