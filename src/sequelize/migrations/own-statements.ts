import { AsyncLocalStorage } from 'node:async_hooks';
import type { HeldConnections } from './held-connections';

/** A migration whose code is running. */
export interface AroundMigration {
  readonly connections: HeldConnections;
  /** A COMMIT in it has failed. */
  noteFailure(error: unknown): void;
}

/** What belongs to a migration. */
interface Around {
  /** Nothing where it is not that of a certain one. */
  readonly migration: AroundMigration | undefined;
  /** Whether this package carries out a statement of it. */
  readonly isOurs: boolean;
}

const around = new AsyncLocalStorage<Around>();

/** What says which migration runs on an instance whose host calls the code. */
const hosted = new WeakMap<object, () => AroundMigration | undefined>();

/** The migration in whose code this is called; nothing where this package carries out a statement of it. */
export function migrationAround(sequelize: object): AroundMigration | undefined {
  const { migration, isOurs } = aroundOf(sequelize);
  return isOurs ? undefined : migration;
}

/** The migration to which what is done here belongs, and whether its code does it or this package. */
export function aroundOf(sequelize: object): Around {
  return around.getStore() ?? { migration: hosted.get(sequelize)?.(), isOurs: false };
}

/** Runs the code of a migration. */
export function asMigration<T>(migration: AroundMigration, work: () => Promise<T>): Promise<T> {
  return around.run({ migration, isOurs: false }, work);
}

/** Lets what is sent through an instance belong to a migration whose code somebody else calls. */
export function hostMigrations(sequelize: object, current: () => AroundMigration | undefined): void {
  hosted.set(sequelize, current);
}

/**
 * Does something that is not the code of a migration, although that has asked for it.
 *
 * @param migration - that which has
 */
export function ours<T>(
  work: () => Promise<T>,
  migration: AroundMigration | undefined = around.getStore()?.migration,
): Promise<T> {
  return around.run({ migration, isOurs: true }, work);
}
