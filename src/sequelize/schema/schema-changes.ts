import { QueryTypes, type Sequelize } from 'sequelize';
import { isMigrationRefusedError } from '../../migrate/for-orms';
import { isUnsupportedFeatureError, retryOnConflict, sqlStateOf, UnsupportedFeatureError } from '../../occ';
import {
  callPlace,
  EnumTypes,
  isOneOf,
  isTransaction,
  isWrittenForPostgres,
  mayChangeSchema,
  onlyStatement,
  planChange,
  recallChange,
  readTablesWhere,
  reportJobs,
  SchemaRunner,
  sentInstead,
  translateChange,
  unfinishedRebuilds,
  type OpenConnection,
  type PlannedChange,
  type ResolvedMapping,
  type UnfinishedRebuild,
} from '../../schema';
import type { CatalogTable, DsqlStatement, TableName, Translation } from '../../sql';
import type { ReadForPlan } from '../../migrate/for-orms';
import { log } from '../log';
import { runningMigration, type RunningMigration } from '../migrations/running-migration';
import type { AddedColumn } from './added-column';
import { passedOn } from '../statement';
import { readable } from './placeholders';
import { asTexts, unlessThere } from './statement-texts';
import { hostJobError } from './job-error';
import { SharedLease, SyncLease } from './sync-lease';
import { ambientTransaction } from '../transactions/cls';
import { DsqlTransaction } from '../transactions/dsql-transaction';

/** The options of a call that changes the schema, as far as they are looked at here. */
export interface ChangeOptions {
  readonly transaction?: unknown;
  readonly type?: string | undefined;
  readonly bind?: unknown;
  readonly replacements?: unknown;
  /** Set by {@link SchemaChanges.together}, and passed on by Sequelize. */
  readonly together?: Together;
  /** It is what takes the place of a statement, and needs no plan. */
  readonly isPlanned?: boolean;
}

/** What carries out the changes of all calls of a `sync`. */
interface Together {
  readonly runner: SchemaRunner;
  readonly lease: SyncLease;
}

/** A text that changes the schema, and what is known of it besides. */
interface Change {
  readonly text: string;
  readonly author: 'ORM' | 'user';
  /** The column that the text adds. */
  readonly added?: AddedColumn | undefined;
}

/** The migration that a text is planned for. */
interface Planned {
  readonly migration: RunningMigration;
  /** Reads the catalogue beside the transaction that its code has open. */
  readonly read: ReadForPlan;
}

/**
 * Carries out what changes the schema, written for PostgreSQL: Sequelize's own statements, and those of its users.
 *
 * A user's text that is Aurora DSQL's own SQL already is sent as it is, and so is one that Aurora DSQL refuses: it says so
 * itself. Of every other one each statement is a transaction of its own, and asynchronous jobs are waited for.
 */
export class SchemaChanges {
  readonly #sequelize: Sequelize;
  readonly #mapping: ResolvedMapping;
  /** The enum types of the migrations that this instance runs. */
  readonly enums = new EnumTypes();
  readonly #enumsOfDryRuns = new WeakMap<RunningMigration, EnumTypes>();
  readonly #send: (sql: unknown, options: object) => Promise<unknown>;
  /** That of all changes of the schema that this instance makes without a journal. */
  readonly lease: SharedLease;

  /**
   * @param send - sends a statement as it is, in the transaction of its options or the one that CLS finds
   * @param open - opens the connection for the lease
   */
  constructor(
    sequelize: Sequelize,
    mapping: ResolvedMapping,
    send: (sql: unknown, options: object) => Promise<unknown>,
    open: OpenConnection,
  ) {
    this.#sequelize = sequelize;
    this.#mapping = mapping;
    this.#send = send;
    this.lease = new SharedLease(async () => {
      // Loaded by those who need it.
      const { leaseToSynchronize } = await import('../../migrate/for-orms');
      return leaseToSynchronize({
        open,
        options: mapping.migrations,
        log: (message) => {
          log(sequelize, message);
        },
      });
    });
  }

  /** Whether what calls this belongs to a dry run of a migration. */
  get isDryRun(): boolean {
    return runningMigration(this.#sequelize)?.isDryRun === true;
  }

  /** Whether a call of `Sequelize.query` is for {@link SchemaChanges.run}. */
  handles(text: string, { bind, replacements, isPlanned = false }: ChangeOptions): boolean {
    const isWhole = bind === undefined && replacements === undefined;
    return !isPlanned && isWhole && (mayChangeSchema(text) || isWrittenForPostgres(text));
  }

  /** Carries out a text that Sequelize has written; one that changes no schema is sent as it is. See {@link run}. */
  async runWritten(sql: unknown, options: object = {}, added?: AddedColumn): Promise<unknown> {
    return typeof sql === 'string' && this.handles(sql, options)
      ? this.#run({ text: sql, author: 'ORM', added }, options)
      : this.#send(sql, options);
  }

  /**
   * Carries out a text of one or several statements that the user has written.
   *
   * @returns what `Sequelize.query` returns for a text that is sent as it is, and an empty result for every other
   * @throws UnsupportedFeatureError before anything is sent, for a text of Sequelize that asks for what DSQL lacks, and for what cannot be done in the transaction that it is to be done in
   * @throws DatabaseError with a `SchemaJobError` as `parent`, when an asynchronous job failed: rows are in the way of a
   *   unique index (then it is a UniqueConstraintError), of a foreign key (ForeignKeyConstraintError) or of a CHECK
   */
  async run(text: string, options: ChangeOptions): Promise<unknown> {
    const place = callPlace();
    try {
      return await this.#run({ text, author: 'user' }, options);
    } catch (error) {
      // The call is gone from the stack of what the server, or a plan, has refused.
      if (place !== undefined && error instanceof Error && isRefusal(error)) {
        error.message += `\nIt is the statement at ${place}: ${text.trim()}`;
      }
      throw error;
    }
  }

  async #run(change: Change, options: ChangeOptions): Promise<unknown> {
    const migration = runningMigration(this.#sequelize);
    if (migration !== undefined) return this.#runInMigration(change, options, migration);
    const { transaction = ambientTransaction(this.#sequelize), together } = options;
    if (!mayChangeSchema(change.text)) {
      const planned = await this.#plan(change, options);
      if (planned === 'refused' || planned === 'as it is') return this.#send(change.text, options);
      const [only, ...others] = planned;
      if (only === undefined) return [[], undefined];
      if (others.length === 0 && !isTransaction(only)) return this.#send(only.sql, options);
    }
    if (transaction instanceof DsqlTransaction) {
      if (!this.#mapping.migrations.translate) return this.#runInTransaction(change, options, transaction);
      return transaction.inTurn(() => this.#runOutside(change, { ...options, transaction }, transaction));
    }
    const planned = await this.#plan(change, options);
    if (planned.length > 0) await together?.lease.hold();
    if (typeof planned === 'string') return this.#send(change.text, options);
    const runner = together?.runner ?? this.#runner(options);
    await reportJobs(async () => {
      const mayBeThere = together !== undefined || change.added?.isBegun === true;
      const statements = asTexts(planned);
      await runner.run(mayBeThere ? statements.map(unlessThere) : statements);
      if (together === undefined) await runner.settle();
    }, hostJobError);
    return [[], undefined];
  }

  /** What a migration sends is journalled; its jobs are waited for before it is recorded. */
  async #runInMigration(
    change: Change,
    options: ChangeOptions,
    migration: RunningMigration,
  ): Promise<unknown> {
    const { text, added } = change;
    const outside = { ...options, transaction: null, completesTransaction: true };
    const plan = async (read: ReadForPlan) => {
      const planned = await this.#plan(change, outside, { migration, read });
      if (typeof planned === 'string') return planned;
      const mayBeThere = options.together !== undefined || added?.isBegun === true;
      return { statements: mayBeThere ? planned.map(unlessThere) : planned, notes: [] };
    };
    let result: unknown;
    await reportJobs(async () => {
      result = await migration.change(text, options, {
        plan,
        recall: () => this.#recall(change),
        send: (sql) => {
          const { apart } = migration;
          const send = () => this.#send(sql, { ...outside, transaction: apart });
          return apart === null ? send() : retryOnConflict(send);
        },
      });
    }, hostJobError);
    return result;
  }

  /**
   * What takes the place of a text of a migration that only reads or writes rows.
   *
   * @throws UnsupportedFeatureError for what Aurora DSQL lacks
   */
  async planRows(
    text: string,
    options: ChangeOptions,
    within: Planned,
  ): Promise<'as it is' | 'refused' | PlannedChange> {
    const { sql, restore } = readable(text, options);
    const planned = await this.#plan({ text: sql, author: 'user' }, { logging: false }, within);
    if (typeof planned === 'string') return planned;
    return { statements: planned.map((each) => ({ ...each, sql: restore(each.sql) })), notes: [] };
  }

  /** The enum types of a history. A dry run knows what those of the migration would be. */
  #enumsOf(migration: RunningMigration | undefined): EnumTypes {
    if (migration?.isDryRun !== true) return this.enums;
    const enums = this.#enumsOfDryRuns.get(migration) ?? this.enums.copy();
    this.#enumsOfDryRuns.set(migration, enums);
    return enums;
  }

  async #recall({ text }: Change): Promise<void> {
    const mapping = this.#mapping;
    if (mapping.migrations.translate) await recallChange(text, { mapping, enums: this.enums });
  }

  /**
   * What is to be done with a text. What Aurora DSQL refuses in a text of a user it says itself, but in a migration: there
   * nothing is to be sent of a migration that cannot be done.
   */
  async #plan(
    { text, author, added }: Change,
    options: object,
    { migration, read }: Partial<Planned> = {},
  ): Promise<'as it is' | 'refused' | readonly DsqlStatement[]> {
    if (author === 'user' && !this.#mapping.migrations.translate) return 'as it is';
    const readTables = async (where: string) => {
      const known =
        read === undefined
          ? await this.readTablesWhere(where, { ...options, logging: false })
          : await readTablesWhere(where, read);
      return added === undefined ? known : known.map((table) => added.before(table));
    };
    const planned = await planChange(text, {
      author: author === 'user' && migration !== undefined ? 'migration' : author,
      mapping: this.#mapping,
      enums: this.#enumsOf(migration),
      readTables,
      read: read ?? ((sql) => this.select(sql, options)),
    });
    if (typeof planned === 'string') return planned;
    if (migration?.isDryRun === true) return planned.statements;
    // What Sequelize has written is told where nothing of it is sent, or a table is copied.
    if (author === 'user' || planned.statements.length === 0 || planned.copied !== undefined)
      log(this.#sequelize, `Instead of ${text.trim()}: ${sentInstead(planned)}`, options);
    return added === undefined ? planned.statements : added.finishable(planned.statements);
  }

  /**
   * Carries out the changes that several calls make, whose jobs are waited for together at the end. What a rebuild has left
   * undone that was interrupted is finished first: until then its table is not there, or not whole. No other process makes
   * such changes, or runs migrations, at the same time.
   *
   * @param options - of the call that makes the others
   * @param work - gets the options to pass on to them
   * @param isChange - whether it changes something for certain
   * @returns nothing where another process changes the schema, and `whileHeld` says `skip`
   * @throws LeaseHeldError where another process changes the schema, and `whileHeld` says `fail`
   */
  async together<T>(
    options: object | undefined,
    work: (options: object) => Promise<T>,
    isChange = false,
  ): Promise<T | undefined> {
    const given = (options ?? {}) as ChangeOptions;
    if (given.together !== undefined) return work(given);
    const { transaction = ambientTransaction(this.#sequelize) } = given;
    const lease = new SyncLease(this.lease);
    const runner = this.#runner(given, null, () => lease.hold());
    try {
      // What is planned in a transaction cannot be planned again.
      const isEager = isChange || transaction instanceof DsqlTransaction;
      const isLeft = (isEager || (await this.#unfinished(given)).length > 0) && !(await lease.take());
      if (isLeft) return undefined;
      if (lease.isHeld) await this.#finishRebuilds(given, runner);
      const result = await work({ ...given, together: { runner, lease } });
      await reportJobs(() => runner.settle(), hostJobError);
      return result;
    } finally {
      await lease.release();
    }
  }

  /**
   * Does a part of what is done together, once more under the lease when it turns out to change something.
   *
   * @param options - those that {@link SchemaChanges.together} has given
   * @returns nothing where another process changes the schema, and `whileHeld` says `skip`
   */
  async asPartOf<T>(options: object, work: () => Promise<T>): Promise<T | undefined> {
    const { together } = options as ChangeOptions;
    const isMigrating = runningMigration(this.#sequelize) !== undefined;
    return together === undefined || isMigrating ? work() : together.lease.around(work);
  }

  #unfinished(options: object): Promise<readonly UnfinishedRebuild[]> {
    const quiet = { ...options, logging: false };
    return unfinishedRebuilds(
      (sql) => this.select(sql, quiet),
      (where) => this.readTablesWhere(where, quiet),
    );
  }

  async #finishRebuilds(options: object, runner: SchemaRunner): Promise<void> {
    for (const { left } of await this.#unfinished(options)) {
      await runner.run(left);
      await runner.settle();
    }
  }

  /** Whether a call is one of those that {@link SchemaChanges.together} carries out. */
  isTogether(options: object | null | undefined): boolean {
    return (options as ChangeOptions | null | undefined)?.together !== undefined;
  }

  /** Reads tables from the catalogue; those that there are not are left out. */
  async readTables(tables: readonly TableName[], options: object = {}): Promise<readonly CatalogTable[]> {
    return tables.length === 0 ? [] : this.readTablesWhere(isOneOf(tables), options);
  }

  /**
   * Reads tables from the catalogue.
   *
   * @param where - a condition on `c` (`pg_class`) and `n` (`pg_namespace`)
   */
  async readTablesWhere(where: string, options: object = {}): Promise<readonly CatalogTable[]> {
    return readTablesWhere(where, (sql) => this.select(sql, options));
  }

  /** Sends a statement that reads, in the transaction of `options`, if there is one. */
  async select(sql: string, options: object): Promise<readonly Row[]> {
    const { transaction } = options as ChangeOptions;
    const sent = {
      ...passedOn(options),
      ...(transaction !== undefined && { transaction }),
      type: QueryTypes.SELECT,
      raw: true,
    };
    return (await this.#send(sql, sent)) as readonly Row[];
  }

  /**
   * Translates a text, and sends nothing.
   *
   * @param tables - what is known of the tables that it changes
   */
  plan(text: string, tables: readonly CatalogTable[]): Promise<Translation> {
    return translateChange(text, tables, this.#mapping);
  }

  /**
   * @param transaction - on whose connection the statements are sent while it is not open
   * @param before - awaited before each statement that changes something
   * @param committed - called after it
   */
  #runner(
    options: object,
    transaction: DsqlTransaction | null = null,
    before: () => Promise<void> = () => Promise.resolve(),
    committed: () => void = () => undefined,
  ): SchemaRunner {
    const sent = { ...passedOn(options), type: QueryTypes.RAW, raw: true, transaction };
    const query = async (sql: string) => {
      // What looks how far a job is would fill the log.
      const isLook = sql.startsWith('SELECT ');
      if (!isLook) await before();
      const send = () => this.#send(sql, isLook ? { ...sent, logging: false } : sent);
      const [rows, result] = (await (transaction === null ? send() : retryOnConflict(send))) as RawResult;
      if (!isLook) committed();
      return { rows, rowCount: result.rowCount ?? 0 };
    };
    return new SchemaRunner({ query }, { onProgress: this.#mapping.onSchemaProgress });
  }

  /** Takes a transaction apart: a change of the schema is a transaction of its own. */
  async #runOutside(change: Change, options: ChangeOptions, transaction: DsqlTransaction): Promise<unknown> {
    const { text, added } = change;
    const hold = async () => options.together?.lease.hold();
    const past = { ...options, completesTransaction: true };
    try {
      const planned = await this.#plan(change, past);
      // Nothing was sent yet, and the server refuses it wherever it is sent.
      if (planned === 'refused') return await this.#send(text, past);
      return await transaction.outside(async (committed) => {
        if (planned === 'as it is') {
          const result = await retryOnConflict(() => this.#send(text, past));
          committed();
          return result;
        }
        await reportJobs(async () => {
          const runner = this.#runner(past, transaction, () => hold(), committed);
          await runner.run(added?.isBegun === true ? planned.map(unlessThere) : planned);
          await runner.settle();
        }, hostJobError);
        return [[], undefined];
      });
    } catch (error) {
      transaction.noteFailure(error);
      throw error;
    }
  }

  /** A transaction takes one change of the schema, and nothing else that writes (recorded from a cluster, 2026-09). */
  async #runInTransaction(
    change: Change,
    options: ChangeOptions,
    transaction: DsqlTransaction,
  ): Promise<unknown> {
    const planned = await this.#plan(change, options);
    if (typeof planned === 'string') return this.#send(change.text, options);
    const only = onlyStatement(planned, OUTSIDE);
    if (only === undefined) return [[], undefined];
    if (transaction.hasChangedSchema) {
      throw new UnsupportedFeatureError('two changes of the schema in one transaction', OUTSIDE);
    }
    if (transaction.hasWritten) {
      throw new UnsupportedFeatureError('a change of the schema in a transaction that writes rows', OUTSIDE);
    }
    const result = await this.#send(only.sql, { ...options, transaction });
    if (only.kind === 'job' || only.kind === 'validate') {
      const [rows] = result as [Row[]];
      const runner = this.#runner(options);
      runner.adoptJob(only.sql, rows);
      transaction.afterCommit(() => reportJobs(() => runner.settle(), hostJobError));
    }
    return result;
  }
}

const OUTSIDE =
  'Omit the `transaction` option (and pass `transaction: null` where CLS would find one): each change of the schema is a transaction of its own.';

/** What Sequelize makes of a statement of type RAW. */
type RawResult = [Row[], { readonly rowCount?: number | null }];

type Row = Readonly<Record<string, unknown>>;

/** Whether Aurora DSQL lacks what a statement asks for, by the word of the server or of a plan. */
function isRefusal(error: Error): boolean {
  if (isUnsupportedFeatureError(error) || isMigrationRefusedError(error)) return true;
  return /^(?:0A000|54\d{3})$/.test(sqlStateOf(error) ?? '');
}
