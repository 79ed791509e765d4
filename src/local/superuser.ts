import { literal } from '../sql';
import type { PostgresServer } from './postgres';
import { BackendError, BackendLink } from './session/backend-link';

/** A session of our own with PostgreSQL, for what no client may do or shall notice. Statements run one at a time. */
export class Superuser {
  readonly #link: BackendLink;
  /** Hears that a statement has to wait for a lock. */
  onWaiting: (() => void) | undefined;

  private constructor(link: BackendLink) {
    this.#link = link;
    const ignore = () => undefined;
    link.listener = { waiting: () => this.onWaiting?.(), notice: ignore, idle: ignore, gone: ignore };
  }

  /** @param settings - of PostgreSQL, for this session */
  static async connect(
    postgres: PostgresServer,
    settings: Readonly<Record<string, string>> = {},
  ): Promise<Superuser> {
    const parameters = new Map([
      ['user', postgres.superuser],
      ['database', 'postgres'],
      // That a statement waits for a lock is a message for the log.
      ['client_min_messages', 'log'],
      ...Object.entries(settings),
    ]);
    return new Superuser(await BackendLink.open(() => postgres.connect(), parameters));
  }

  /** PostgreSQL's process of this session. */
  get processId(): number {
    return this.#link.processId;
  }

  /**
   * Runs one statement in a transaction of its own.
   *
   * @returns the rows, every value as text
   * @throws {@link BackendError} when it fails
   */
  query(sql: string, parameters: readonly (string | null)[] = []): Promise<(string | null)[][]> {
    return this.#link.exclusive(async () => {
      let rows: (string | null)[][];
      try {
        rows = await this.#link.hidden(sql, parameters);
      } catch (error) {
        if (error instanceof BackendError) await this.#link.hiddenExchange([], 'sync');
        throw error;
      }
      const { error } = await this.#link.hiddenExchange([], 'sync');
      if (error) throw new BackendError(error); // it could not be committed
      return rows;
    });
  }

  /**
   * Keeps a snapshot while the transaction that has exported it is replaced by another one.
   *
   * @param id - what `pg_export_snapshot()` gave there
   * @param work - gets the id under which the snapshot can be imported until it is done
   * @throws {@link BackendError} when it fails
   */
  keepSnapshot(id: string, work: (id: string) => Promise<void>): Promise<void> {
    return this.#link.exclusive(async () => {
      await this.#link.hidden('BEGIN ISOLATION LEVEL REPEATABLE READ');
      try {
        await this.#link.hidden(`SET TRANSACTION SNAPSHOT ${literal(id)}`);
        const [row] = await this.#link.hidden('SELECT pg_catalog.pg_export_snapshot()');
        await work(row?.[0] ?? '');
      } finally {
        if (this.#link.skipping) await this.#link.hiddenExchange([], 'sync');
        await this.#link.hidden('ROLLBACK');
        await this.#link.hiddenExchange([], 'sync');
      }
    });
  }

  close(): void {
    this.#link.close();
  }
}
