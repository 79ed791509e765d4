import { MAX_TRANSACTION_ROWS, type StatementKind } from '../../sql';

/** What a statement makes DSQL refuse, given what came before it in its transaction. */
export type TransactionRule = 'multiple-ddl' | 'ddl-and-dml' | 'row-limit';

/** Follows the transactions of one file, and says which statement DSQL would be the first to refuse. */
export class TransactionWatch {
  #open: { ddl: number; writes: number; rows: number; readonly reported: Set<string> } | undefined;
  #isOutside = false;
  #isSplit = false;

  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  /** Whether the open transaction was begun by the program, not by a text. */
  get isOutside(): boolean {
    return this.#isOutside;
  }

  /** Whether the entry point of this package commits each change of the schema in the open transaction by itself. */
  get isSplit(): boolean {
    return this.#isSplit;
  }

  begin({ isOutside = false, isSplit = false } = {}): void {
    this.#isOutside = isOutside;
    this.#isSplit = isSplit;
    this.#open = { ddl: 0, writes: 0, rows: 0, reported: new Set() };
  }

  end(): void {
    this.#isOutside = false;
    this.#isSplit = false;
    this.#open = undefined;
  }

  /**
   * Notes a statement that is sent.
   *
   * @param rows - how many rows it writes, as far as its text says so
   * @returns the rule by which DSQL refuses it; each once in a transaction
   */
  note(kind: StatementKind, { rows }: { readonly rows: number }): TransactionRule | undefined {
    if (kind === 'begin') this.begin();
    if (kind === 'commit' || kind === 'rollback') this.end();
    const transaction = this.#open ?? { ddl: 0, writes: 0, rows: 0, reported: new Set<string>() };
    const isWrite = kind === 'write' || kind === 'copy';
    if (kind === 'ddl') transaction.ddl++;
    if (isWrite) transaction.writes++;
    transaction.rows += rows;
    const rule = this.#broken(kind, isWrite, transaction);
    if (rule === undefined || transaction.reported.has(rule)) return undefined;
    transaction.reported.add(rule);
    return rule;
  }

  #broken(
    kind: StatementKind,
    isWrite: boolean,
    { ddl, writes, rows }: { readonly ddl: number; readonly writes: number; readonly rows: number },
  ): TransactionRule | undefined {
    if (kind === 'ddl' && ddl > 1) return 'multiple-ddl';
    if ((kind === 'ddl' && writes > 0) || (isWrite && ddl > 0)) return 'ddl-and-dml';
    return isWrite && rows > MAX_TRANSACTION_ROWS ? 'row-limit' : undefined;
  }
}
