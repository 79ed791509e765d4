import type { Refusal, Statement, TableName } from '../../sql';

/** AWS user guide, "Quotas and limits", 2026-09-15; the boundary (3,000 pass) was recorded from a cluster, 2026-09. */
const MAX_ROWS = 3000;
/** AWS user guide, "Quotas and limits", 2026-09-15. */
const MAX_AGE_MS = 300_000;

const ROW_LIMIT: Refusal = {
  rule: 'transaction row limit',
  sqlstate: '54000',
  message: 'transaction row limit exceeded',
};
const AGE_LIMIT: Refusal = {
  rule: 'transaction age limit',
  sqlstate: '54000',
  message: 'transaction age limit of 300s exceeded',
};
const SECOND_DDL: Refusal = {
  rule: 'one ddl statement per transaction',
  sqlstate: '0A000',
  message: 'multiple ddl statements not supported in a transaction',
};
const DDL_WITH_DML: Refusal = {
  rule: 'no ddl with dml',
  sqlstate: '0A000',
  message: 'ddl and dml are not supported in the same transaction',
};

/** One transaction of a client, explicit or implicit, and DSQL's rules about what it may hold. */
export class Transaction {
  readonly #startedAt: Date;
  #hasDdl = false;
  #hasDml = false;
  #rows = 0;
  /** The tables that its statements wrote or locked. */
  readonly tables: TableName[] = [];
  /** Whether BEGIN was executed: it then lives until COMMIT or ROLLBACK, else until the end of its unit. */
  explicit: boolean;

  constructor(startedAt: Date, explicit: boolean) {
    this.#startedAt = startedAt;
    this.explicit = explicit;
  }

  /** What speaks against running `statement` in this transaction now. */
  admit(statement: Statement, now: Date): Refusal | undefined {
    if (statement.kind === 'rollback') return undefined;
    if (now.getTime() - this.#startedAt.getTime() > MAX_AGE_MS) return AGE_LIMIT;
    if (statement.kind === 'ddl') {
      if (this.#hasDdl) return SECOND_DDL;
      if (this.#hasDml) return DDL_WITH_DML;
      this.#hasDdl = true;
    } else if (isDml(statement)) {
      if (this.#hasDdl) return DDL_WITH_DML;
      this.#hasDml = true;
      this.tables.push(...statement.targets);
    }
    return undefined;
  }

  /**
   * Counts what an executed statement changed.
   *
   * Rows are taken from the command tag: those of a foreign key's cascade and of a data-modifying WITH below a SELECT
   * are not in it.
   *
   * @returns what the statement must fail with in spite of having been executed
   */
  executed(statement: Statement, tag: string): Refusal | undefined {
    if (!isDml(statement)) return undefined;
    this.#rows += changedRows(tag);
    return this.#rows > MAX_ROWS ? ROW_LIMIT : undefined;
  }
}

/**
 * Whether a statement is DML to the rule that DDL and DML do not mix. Locking reads count, since they take part in
 * conflict detection as writes do; that a cluster sees it so too is an assumption.
 */
export function isDml({ kind, targets }: Statement): boolean {
  return kind === 'write' || (kind === 'copy' && targets.length > 0);
}

function changedRows(tag: string): number {
  const match = /^(?:INSERT \d+|UPDATE|DELETE|COPY) (\d+)$/.exec(tag);
  return match ? Number(match[1]) : 0;
}
