import type { Journal, JournalEntry, JournalledRun, RunInTransaction, TypeChanges } from './journal';
import type { RecordedStatement } from './recorded-statement';

/** What a transaction has done of migrations, to be noted in it before it is committed. */
export class TransactionEntries {
  readonly #journal: Journal;
  #entries: JournalEntry[] = [];

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** Whether it has done nothing of any. */
  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** A migration begins in the transaction, which may not see what is noted outside of it from now on. */
  begin(run: JournalledRun): void {
    this.#entries.push({ run, statements: [], isBegin: true, isEnd: false });
  }

  /** Statements were done in the transaction. */
  add(run: JournalledRun, statements: readonly RecordedStatement[]): void {
    this.#entries.push({ run, statements, isBegin: false, isEnd: false });
  }

  /**
   * A migration is recorded in the transaction.
   *
   * @param types - what it has made of types
   */
  end(run: JournalledRun, types: TypeChanges | undefined): void {
    this.#entries.push({ run, statements: [], isBegin: false, isEnd: true, types });
  }

  /**
   * Notes all of it, as the last thing before COMMIT.
   *
   * @param run - runs a statement in the transaction
   */
  async note(run: RunInTransaction): Promise<void> {
    await this.#journal.noteWith(joined(this.#entries), run);
  }

  /** The transaction was committed. */
  committed(): void {
    if (this.#entries.length > 0) this.#journal.noteCommit();
    this.#entries = [];
  }

  /** The transaction was rolled back, or a new one begins. */
  forget(): void {
    this.#entries = [];
  }
}

/** One statement for what one run has done in turn. */
function joined(entries: readonly JournalEntry[]): readonly JournalEntry[] {
  return entries.reduce<JournalEntry[]>((parts, entry) => {
    const last = parts.at(-1);
    if (last === undefined || last.isEnd || last.run !== entry.run) return [...parts, entry];
    const statements = [...last.statements, ...entry.statements];
    const { run, isEnd, types } = entry;
    return [...parts.slice(0, -1), { run, statements, isBegin: last.isBegin, isEnd, types }];
  }, []);
}
