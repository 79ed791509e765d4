import { findInChain } from '../occ';
import { EnumTypes, type ResolvedMigrationOptions } from '../schema';
import { changedSince, MigrationDriftError } from './errors';
import { codeChecksum, differenceOf } from './journal/migration-code';
import {
  Journal,
  type Direction,
  type JournalledRun,
  type RunInTransaction,
  type TypeChanges,
} from './journal/journal';
import { TransactionEntries } from './journal/transaction-entries';
import { SchemaLease, type LeaseContext } from './lease/schema-lease';
import { MigrationRun } from './migration-run';
import type { MigrationSession } from './migration-session';
import { isPassing, patiently } from './patience';
import type { MigrationProgress, MigrationStep } from './progress';
import { DryRun } from './dry-run/dry-run';
import { isRepeatable } from './dry-run/repeatable-code';
import { migrationTables } from './tables';

/** What one call may say of how it runs migrations. */
export interface MigrationRunOptions {
  /** Stops between two statements: the call fails with a MigrationsStoppedError, and the next one continues. */
  readonly signal?: AbortSignal | undefined;
  /**
   * What to do while another process changes the schema.
   * @defaultValue that of `dsql.migrations`
   */
  readonly whileHeld?: ResolvedMigrationOptions['whileHeld'] | undefined;
  /**
   * Takes the lease from a process whose lease has not ended: only where that process is surely dead. If it is not, it sends
   * nothing more, and fails with a LeaseLostError.
   * @defaultValue false
   */
  readonly steal?: boolean | undefined;
  /** Told of each step of each migration. */
  readonly onProgress?: ((progress: MigrationProgress) => void) | undefined;
}

/** Where and how migrations are run. */
export interface MigrationsContext extends LeaseContext {
  /** The name of the ORM's own table of migrations: it tells those of several applications in one schema apart. */
  readonly history: string;
  /** What is known of enum types already, where the ORM keeps that. */
  readonly enums?: EnumTypes | undefined;
  readonly onProgress?: MigrationRunOptions['onProgress'];
}

/** A migration that is to be carried out. */
export interface MigrationToRun {
  readonly name: string;
  readonly direction: Direction;
  /** Its code, where that is known. */
  readonly code?: string | undefined;
  /** All the code that may run when it is called, as JavaScript, where that is known. */
  readonly called?: string | undefined;
}

/**
 * The migrations that one process runs while it holds the lease.
 *
 * When a run of them ends by what may be over in a moment, it is begun again, as the next process would: what is done is
 * not done again.
 */
export class Migrations {
  /** What the transaction that is open has done of them. */
  readonly entries: TransactionEntries;
  readonly #journal: Journal;
  readonly #patienceMs: number;
  readonly #context: OwnContext;
  #enums: EnumTypes;
  #keepsTypes = true;
  #runs = new Map<string, JournalledRun>();
  /** Errors that migrations have thrown for reasons of their own. */
  readonly #foreign = new WeakSet<object>();

  private constructor(journal: Journal, context: OwnContext) {
    this.#journal = journal;
    this.#context = context;
    this.#patienceMs = context.options.patienceMs;
    this.#enums = context.enums ?? new EnumTypes();
    this.entries = new TransactionEntries(journal);
  }

  /**
   * Runs migrations while no other process does.
   *
   * @param work - runs them, anew after what may be over in a moment
   * @returns nothing where another process runs some, and `whileHeld` says `skip`
   * @throws LeaseHeldError where another process runs some, and `whileHeld` says `fail`
   * @throws MigrationsStoppedError when `signal` says so
   */
  static async run<T>(
    context: MigrationsContext,
    work: (migrations: Migrations) => Promise<T>,
  ): Promise<{ readonly value: T } | undefined> {
    const { options, log } = context;
    const taken = await Migrations.take(context);
    if (taken === undefined) return undefined;
    const { lease: held, migrations } = taken;
    try {
      const once = async () => {
        migrations.#runs = new Map();
        migrations.entries.forget();
        await migrations.learnTypes();
        return held.during(() => work(migrations));
      };
      const value = await patiently(once, {
        patienceMs: options.patienceMs,
        progress: () => migrations.#journal.progress,
        mayTryAgain: (error) => isPassing(error) && !migrations.#isForeign(error),
        onRetry: (error) => {
          log(`Migrations are run again from where they were: ${messageOf(error)}`);
        },
      });
      return { value };
    } finally {
      await held.release();
    }
  }

  /**
   * Looks what there is to run, before the lease is taken: again, after what may be over in a moment.
   *
   * @param work - changes nothing
   */
  static look<T>(
    { options, log }: Pick<MigrationsContext, 'options' | 'log'>,
    work: () => Promise<T>,
  ): Promise<T> {
    return patiently(work, {
      patienceMs: options.patienceMs,
      onRetry: (error) => {
        log(`Migrations are looked for again: ${messageOf(error)}`);
      },
    });
  }

  /**
   * Takes the lease for migrations that are run once, by somebody else.
   *
   * @returns nothing where another process runs some, and `whileHeld` says `skip`
   * @throws as {@link Migrations.run}
   */
  static async take(
    context: MigrationsContext,
  ): Promise<{ readonly lease: SchemaLease; readonly migrations: Migrations } | undefined> {
    const { schema, history, options, log, onProgress, enums } = context;
    const lease = await SchemaLease.take(context, migrationTables(schema));
    if (lease === undefined) return undefined;
    const journal = new Journal(lease.connection, lease.lease, history);
    return { lease, migrations: new Migrations(journal, { options, log, onProgress, enums }) };
  }

  /** The enum types that the migrations have made so far, and those of earlier processes. */
  get enums(): EnumTypes {
    return this.#enums;
  }

  /** Finds out which enum types and columns of arrays migrations of earlier processes have made. */
  async learnTypes(): Promise<void> {
    this.#enums = this.#context.enums ?? new EnumTypes();
    const noted = await this.#journal.types();
    this.#keepsTypes = noted !== undefined;
    this.#enums.takeUp(noted?.enums ?? []);
    this.#enums.arrays.takeUp(noted?.arrays ?? []);
  }

  /** What the migration that is recorded has made of types, as far as that can be kept. */
  #typesToKeep(): TypeChanges | undefined {
    const { changes: enums, arrays } = this.#enums;
    const { changes } = arrays;
    if (this.#keepsTypes || enums.length + changes.length === 0) return { enums, arrays: changes };
    const names = [
      ...enums.map(({ name }) => `the enum type ${name}`),
      ...changes.map(({ table, column }) => `the array ${table.name}.${column}`),
    ].join(', ');
    this.#context.log(
      `Warning: what became of ${names} is not kept for later processes, because the role may not use the tables aurora_dsql_orm_migration_enum and aurora_dsql_orm_migration_array. Let it create tables, or create those and grant SELECT, INSERT, UPDATE and DELETE on them.`,
    );
    return undefined;
  }

  /**
   * Carries out a migration. Where its code may be called once more for nothing, it is looked first whether a statement of it
   * is refused: then nothing of it is done.
   *
   * @param session - the connection on which it runs
   * @param work - runs its code, whose statements go to the run, or to the dry run of it
   * @throws UnsupportedFeatureError for a statement that is refused
   * @throws MigrationRefusedError for one that would fail
   */
  async carryOut(
    { name, direction, code, called }: MigrationToRun,
    session: MigrationSession,
    work: (run: MigrationRun | DryRun) => Promise<void>,
  ): Promise<void> {
    const journalled = await this.#journal.find(name, direction, code ?? null);
    if (journalled.statements.length === 0 && called !== undefined && isRepeatable(called)) {
      const dryRun = new DryRun(session, called);
      await dryRun.run(() => work(dryRun));
    }
    if (journalled.isNew && session.isInTransaction) session.entries.begin(journalled);
    else if (journalled.isNew) await this.#journal.begin(journalled);
    this.#runs.set(name, journalled);
    this.#enums.begin();
    const { onProgress } = this.#context;
    const tell =
      onProgress &&
      ((step: MigrationStep) => {
        onProgress({ migration: name, direction, ...step });
      });
    const context = { journal: this.#journal, patienceMs: this.#patienceMs, tell };
    const run = new MigrationRun(journalled, context, session);
    tell?.({ step: 'begun' });
    try {
      await this.#runCode(run, work);
      await run.end();
    } finally {
      tell?.({ step: 'ended' });
    }
  }

  async #runCode(run: MigrationRun, work: (run: MigrationRun) => Promise<void>): Promise<void> {
    try {
      await work(run);
    } catch (error) {
      if (typeof error === 'object' && error !== null && !run.hasFailedWith(error)) this.#foreign.add(error);
      throw error;
    }
  }

  /**
   * A migration is recorded in the transaction that is open; its run is over when that is committed.
   *
   * @param migration - one that was carried out, or that is only recorded
   * @param entries - of the transaction
   */
  async record({ name, direction, code }: MigrationToRun, entries = this.entries): Promise<void> {
    const carriedOut = this.#runs.get(name);
    const run = carriedOut ?? (await this.#journal.find(name, direction, code ?? null));
    if (carriedOut === undefined && run.isNew) entries.begin(run);
    entries.end(run, carriedOut === undefined ? undefined : this.#typesToKeep());
  }

  /**
   * Makes sure that no other migration is half-done.
   *
   * @throws HalfDoneMigrationError for the first one that is
   */
  expectOnly(mayBeOpen: (run: Pick<JournalledRun, 'migration' | 'direction'>) => boolean): Promise<void> {
    return this.#journal.expectOnly(mayBeOpen);
  }

  /** Whether no migration is half-done. */
  async isWhole(): Promise<boolean> {
    return (await this.#journal.openRuns()).length === 0;
  }

  /**
   * Looks whether migrations are what they were when they were run.
   *
   * @param known - their code, by their names
   * @throws MigrationDriftError where one is not, and `whenChanged` says `fail`; otherwise it is logged
   */
  async expectUnchanged(known: ReadonlyMap<string, string | undefined>): Promise<void> {
    const then = await this.#journal.checksums();
    const changed = [...then].flatMap(([name, checksum]) => {
      const now = known.get(name);
      return now === undefined || codeChecksum(now) === checksum ? [] : [{ name, now }];
    });
    if (changed.length === 0) return;
    const code = await this.#journal.codeOf(changed.map(({ name }) => name));
    const described = changed.map(({ name, now }) => {
      const before = code.get(name);
      return before === undefined ? { name } : { name, difference: differenceOf(before, now) };
    });
    if (this.#context.options.whenChanged === 'fail') throw new MigrationDriftError(described);
    this.#context.log(`Warning: ${changedSince(described)}`);
  }

  /** Gives up what is half-done, because the ORM's own table of migrations is not there any more. */
  forget(): Promise<void> {
    return this.#journal.forget();
  }

  /**
   * To be awaited right before anything is sent.
   *
   * @throws LeaseLostError when another process has the lease
   */
  hold(): Promise<void> {
    return this.#journal.lease.hold();
  }

  /** Reads the catalogue beside a transaction that is open, on the connection of the journal: the pool may have no other one. */
  readCatalogue(sql: string): Promise<readonly unknown[]> {
    return this.#journal.readCatalogue(sql);
  }

  /** For another transaction than the only one of {@link Migrations.entries}. */
  newEntries(): TransactionEntries {
    return new TransactionEntries(this.#journal);
  }

  /** Notes what the open transaction has done, as the last thing before its COMMIT. */
  noteBeforeCommit(run: RunInTransaction): Promise<void> {
    return this.entries.note(run);
  }

  #isForeign(error: unknown): boolean {
    const isForeign = (inner: object) => this.#foreign.has(inner);
    return findInChain(error, isForeign) !== undefined;
  }
}

type OwnContext = Pick<MigrationsContext, 'options' | 'log' | 'onProgress' | 'enums'>;

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
