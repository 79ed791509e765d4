import { quotedTable } from '../../sql';
import type { Statement, TableName } from '../../sql';
import type { BackendLink } from '../session/backend-link';
import type { Concurrency, SharedRow } from './concurrency';
import { effectsOf } from './effects';
import type { Effects } from './effects';
import type { LoggedStatement } from './logged-statement';
import type { OpenTransaction } from './open-transaction';

/** Finds the conflicts of one session's transactions that PostgreSQL does not see. */
export class Judge {
  readonly #concurrency: Concurrency;
  readonly #link: BackendLink;
  /** Which of the rows that others had locked FOR KEY SHARE were there before the statement that runs. */
  #sharedRowsBefore: ReadonlyMap<SharedRow, boolean> = new Map();
  /** The statement that runs has had to wait for a lock. */
  #hasWaited = false;

  constructor(concurrency: Concurrency, link: BackendLink) {
    this.#concurrency = concurrency;
    this.#link = link;
  }

  /** To be called before a statement that writes, which is sent to PostgreSQL only then. */
  async foresee(transaction: OpenTransaction | undefined, statement: Statement): Promise<void> {
    this.#sharedRowsBefore = new Map();
    this.#hasWaited = false;
    if (!transaction?.hasSavepoint || !this.#concurrency.isContended(transaction)) return;
    if (transaction.whereabouts === 'private' || !mayRemove(effectsOf(statement))) return;
    const shared = this.#concurrency.sharedRowsUnseenBy(transaction);
    if (shared.length === 0) return;
    const rows = await this.#sharedRows(shared);
    this.#sharedRowsBefore = new Map(shared.map((row, index) => [row, rows[index]?.present ?? false]));
  }

  /** The statement that runs has to wait for a lock. */
  waits(): void {
    this.#hasWaited = true;
  }

  /**
   * Looks for conflicts that PostgreSQL does not see: with locks that were let go, and with keys that are gone in the
   * data that it checks keys against, but not in the snapshot. `unclear` is a statement of which the snapshot alone
   * might have made something else.
   */
  async judge(
    transaction: OpenTransaction,
    { statement }: LoggedStatement,
  ): Promise<'fine' | 'conflict' | 'unclear'> {
    if (transaction.whereabouts === 'private' || !transaction.hasSavepoint) return 'fine';
    if (!this.#concurrency.isContended(transaction)) return 'fine';
    const effects = effectsOf(statement);
    if (await this.#meetsSharedRow(transaction, statement, effects)) return 'conflict';
    const setsKey = await this.#concurrency.anyKey(effects.sets);
    const needsFreeKey = effects.inserts || setsKey;
    const needsNoReference = effects.deletes || setsKey;
    if (!needsFreeKey && !needsNoReference) return 'fine';
    // Keys that others have taken away may have helped it.
    if (!(await this.#concurrency.keysGoneUnseenBy(transaction))) return 'fine';
    const { targets } = statement;
    const [row] = await this.#link.hidden(
      `SELECT pg_dsql_local.disagreement(${tableList(targets)}, ${needsFreeKey}, ${needsNoReference})`,
      targets.map(quotedTable),
    );
    const disagreement = row?.[0];
    if (!disagreement) return 'fine';
    return disagreement === 'duplicate' && !effects.upserts ? 'conflict' : 'unclear';
  }

  /** Whether a statement has locked or taken away a row that another transaction had locked FOR KEY SHARE and let go. */
  async #meetsSharedRow(
    transaction: OpenTransaction,
    { locking }: Statement,
    effects: Effects,
  ): Promise<boolean> {
    const removes = mayRemove(effects);
    if (!removes && locking !== 'update') return false;
    const shared = this.#concurrency.sharedRowsUnseenBy(transaction);
    if (shared.length === 0) return false;
    const rows = await this.#sharedRows(shared);
    return shared.some((row, index) => {
      const { present, locked } = rows[index] ?? { present: true, locked: false };
      if (locking === 'update' && locked) return true;
      // One that was let go meanwhile was in the way, or is of no concern.
      return removes && !present && (this.#sharedRowsBefore.get(row) ?? this.#hasWaited);
    });
  }

  async #sharedRows(
    shared: readonly SharedRow[],
  ): Promise<{ readonly present: boolean; readonly locked: boolean }[]> {
    const rows = await this.#link.hidden(
      'SELECT present, locked FROM pg_dsql_local.shared_rows($1::oid[], $2::text[])',
      [
        arrayLiteral(shared.map(({ relation }) => relation)),
        arrayLiteral(shared.map(({ condition }) => condition)),
      ],
    );
    return rows.map(([present, locked]) => ({ present: present === 't', locked: locked === 't' }));
  }

  /**
   * Leaves traces of the transaction's row locks for those that are open now; without any, nobody will ever ask.
   *
   * @returns the rows locked FOR KEY SHARE
   */
  async settleLocks(transaction: OpenTransaction): Promise<SharedRow[]> {
    if (!this.#concurrency.othersOpen(transaction)) return [];
    const written = transaction.log.filter(({ statement }) => statement.targets.length > 0);
    const locking = written.some(({ statement }) => statement.locking);
    const targets = distinctTargets(written);
    if (!locking && !(await this.#concurrency.anyForeignKey(targets))) return [];
    const forUpdate = written.some(({ statement }) => statement.locking === 'update');
    const rows = await this.#link.hidden('SELECT relation, condition FROM pg_dsql_local.settle_locks($1)', [
      forUpdate ? 't' : 'f',
    ]);
    return rows.map(([relation, condition]) => ({ relation: relation ?? '', condition: condition ?? '' }));
  }
}

/** Whether a statement may take a row away from under its key. */
function mayRemove({ deletes, sets }: Effects): boolean {
  return deletes || sets.size > 0;
}

/** The tables that statements write or lock. */
export function distinctTargets(statements: readonly LoggedStatement[]): TableName[] {
  const targets = statements.flatMap(({ statement }) => statement.targets);
  return [...new Map(targets.map((target) => [quotedTable(target), target])).values()];
}

/** An array of the OIDs of tables whose names are the parameters, found as the client's statements find them. */
export function tableList(targets: readonly TableName[]): string {
  return `ARRAY[${targets.map((_, index) => `pg_catalog.to_regclass($${index + 1})`).join()}]::oid[]`;
}

function arrayLiteral(values: readonly string[]): string {
  return `{${values.map((value) => `"${value.replace(/["\\]/g, '\\$&')}"`).join()}}`;
}
