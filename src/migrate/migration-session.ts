import type { PlannedChange, SchemaProgress, SchemaSession } from '../schema';
import type { RunInTransaction } from './journal/journal';
import type { TransactionEntries } from './journal/transaction-entries';

/** What a statement answered, as far as jobs and repeated writes look at it. */
export type Answer = Awaited<ReturnType<SchemaSession['query']>>;

/** The connection of an ORM on which a migration runs. */
export interface MigrationSession {
  /** Whether a transaction is open, the ORM's around the migration or one that the migration has begun. */
  readonly isInTransaction: boolean;
  /** Whether the open transaction is committed and begun anew around DDL; one that is not is left as it is. */
  readonly isSplit: boolean;
  /** Whether the open transaction is run again after a conflict: then its statements are the same ones again. */
  readonly isRunAgain: boolean;
  /** What the open transaction has done of migrations. */
  readonly entries: TransactionEntries;
  /** Sends a statement of ours, in the transaction that is open or alone. */
  readonly send: (sql: string) => Promise<Answer>;
  /** Commits what the transaction holds, does something outside it, and begins it anew. */
  readonly outsideTransaction: <T>(work: () => Promise<T>) => Promise<T>;
  /** Does something in a transaction of its own, where none is open. */
  readonly inTransaction: <T>(work: (run: RunInTransaction) => Promise<T>) => Promise<T>;
  /** The same, and what the code of the migration sends meanwhile goes into it, and is not a statement of the migration. */
  readonly inBatch: <T>(work: (run: RunInTransaction) => Promise<T>) => Promise<T>;
  /** Reads the catalogue beside the transaction that is open, if one is. */
  readonly read: (sql: string) => Promise<readonly unknown[]>;
  readonly warn: (message: string) => void;
  /** Tells what is sent in the place of a statement. */
  readonly log: (message: string) => void;
  /** Tells how far jobs and batches have come. */
  readonly tell: (message: string) => void;
  readonly onProgress?: ((progress: SchemaProgress) => void) | undefined;
}

/** Reads the catalogue for the plan of a statement. */
export type ReadForPlan = (sql: string) => Promise<readonly unknown[]>;

/** A statement that the code of a migration sends. */
export interface MigrationStatement<Result> {
  readonly text: string;
  readonly parameters?: unknown;
  /** Finds out what is to be sent in its place, if anything is. */
  readonly plan: (read: ReadForPlan) => Promise<'as it is' | 'refused' | PlannedChange>;
  /** Finds out what the plan of a statement behind it has to know of it, where an earlier run has done it. */
  readonly recall?: (() => Promise<void>) | undefined;
  /** Sends it once, or another text in its place with the same parameters. */
  readonly send: (sql: string) => Promise<Result>;
  /** What jobs and repeated writes look at of its result. */
  readonly answerOf: (result: Result) => Answer;
  /**
   * What is kept of its result.
   * @defaultValue the result
   */
  readonly kept?: (() => unknown) | undefined;
  /** The result that the code gets of what was kept, or of nothing. */
  readonly resultOf: (kept: unknown) => Result | Promise<Result>;
  /**
   * The result that the code gets in a dry run, with an answer that must not be looked at in the place of the rows; nothing
   * where the result itself tells something, as a number or a row that may not be there.
   */
  readonly unknown?: ((answer: readonly unknown[]) => Result) | undefined;
}
