import { DsqlError } from '../connection';

/** Who holds the lease on the schema, as its row says. */
export interface LeaseHolder {
  readonly host: string;
  /** The process id on that host. */
  readonly process: string;
  readonly since: Date;
  /** When the lease ends unless it is renewed. */
  readonly expiresAt: Date;
  /** The fencing number: it is higher for each holder than for those before. */
  readonly fence: string;
}

/** What a person may do who knows more than the lease says. */
export const STEAL = '`aurora-dsql-orm migrate up --steal` or `repair --steal` takes the lease from it';

/** Another process changes the schema at the moment, and `whileHeld: 'fail'` says not to wait for it. */
export class LeaseHeldError extends DsqlError {
  override readonly name = 'LeaseHeldError';

  constructor(readonly holder: LeaseHolder) {
    super(
      `Nothing was done: process ${holder.process} on ${holder.host} has been changing the schema since ${holder.since.toISOString()}. Wait until it is done; if it has died, its lease ends at ${holder.expiresAt.toISOString()}, and ${STEAL} at once.`,
    );
  }
}

/** Whether `error` is a {@link LeaseHeldError}. */
export function isLeaseHeldError(error: unknown): error is LeaseHeldError {
  return error instanceof LeaseHeldError;
}

/** This process has lost its lease on the schema, and has sent nothing since. */
export class LeaseLostError extends DsqlError {
  override readonly name = 'LeaseLostError';

  constructor() {
    super(
      'This process lost its lease on the schema, because it did not renew it in time or because another process took it, and sends nothing more. What it had done is in the journal: the other process, or the next run, continues from there.',
    );
  }
}

/** Whether `error` is a {@link LeaseLostError}. */
export function isLeaseLostError(error: unknown): error is LeaseLostError {
  return error instanceof LeaseLostError;
}

/** A person or a program has stopped the migrations: nothing was sent after the statement that was on its way. */
export class MigrationsStoppedError extends DsqlError {
  override readonly name = 'MigrationsStoppedError';

  constructor() {
    super(
      'The migrations were stopped between two statements. What was done is in the journal: run them again, and they continue from there.',
    );
  }
}

/** Whether `error` is a {@link MigrationsStoppedError}. */
export function isMigrationsStoppedError(error: unknown): error is MigrationsStoppedError {
  return error instanceof MigrationsStoppedError;
}

/** Migrations are not what they were when they were run, and `whenChanged: 'fail'` says not to go on. */
export class MigrationDriftError extends DsqlError {
  override readonly name = 'MigrationDriftError';

  /** The names of the migrations. */
  readonly migrations: readonly string[];

  constructor(changed: readonly ChangedMigration[]) {
    super(
      `Nothing was done: ${changedSince(changed)} Restore ${changed.length === 1 ? 'it' : 'them'}, and write a new migration for what is to change.`,
    );
    this.migrations = changed.map(({ name }) => name);
  }
}

/** Whether `error` is a {@link MigrationDriftError}. */
export function isMigrationDriftError(error: unknown): error is MigrationDriftError {
  return error instanceof MigrationDriftError;
}

/** Says that migrations have changed since they were run. */
export function changedSince(changed: readonly ChangedMigration[]): string {
  const names = changed.map(({ name, difference }) =>
    difference === undefined ? name : `${name} (${difference})`,
  );
  return `the code of ${names.join(', ')} has changed since ${changed.length === 1 ? 'it was' : 'they were'} run, so the schema may differ from what the code says.`;
}

/** A migration that is not what it was when it was run. */
interface ChangedMigration {
  readonly name: string;
  /** In what, as a part of a sentence; nothing where its code was not kept. */
  readonly difference?: string;
}

/** The code of a half-done migration is not what it was when it was begun. */
export class MigrationChangedError extends DsqlError {
  override readonly name = 'MigrationChangedError';

  /**
   * @param migration - its name
   * @param position - which of its statements differs, counted from 1
   * @param difference - how, as a sentence
   */
  constructor(
    readonly migration: string,
    readonly position: number,
    difference: string,
  ) {
    super(
      `Migration "${migration}" is half-done, and now takes another path at statement ${position}. ${difference} Nothing was sent. Restore the migration and run it again; or finish it by hand and call \`aurora-dsql-orm migrate resolve ${migration} --done\`; or undo it by hand and call it with \`--undone\`.`,
    );
  }
}

/** Whether `error` is a {@link MigrationChangedError}. */
export function isMigrationChangedError(error: unknown): error is MigrationChangedError {
  return error instanceof MigrationChangedError;
}

/**
 * A statement of a migration would fail, whatever comes before it: what it is about is not there, or it raises an error itself.
 * Nothing of the migration was sent. A statement that DSQL has no way to do is an UnsupportedFeatureError.
 */
export class MigrationRefusedError extends DsqlError {
  override readonly name = 'MigrationRefusedError';

  /**
   * @param code - the SQLSTATE with which PostgreSQL would refuse the statement
   * @param sql - the statement
   * @param reason - why it would fail, and what to write instead, as sentences
   */
  constructor(
    readonly code: string,
    readonly sql: string,
    reason: string,
  ) {
    super(`${reason} Nothing was sent: ${sql.trim()}`);
  }

  /** Itself: code that catches what a statement fails with finds the SQLSTATE here in an error of TypeORM. */
  get driverError(): this {
    return this;
  }

  /** Itself, as in an error of Sequelize. */
  get original(): this {
    return this;
  }

  /** Itself, as in an error of Sequelize. */
  get parent(): this {
    return this;
  }
}

/** Whether `error` is a {@link MigrationRefusedError}. */
export function isMigrationRefusedError(error: unknown): error is MigrationRefusedError {
  return error instanceof MigrationRefusedError;
}

/** A migration is half-done and has to be finished before another one is run. */
export class HalfDoneMigrationError extends DsqlError {
  override readonly name = 'HalfDoneMigrationError';

  /**
   * @param migration - its name
   * @param direction - which way it was run
   */
  constructor(
    readonly migration: string,
    readonly direction: 'up' | 'down',
  ) {
    super(
      `Migration "${migration}" is half-${direction === 'up' ? 'done' : 'undone'}, so nothing was sent. ${direction === 'up' ? 'Run' : 'Revert'} it again to finish it; or finish it by hand and call \`aurora-dsql-orm migrate resolve ${migration} --${direction === 'up' ? 'done' : 'undone'}\`.`,
    );
  }
}

/** Whether `error` is a {@link HalfDoneMigrationError}. */
export function isHalfDoneMigrationError(error: unknown): error is HalfDoneMigrationError {
  return error instanceof HalfDoneMigrationError;
}

/** It is not known whether a statement of a half-done migration took effect, and the catalogue does not tell. */
export class UnsettledStatementError extends DsqlError {
  override readonly name = 'UnsettledStatementError';

  /**
   * @param migration - the migration
   * @param sql - the statement
   * @param reason - what the catalogue shows, as a sentence
   */
  constructor(
    readonly migration: string,
    readonly sql: string,
    reason: string,
  ) {
    super(
      `It is not known whether this statement of migration "${migration}" took effect: ${sql}. ${reason} Check it. Then finish the migration by hand and call \`aurora-dsql-orm migrate resolve ${migration} --done\`, or undo it by hand and call it with \`--undone\`.`,
    );
  }
}

/** Whether `error` is an {@link UnsettledStatementError}. */
export function isUnsettledStatementError(error: unknown): error is UnsettledStatementError {
  return error instanceof UnsettledStatementError;
}

/** A statement was about to be done that the journal has as done: an earlier attempt was committed after all. */
export class StatementDoneError extends DsqlError {
  override readonly name = 'StatementDoneError';

  constructor() {
    super('The transaction was rolled back: the journal says that an earlier attempt of it was committed.');
  }
}
