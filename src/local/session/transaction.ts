import { MAX_ROWS, refusalOf } from '../../sql';
import type { Refusal, Statement, TableName } from '../../sql';

/** AWS user guide, "Quotas and limits", 2026-09-15. */
const MAX_AGE_MS = 300_000;

/** One transaction of a client, explicit or implicit, and DSQL's rules about what it may hold. */
export class Transaction {
  readonly #startedAt: Date;
  #hasDdl = false;
  #hasDml = false;
  #rows = 0;
  #updatedRows = 0;
  /** The tables that its statements wrote or locked. */
  readonly tables: TableName[] = [];
  /** Whether BEGIN was executed: it then lives until COMMIT or ROLLBACK, else until the end of its unit. */
  explicit: boolean;

  constructor(startedAt: Date, explicit: boolean) {
    this.#startedAt = startedAt;
    this.explicit = explicit;
  }

  get hasDdl(): boolean {
    return this.#hasDdl;
  }

  /** The number of rows it wrote that may be too large, which nobody has looked at. */
  get unmeasuredRows(): number {
    return this.#updatedRows;
  }

  /** What speaks against running `statement` in this transaction now. */
  admit(statement: Statement, now: Date): Refusal | undefined {
    if (statement.kind === 'rollback') return undefined;
    if (now.getTime() - this.#startedAt.getTime() > MAX_AGE_MS) return refusalOf('age-limit');
    if (statement.kind === 'ddl') {
      if (this.#hasDdl) return refusalOf('multiple-ddl');
      if (this.#hasDml) return refusalOf('ddl-and-dml');
      this.#hasDdl = true;
    } else if (isDml(statement)) {
      if (this.#hasDdl) return refusalOf('ddl-and-dml');
      this.#hasDml = true;
      this.tables.push(...statement.targets);
    }
    return undefined;
  }

  /**
   * Counts what an executed statement changed.
   *
   * @param rows - how many rows that were, if the command tag does not tell: those of a foreign key's cascade and of a
   * data-modifying WITH are not in it
   * @returns what the statement must fail with in spite of having been executed
   */
  executed(statement: Statement, tag: string, rows = changedRowsOf(tag)): Refusal | undefined {
    if (!isDml(statement)) return undefined;
    this.#rows += rows;
    if (statement.node === 'UpdateStmt') this.#updatedRows += rows;
    return this.#rows > MAX_ROWS ? refusalOf('row-limit') : undefined;
  }
}

/** How many rows a command tag tells of. */
export function changedRowsOf(tag: string): number {
  const match = /^(?:INSERT \d+|UPDATE|DELETE|COPY) (\d+)$/.exec(tag);
  return match ? Number(match[1]) : 0;
}

/**
 * Whether a statement is DML to the rule that DDL and DML do not mix. Locking reads count, since they take part in
 * conflict detection as writes do; that a cluster sees it so too is an assumption.
 */
export function isDml({ kind, targets }: Statement): boolean {
  return kind === 'write' || (kind === 'copy' && targets.length > 0);
}
