import { AsyncLocalStorage } from 'node:async_hooks';

/** A migration whose code is running. */
export interface AroundMigration {
  /** A COMMIT in it has failed. */
  noteFailure(error: unknown): void;
}

const OURS = Symbol('This package carries out a statement of a migration.');

const around = new AsyncLocalStorage<AroundMigration | typeof OURS>();

/** What says which migration runs on an instance whose host calls the code. */
const hosted = new WeakMap<object, () => AroundMigration | undefined>();

/** The migration in whose code this is called; nothing where this package carries out a statement of it. */
export function migrationAround(sequelize: object): AroundMigration | undefined {
  const store = around.getStore();
  return store === OURS ? undefined : (store ?? hosted.get(sequelize)?.());
}

/** Runs the code of a migration. */
export function asMigration<T>(migration: AroundMigration, work: () => Promise<T>): Promise<T> {
  return around.run(migration, work);
}

/** Lets what is sent through an instance belong to a migration whose code somebody else calls. */
export function hostMigrations(sequelize: object, current: () => AroundMigration | undefined): void {
  hosted.set(sequelize, current);
}

/** Does something that is not the code of a migration, although that has asked for it. */
export function ours<T>(work: () => Promise<T>): Promise<T> {
  return around.run(OURS, work);
}
