import { AsyncLocalStorage } from 'node:async_hooks';

/** A migration whose code is running. */
export interface AroundMigration {
  /** A COMMIT in it has failed. */
  noteFailure(error: unknown): void;
}

/** The migration whose code is running; nothing where this package carries out a statement of it. */
export const migrationAround = new AsyncLocalStorage<AroundMigration | undefined>();

/** Does something that is not the code of a migration, although that has asked for it. */
export function ours<T>(work: () => Promise<T>): Promise<T> {
  return migrationAround.run(undefined, work);
}
