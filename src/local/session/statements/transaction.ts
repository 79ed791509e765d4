import { MAX_TRANSACTION_ROWS, quotedTable, refusalOf } from '../../../sql';
import type { Refusal, Statement, TableName } from '../../../sql';
import { changedRowsOf, mayExceedSize, writtenBy } from '../../limits/written';
import type { Written } from '../../limits/written';
import type { TransactionStatus } from '../../wire/server-messages';

/** AWS's troubleshooting skill, 2026-10-01. */
const MAX_AGE_MS = 300_000;

/** One transaction of a client, explicit or implicit, and DSQL's rules about what it may hold. */
export class Transaction {
  readonly #startedAt: Date;
  #hasDdl = false;
  #hasDml = false;
  #rows = 0;
  #written: Written = { rows: 0, inputBytes: 0, copiedRows: 0 };
  readonly #tables = new Map<string, TableName>();
  /** The CREATE FUNCTIONs that it executed. */
  readonly createdFunctions: Statement[] = [];
  /** Whether BEGIN was executed: it then lives until COMMIT or ROLLBACK, else until the end of its unit. */
  explicit: boolean;

  constructor(startedAt: Date, explicit: boolean) {
    this.#startedAt = startedAt;
    this.explicit = explicit;
  }

  get hasDdl(): boolean {
    return this.#hasDdl;
  }

  /** The tables that its statements wrote or locked, once by each name. */
  get tables(): readonly TableName[] {
    return [...this.#tables.values()];
  }

  /** Whether what it wrote may be too much in all. */
  get mayExceedSize(): boolean {
    return mayExceedSize(this.#written);
  }

  /** What speaks against running `statement` in this transaction now. */
  admit(statement: Statement, now: Date): Refusal | undefined {
    if (statement.kind === 'rollback') return undefined;
    const ageMs = now.getTime() - this.#startedAt.getTime();
    if (ageMs > MAX_AGE_MS) {
      const detail = `Current transaction age ${Math.floor(ageMs / 1000)}s exceeds ${MAX_AGE_MS / 1000}s`;
      return { ...refusalOf('age-limit'), detail };
    }
    if (statement.kind === 'ddl') {
      if (this.#hasDdl) return refusalOf('multiple-ddl');
      if (this.#hasDml) return refusalOf('ddl-and-dml');
      this.#hasDdl = true;
    } else if (isDml(statement)) {
      if (this.#hasDdl) return refusalOf('ddl-and-dml');
      this.#hasDml = true;
      for (const table of statement.targets) this.#tables.set(quotedTable(table), table);
    }
    return undefined;
  }

  /**
   * Counts what an executed statement changed.
   *
   * @param inputBytes - how much the client sent for it
   * @param rows - how many rows that were, if the command tag does not tell: those of a foreign key's cascade and of a
   * data-modifying WITH are not in it
   * @returns what the statement must fail with in spite of having been executed
   */
  executed(
    statement: Statement,
    tag: string,
    inputBytes: number,
    rows = changedRowsOf(tag),
  ): Refusal | undefined {
    if (statement.node === 'CreateFunctionStmt') this.createdFunctions.push(statement);
    if (!isDml(statement)) return undefined;
    this.#rows += rows;
    const added = writtenBy(statement, rows, inputBytes);
    this.#written = {
      rows: this.#written.rows + added.rows,
      inputBytes: this.#written.inputBytes + added.inputBytes,
      copiedRows: this.#written.copiedRows + added.copiedRows,
    };
    return this.#rows > MAX_TRANSACTION_ROWS ? refusalOf('row-limit') : undefined;
  }
}

/** The transaction that a session is in at this moment of a unit, if it is in one. */
export class CurrentTransaction {
  readonly #clock: () => Date;
  #transaction: Transaction | undefined;
  /** As in ReadyForQuery. */
  #status: TransactionStatus;

  /** @param status - that of the session now */
  constructor(status: TransactionStatus, clock: () => Date) {
    this.#status = status;
    this.#clock = clock;
  }

  get transaction(): Transaction | undefined {
    return this.#transaction;
  }

  /** Whether BEGIN was executed. */
  get isExplicit(): boolean {
    return this.#transaction?.explicit ?? false;
  }

  /** Whether no transaction was begun. */
  get isIdle(): boolean {
    return this.#status === 'I';
  }

  /** Whether the transaction failed, so that everything but its end is refused. */
  get hasFailed(): boolean {
    return this.#status === 'E';
  }

  /** The time by the clock of the session. */
  now(): Date {
    return this.#clock();
  }

  /** The transaction that a statement is to be executed in. */
  open(): Transaction {
    return (this.#transaction ??= new Transaction(this.#clock(), false));
  }

  /** BEGIN was executed. */
  begin(): void {
    this.#status = 'T';
    if (this.#transaction) this.#transaction.explicit = true;
  }

  /** PostgreSQL says at the end of a unit that a transaction goes on. */
  goOn(status: TransactionStatus): void {
    this.#transaction ??= new Transaction(this.#clock(), true);
    this.#status = status;
  }

  /** @returns the transaction that has ended */
  end(): Transaction | undefined {
    const ended = this.#transaction;
    this.#transaction = undefined;
    this.#status = 'I';
    return ended;
  }
}

/**
 * Whether a statement is DML to the rule that DDL and DML do not mix. Locking reads count, since they take part in
 * conflict detection as writes do; that a cluster sees it so too is an assumption.
 */
export function isDml({ kind, targets }: Statement): boolean {
  return kind === 'write' || (kind === 'copy' && targets.length > 0);
}
