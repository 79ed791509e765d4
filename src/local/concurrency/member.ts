import type { OpenTransaction } from './open-transaction';
import type { ChangedRelation } from './catalogue/schema-changes';

/** A session whose statements may wait for a lock. */
export interface Waiter {
  /** Of its PostgreSQL backend. */
  readonly processId: number;
  readonly transaction: OpenTransaction | undefined;
  /** Makes the statement that waits fail: what it waits for cannot be displaced. */
  concede?(): void;
}

/** A session, as those see it who look after all of them. */
export interface Member extends Waiter {
  /** Gives up the locks of the transaction, if the session has it idle, for another whose statement waits for them. */
  displaceFor(waiter: Waiter): 'displaced' | 'was displaced' | 'busy' | 'cannot be displaced';
  /** Gives up what a transaction keeps that was displaced or has failed. */
  beginAnew(): void;
  /**
   * Gives up the copies of tables, for another transaction that wants to copy the same.
   *
   * @returns when that is done, `undefined` while the session is busy
   */
  leavePrivate(): Promise<void> | undefined;
  /** What the session has read of these relations in the catalogue is old. */
  catalogueChanged(relations: readonly ChangedRelation[]): void;
}
