import { isUnsupportedFeatureError } from '../../occ';
import {
  callPlace,
  isTransaction,
  isUntilDone,
  planChange,
  readTablesWhere,
  SchemaRunner,
  sentInstead,
  type EnumTypes,
  type ResolvedMapping,
  type SchemaSession,
} from '../../schema';
import { loadParser, parseQuery, type DsqlStatement } from '../../sql';
import { appendToMessage } from '../refusal-explanation';

type Answer = Awaited<ReturnType<SchemaSession['query']>>;

/** The query runner on which a migration runs. */
export interface MigrationSession {
  readonly isInTransaction: boolean;
  /** Sends a statement of ours. */
  readonly send: (sql: string) => Promise<unknown>;
  /** Commits what the transaction holds, does something outside it, and begins it anew. */
  readonly outsideTransaction: <T>(work: () => Promise<T>) => Promise<T>;
  /** Reads the catalogue beside the transaction that is open, if one is. */
  readonly read: (sql: string) => Promise<readonly unknown[]>;
  readonly warn: (message: string) => void;
  /** Tells what is sent in the place of a statement. */
  readonly log: (message: string) => void;
}

/** How the statements of a migration are translated. */
export interface MigrationTranslation {
  readonly mapping: ResolvedMapping;
  /** Those of all migrations of one run. */
  readonly enums: EnumTypes;
}

/**
 * The statements of one migration, up or down.
 *
 * A transaction of Aurora DSQL takes one DDL statement and no data with it (recorded from a cluster, 2026-09). So in every
 * transaction mode a DDL statement is a transaction of its own; in a migration that runs in a transaction the changes of
 * data between two of them are one, and those at the end are one with the record of the migration. A transaction that
 * the migration itself begins is left alone.
 *
 * Jobs are started one after the other, and waited for before a statement about the same table, before a transaction,
 * and before the migration is recorded.
 *
 * A statement that is written for PostgreSQL, and that Aurora DSQL would refuse, is replaced by those that do the same.
 */
export class MigrationSteps {
  /** Statements that stay whatever comes. */
  #committed = 0;
  /** Statements in the transaction that is open. */
  #pending = 0;
  #isSplit = false;
  readonly #name: string;
  readonly #session: MigrationSession;
  readonly #isInTransaction: boolean;
  readonly #jobs: SchemaRunner;
  readonly #translation: MigrationTranslation;
  /** The statement that is being carried out; what else is sent meanwhile is ours. */
  #current: { readonly sql: string; readonly send: () => Promise<Answer> } | undefined;

  constructor(name: string, session: MigrationSession, translation: MigrationTranslation) {
    this.#name = name;
    this.#translation = translation;
    this.#session = session;
    this.#isInTransaction = session.isInTransaction;
    this.#jobs = new SchemaRunner({
      query: async (sql) =>
        this.#current?.sql === sql ? this.#current.send() : answerOf(await session.send(sql)),
    });
  }

  /**
   * Carries out a statement of the migration.
   *
   * @param send - sends it, or another text in its place, in the transaction or alone
   * @returns what `send` returned; nothing where other statements took its place
   * @throws UnsupportedFeatureError before it is sent, when Aurora DSQL has nothing that does the same
   * @throws TypeError for several statements in one text that is marked to be repeated
   */
  async run(sql: string, hasParameters: boolean, send: (sql: string) => Promise<unknown>): Promise<unknown> {
    const place = callPlace();
    await loadParser();
    const planned = await this.#plan(sql, place);
    if (typeof planned === 'string') return this.#runAsItIs(sql, () => send(sql));
    const [first, ...others] = planned.statements;
    const isOneWrite = first !== undefined && others.length === 0 && !isTransaction(first);
    // Parameters belong to one statement.
    if (hasParameters && !isOneWrite) return this.#runAsItIs(sql, () => send(sql));
    this.#session.log(`Migration "${this.#name}" instead of ${sql.trim()}: ${sentInstead(planned)}`);
    if (isOneWrite) return this.#runAsItIs(first.sql, () => send(first.sql));
    for (const statement of planned.statements) await this.#runTranslated(statement);
    return undefined;
  }

  async #plan(sql: string, place: string | undefined): ReturnType<typeof planChange> {
    const { mapping, enums } = this.#translation;
    if (!mapping.migrations.translate) return 'as it is';
    const read = (query: string) => this.#read(query);
    const readTables = (where: string) => readTablesWhere(where, read);
    try {
      return await planChange(sql, { author: 'migration', mapping, enums, readTables, read });
    } catch (error) {
      if (isUnsupportedFeatureError(error)) {
        const at = place === undefined ? '' : ` (${place})`;
        const rest = this.#committed === 0 ? ' Nothing of it stays.' : '';
        appendToMessage(error, `It is a statement of migration "${this.#name}"${at}.${rest}`);
      }
      throw error;
    }
  }

  /** In a transaction that holds nothing yet the connection at hand can read outside of it. */
  #read(sql: string): Promise<readonly unknown[]> {
    const mayEnd = this.#isInTransaction && this.#session.isInTransaction && this.#pending === 0;
    return mayEnd ? this.#session.outsideTransaction(() => this.#session.read(sql)) : this.#session.read(sql);
  }

  async #runTranslated(statement: DsqlStatement): Promise<void> {
    const { kind, sql } = statement;
    if (isTransaction(statement)) {
      await this.#alone(() => this.#through(statement, () => this.#session.send(sql)));
      return;
    }
    // In the transaction of the migration.
    if (kind === 'transaction' && this.#session.isInTransaction && this.#isInTransaction) return;
    await this.#runAsItIs(sql, () => this.#session.send(sql));
  }

  async #runAsItIs(sql: string, send: () => Promise<unknown>): Promise<unknown> {
    const { statements } = parseQuery(sql);
    if (statements.some(({ kind }) => kind === 'begin')) await this.settle();
    const isDdl = statements.some(({ kind }) => kind === 'ddl');
    const isWrite = isDdl || statements.some(({ kind }) => kind === 'write' || kind === 'copy');
    if (!isWrite) return send();
    const kind = statements.every(({ async }) => async) ? 'job' : isDdl ? 'ddl' : 'dml';
    const repeated = isUntilDone(sql);
    if (repeated && statements.length !== 1) {
      throw new TypeError(
        `Migration "${this.#name}" sends ${statements.length} statements in one query that is to be run "until it touches no row". Send each in a query of its own: ${sql}`,
      );
    }
    const step = () => (repeated ? this.#untilDone(sql) : this.#through({ sql, kind }, send));
    return isDdl || repeated ? this.#alone(step) : step();
  }

  /** Does something that is a transaction of its own. */
  async #alone<T>(step: () => Promise<T>): Promise<T> {
    if (!this.#isInTransaction || !this.#session.isInTransaction) return step();
    this.#tellOfSplit();
    return this.#session.outsideTransaction(async () => {
      this.#committed += this.#pending;
      this.#pending = 0;
      const result = await step();
      // The snapshot of the next transaction would never see the job end.
      await this.settle();
      return result;
    });
  }

  /**
   * Waits for the jobs that were started.
   *
   * @throws SchemaJobError when one of them failed
   */
  settle(): Promise<void> {
    return this.#jobs.settle();
  }

  /** What there is to say when the migration has failed; nothing when nothing of it has stayed. */
  get remains(): string | undefined {
    if (this.#committed === 0) return undefined;
    const statements = this.#committed === 1 ? 'One statement' : `${this.#committed} statements`;
    return `${statements} of migration "${this.#name}" had been committed before and will stay: Aurora DSQL cannot roll back a committed change of the schema. The migration is not recorded, so the next run begins with its first statement: undo them first, or make them repeatable (IF NOT EXISTS).`;
  }

  async #through(
    statement: Pick<DsqlStatement, 'sql' | 'kind' | 'repeat'>,
    send: () => Promise<unknown>,
  ): Promise<unknown> {
    const { sql } = statement;
    let result: unknown;
    this.#current = { sql, send: async () => answerOf((result = await send())) };
    await this.#jobs.run([{ notes: [], start: 0, end: sql.length, ...statement }]);
    this.#current = undefined;
    if (this.#session.isInTransaction) this.#pending++;
    else this.#committed++;
    return result;
  }

  /** Runs a statement again and again until it touches no row, each time in a transaction of its own. */
  async #untilDone(sql: string): Promise<void> {
    let rows: number;
    do {
      rows = 0;
      await this.#through({ sql, kind: 'dml' }, async () => {
        ({ rowCount: rows } = answerOf(await this.#session.send(sql)));
      });
    } while (rows > 0);
  }

  #tellOfSplit(): void {
    if (this.#isSplit) return;
    this.#isSplit = true;
    this.#session.warn(
      `Migration "${this.#name}" changes the schema in a transaction. A transaction of Aurora DSQL takes one DDL statement and no data with it, so each DDL statement is a transaction of its own, and so are the changes of data between them.`,
    );
  }
}

/** What a statement answered, in either form in which TypeORM gives it. */
function answerOf(result: unknown): Answer {
  if (Array.isArray(result)) return { rows: result as Record<string, unknown>[], rowCount: 0 };
  const { records, affected } = (result ?? {}) as {
    readonly records?: readonly Record<string, unknown>[];
    readonly affected?: number;
  };
  return { rows: records ?? [], rowCount: affected ?? 0 };
}
