import type { Admit } from '../admission/admitted-transaction';
import type { RunStatement } from './commit-markers';
import type { InstanceMemory, TouchedInstances } from './instance-memory';

/** How a transaction has ended, as far as is known; nothing while it is open. */
export type TransactionOutcome = 'committed' | 'rolled back' | 'unknown' | undefined;

/** A transaction that was begun for an attempt. */
export interface OpenTransaction<Transaction, Instance extends object> {
  /** What the work is given. */
  readonly transaction: Transaction;
  readonly touched: TouchedInstances<Instance>;
  /** Whether there is something to commit. */
  readonly isUsed: boolean;
  /** Whether it changes the schema, and so cannot write rows (recorded from a cluster, 2026-09). */
  readonly hasChangedSchema: boolean;
  readonly outcome: TransactionOutcome;
  /** Runs a statement in it. */
  run(text: string, values: readonly string[]): Promise<unknown>;
  /** Sends COMMIT, and leaves to {@link complete} what is to run after it. */
  commit(): Promise<void>;
  /**
   * Runs what is to run after the commit, which is certain now.
   *
   * @throws AfterCommitError when that fails
   */
  complete(): Promise<void>;
  /** What really ended the transaction, when this was thrown. */
  reasonOf(error: unknown): unknown;
}

/**
 * Begins a transaction, runs `body` in it, and rolls back if that throws; `admit` is called before its first statement.
 * Where the application lets the ORM find its transactions by themselves, it is found in `body`.
 */
export type OpenAttempt<Transaction, Instance extends object, HostOptions extends object> = <T>(
  options: HostOptions,
  body: (open: OpenTransaction<Transaction, Instance>) => Promise<T>,
  admit: Admit,
) => Promise<T>;

/** How the attempts of one transaction are made. */
export interface AttemptsOf<Transaction, Instance extends object, HostOptions extends object> {
  readonly open: OpenAttempt<Transaction, Instance, HostOptions>;
  /** Makes an attempt, whose error may then say more. */
  readonly make: <T>(attempt: () => Promise<T>) => Promise<T>;
}

/** An instance of an ORM, as far as its managed transactions need it. */
export interface TransactionHost<Transaction, Instance extends object, HostOptions extends object, Host> {
  /** What `verifyCommitted` looks into the database with. */
  readonly host: Host;
  readonly memory: InstanceMemory<Instance>;
  /** Called once for each transaction: something may be kept from one of its attempts to the next. */
  readonly attempts: () => AttemptsOf<Transaction, Instance, HostOptions>;
  /** Runs an autocommit statement. */
  readonly runAlone: RunStatement;
}
