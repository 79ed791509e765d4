import { isUntilDone, SchemaRunner, type SchemaSession } from '../../schema';
import { loadParser, parseQuery, type DsqlStatement } from '../../sql';

type Answer = Awaited<ReturnType<SchemaSession['query']>>;

/** The query runner on which a migration runs. */
export interface MigrationSession {
  readonly isInTransaction: boolean;
  /** Sends a statement of ours. */
  readonly send: (sql: string) => Promise<unknown>;
  /** Commits what the transaction holds, does something outside it, and begins it anew. */
  readonly outsideTransaction: <T>(work: () => Promise<T>) => Promise<T>;
  readonly warn: (message: string) => void;
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
  /** The statement that is being carried out; what else is sent meanwhile is ours. */
  #current: { readonly sql: string; readonly send: () => Promise<Answer> } | undefined;

  constructor(name: string, session: MigrationSession) {
    this.#name = name;
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
   * @param send - sends it, in the transaction or alone
   * @returns what `send` returned
   * @throws TypeError for several statements in one text that is marked to be repeated
   */
  async run(sql: string, send: () => Promise<unknown>): Promise<unknown> {
    await loadParser();
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
    const isAlone = isDdl || repeated;
    if (!isAlone || !this.#isInTransaction || !this.#session.isInTransaction) return step();
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
    return `${statements} of migration "${this.#name}" had been committed before and will stay: Aurora DSQL cannot roll a change of the schema back with what follows it. The migration is not recorded, so it begins with its first statement when it is run again: undo them first, or let them do nothing the second time (IF NOT EXISTS).`;
  }

  async #through(
    { sql, kind }: Pick<DsqlStatement, 'sql' | 'kind'>,
    send: () => Promise<unknown>,
  ): Promise<unknown> {
    let result: unknown;
    this.#current = { sql, send: async () => answerOf((result = await send())) };
    await this.#jobs.run([{ sql, kind, notes: [], start: 0, end: sql.length }]);
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
      `Migration "${this.#name}" changes the schema in a transaction. Aurora DSQL takes one DDL statement in a transaction and no data with it, so each of them is a transaction of its own, and so are the changes of data between them.`,
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
