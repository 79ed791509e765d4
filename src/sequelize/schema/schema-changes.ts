import {
  DatabaseError,
  ForeignKeyConstraintError,
  QueryTypes,
  UniqueConstraintError,
  type Sequelize,
} from 'sequelize';
import { retryOnConflict, UnsupportedFeatureError } from '../../occ';
import {
  EnumTypes,
  isOneOf,
  mayChangeSchema,
  onlyStatement,
  planChange,
  readTablesWhere,
  reportJobs,
  SchemaRunner,
  translateChange,
  type CatalogTable,
  type JobViolation,
  type PlannedChange,
  type ResolvedMapping,
  type SchemaJobError,
} from '../../schema';
import type { DsqlStatement, TableName, Translation } from '../../sql';
import { log } from '../log';
import type { AddedColumn } from './added-column';
import { DsqlTransaction } from '../transactions/dsql-transaction';

/** In the options of a call of `Sequelize.query`: the text is for Aurora DSQL already. */
const AS_IT_IS = Symbol('as it is');

/** In the options of a call: what carries out the changes of all calls of one `sync`. */
const RUNNER = Symbol('the changes of one sync');

/** In the options of a call of `Sequelize.query`: the text is Sequelize's, not its user's. */
const WRITTEN_BY_SEQUELIZE = Symbol('written by Sequelize');

/** In the options of a call of `Sequelize.query`: the column that its text adds. */
const ADDED_COLUMN = Symbol('the column that is added');

/** The options of a call that changes the schema, as far as they are looked at here. */
export interface ChangeOptions {
  readonly transaction?: unknown;
  readonly type?: string | undefined;
  readonly bind?: unknown;
  readonly replacements?: unknown;
  readonly [RUNNER]?: SchemaRunner;
  readonly [AS_IT_IS]?: true;
  readonly [WRITTEN_BY_SEQUELIZE]?: true;
  readonly [ADDED_COLUMN]?: AddedColumn;
}

/** Options of a call that each of its statements has, too. */
const PASSED_ON = [
  'logging',
  'benchmark',
  'searchPath',
  'supportsSearchPath',
  'useMaster',
  'logQueryParameters',
  'completesTransaction',
] as const;

/**
 * Carries out what changes the schema, written for PostgreSQL: Sequelize's own statements, and those of its users.
 *
 * A user's text that is Aurora DSQL's own SQL already is sent as it is, and so is one that Aurora DSQL refuses: it says so
 * itself. Of every other one each statement is a transaction of its own, and asynchronous jobs are waited for.
 */
export class SchemaChanges {
  readonly #sequelize: Sequelize;
  readonly #mapping: ResolvedMapping;
  /** Of the migrations that this instance runs. */
  readonly #enums = new EnumTypes();

  constructor(sequelize: Sequelize, mapping: ResolvedMapping) {
    this.#sequelize = sequelize;
    this.#mapping = mapping;
  }

  /** Whether a call of `Sequelize.query` is for {@link SchemaChanges.run}. */
  concern(text: string, { bind, replacements, [AS_IT_IS]: asItIs }: ChangeOptions): boolean {
    return asItIs !== true && bind === undefined && replacements === undefined && mayChangeSchema(text);
  }

  /**
   * Carries out a text of one or several statements.
   *
   * @returns what `Sequelize.query` returns for a text that is sent as it is, and an empty result for every other
   * @throws UnsupportedFeatureError before anything is sent, for a text of Sequelize that asks for what Aurora DSQL has
   *   not, and for what cannot be done in the transaction that it is to be done in
   * @throws DatabaseError with a `SchemaJobError` as `parent`, when an asynchronous job failed: rows are in the way of a
   *   unique index (then it is a UniqueConstraintError), of a foreign key (ForeignKeyConstraintError) or of a CHECK
   */
  async run(text: string, options: ChangeOptions, transaction?: unknown): Promise<unknown> {
    if (!(transaction instanceof DsqlTransaction)) return this.#run(text, options);
    if (!this.#mapping.migrations.translate) return this.#runInTransaction(text, options, transaction);
    return transaction.inTurn(() => this.#runOutside(text, { ...options, transaction }, transaction));
  }

  async #run(text: string, options: ChangeOptions): Promise<unknown> {
    const planned = await this.#plan(text, options);
    if (typeof planned === 'string') return this.#send(text, options);
    const runner = options[RUNNER] ?? this.#runner(options);
    await reportJobs(async () => {
      const mayBeThere = options[RUNNER] !== undefined || options[ADDED_COLUMN]?.isBegun === true;
      await runner.run(mayBeThere ? planned.map(unlessThere) : planned);
      if (options[RUNNER] === undefined) await runner.settle();
    }, hostError);
    return [[], undefined];
  }

  /** What is to be done with a text; what Aurora DSQL refuses in a text of a user it says itself. */
  async #plan(
    text: string,
    options: ChangeOptions,
  ): Promise<'as it is' | 'refused' | readonly DsqlStatement[]> {
    const { [ADDED_COLUMN]: added } = options;
    const author = options[WRITTEN_BY_SEQUELIZE] === true ? 'ORM' : 'user';
    if (author === 'user' && !this.#mapping.migrations.translate) return 'as it is';
    const readTables = async (where: string) => {
      const known = await this.readTablesWhere(where, { ...options, logging: false });
      return added === undefined ? known : known.map((table) => added.before(table));
    };
    const planned = await planChange(text, {
      author,
      mapping: this.#mapping,
      enums: this.#enums,
      readTables,
      read: (sql) => this.select(sql, options),
    });
    if (typeof planned === 'string') return planned;
    if (author === 'user') this.#tell(text, planned, options);
    return added === undefined ? planned.statements : added.finishable(planned.statements);
  }

  #tell(text: string, { statements, notes }: PlannedChange, options: object): void {
    const sent = statements.length === 0 ? 'nothing' : statements.map(({ sql }) => sql).join('; ');
    const remarks = notes.length === 0 ? '' : ` (${[...new Set(notes)].join(' ')})`;
    log(this.#sequelize, `Instead of ${text.trim()}: ${sent}${remarks}`, options);
  }

  /** The options of a call whose text is Sequelize's own. */
  writtenBySequelize(options: object | null | undefined): object {
    return { ...options, [WRITTEN_BY_SEQUELIZE]: true };
  }

  /** The options of a call whose text adds a column. */
  adding(column: AddedColumn, options: object | null | undefined): object {
    return { ...this.writtenBySequelize(options), [ADDED_COLUMN]: column };
  }

  /**
   * Carries out the changes that several calls make, whose jobs are waited for together at the end.
   *
   * @param options - of the call that makes the others
   * @param work - gets the options to pass on to them
   */
  async together<T>(options: object | undefined, work: (options: object) => Promise<T>): Promise<T> {
    const given = (options ?? {}) as ChangeOptions;
    if (given[RUNNER] !== undefined) return work(given);
    const runner = this.#runner(given);
    const result = await work({ ...given, [RUNNER]: runner });
    await reportJobs(() => runner.settle(), hostError);
    return result;
  }

  /** Whether a call is one of those that {@link SchemaChanges.together} carries out. */
  isTogether(options: object | null | undefined): boolean {
    return (options as ChangeOptions | null | undefined)?.[RUNNER] !== undefined;
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

  #send(sql: string, options: object): Promise<unknown> {
    return this.#sequelize.query(sql, { ...options, [AS_IT_IS]: true } as object);
  }

  /** @param transaction - on whose connection the statements are sent while it is not open */
  #runner(
    options: object,
    transaction: DsqlTransaction | null = null,
    committed: () => void = () => undefined,
  ): SchemaRunner {
    const sent = { ...passedOn(options), type: QueryTypes.RAW, raw: true, transaction };
    const query = async (sql: string) => {
      // What looks how far a job is would fill the log.
      const isLook = sql.startsWith('SELECT ');
      const send = () => this.#send(sql, isLook ? { ...sent, logging: false } : sent);
      const [rows, result] = (await (transaction === null ? send() : retryOnConflict(send))) as RawResult;
      if (!isLook) committed();
      return { rows, rowCount: result.rowCount ?? 0 };
    };
    return new SchemaRunner({ query }, { onProgress: this.#mapping.onSchemaProgress });
  }

  /** Takes a transaction apart: a change of the schema is a transaction of its own. */
  async #runOutside(text: string, options: ChangeOptions, transaction: DsqlTransaction): Promise<unknown> {
    const past = { ...options, completesTransaction: true };
    try {
      const planned = await this.#plan(text, past);
      // Nothing was sent yet, and the server refuses it wherever it is sent.
      if (planned === 'refused') return await this.#send(text, past);
      return await transaction.outside(async (committed) => {
        if (planned === 'as it is') {
          const result = await retryOnConflict(() => this.#send(text, past));
          committed();
          return result;
        }
        await reportJobs(async () => {
          const runner = this.#runner(past, transaction, committed);
          await runner.run(options[ADDED_COLUMN]?.isBegun === true ? planned.map(unlessThere) : planned);
          await runner.settle();
        }, hostError);
        return [[], undefined];
      });
    } catch (error) {
      transaction.noteFailure(error);
      throw error;
    }
  }

  /** A transaction takes one change of the schema, and nothing else that writes (recorded from a cluster, 2026-09). */
  async #runInTransaction(
    text: string,
    options: ChangeOptions,
    transaction: DsqlTransaction,
  ): Promise<unknown> {
    const planned = await this.#plan(text, options);
    if (typeof planned === 'string') return this.#send(text, options);
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
      runner.takeOn(only.sql, rows);
      transaction.afterCommit(() => reportJobs(() => runner.settle(), hostError));
    }
    return result;
  }
}

const OUTSIDE =
  'Leave the transaction option away (and pass `transaction: null` where CLS would find one): each change of the schema is a transaction of its own.';

/** What Sequelize makes of a statement of type RAW. */
type RawResult = [Row[], { readonly rowCount?: number | null }];

type Row = Readonly<Record<string, unknown>>;

function passedOn(options: object): object {
  const given = options as Partial<Record<string, unknown>>;
  return Object.fromEntries(
    PASSED_ON.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])),
  );
}

/** An index that is not found built may be one that is being built by another, or that could not be built. */
function unlessThere(statement: DsqlStatement): DsqlStatement {
  const sql = statement.sql.replace(
    /^(\s*CREATE (?:UNIQUE )?INDEX ASYNC )(?!IF NOT EXISTS)/,
    '$1IF NOT EXISTS ',
  );
  return { ...statement, sql };
}

/** A job that failed, as Sequelize's users know it from PostgreSQL. */
function hostError(error: SchemaJobError, violation: JobViolation): DatabaseError | UniqueConstraintError {
  const parent = Object.assign(error, { sql: error.job.sql, parameters: {} });
  const host =
    violation === 'unique'
      ? new UniqueConstraintError({ message: error.message, parent, fields: {} })
      : violation === 'foreign key'
        ? new ForeignKeyConstraintError({ message: error.message, parent })
        : new DatabaseError(parent);
  return Object.assign(host, { cause: error });
}
