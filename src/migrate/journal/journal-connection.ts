import type { DsqlClient } from '../../connection';
import { isOccConflict, sqlStateOf } from '../../occ';
import type { OpenConnection } from '../../schema';
import { isPassing, patiently } from '../patience';
import type { MigrationTables } from '../tables';

/** A statement with its parameters, all of them texts. */
export interface JournalStatement {
  readonly text: string;
  readonly values: readonly (string | null)[];
}

/** The rows of an answer. */
export type JournalRow = Readonly<Record<string, unknown>>;

const UNDEFINED_TABLE = '42P01';
/** What two processes meet that make the same table at once. */
const MADE_BY_OTHERS: ReadonlySet<string | undefined> = new Set(['23505', '42P07']);

/**
 * The connection for the lease and the journal, beside that on which a migration runs: neither waits for the other.
 *
 * What is sent here can be sent again: it is when a connection or an answer is lost, and after a conflict.
 */
export class JournalConnection {
  readonly tables: MigrationTables;
  readonly #open: OpenConnection;
  readonly #patienceMs: number;
  #client: Promise<DsqlClient> | undefined;
  /** That of {@link JournalConnection.#client}, once it is there. */
  #connected: DsqlClient | undefined;

  /** @param patienceMs - how long a statement is tried, in milliseconds */
  constructor(open: OpenConnection, tables: MigrationTables, patienceMs: number) {
    this.#open = open;
    this.tables = tables;
    this.#patienceMs = patienceMs;
  }

  /** Runs a statement until it is done, and makes the tables when they are missed. */
  async run(statement: JournalStatement): Promise<readonly JournalRow[]> {
    try {
      return await this.#patiently(statement, isPassing);
    } catch (error) {
      if (sqlStateOf(error) !== UNDEFINED_TABLE) throw error;
    }
    for (const text of this.tables.create) {
      await this.#patiently(
        { text, values: [] },
        (error) => isPassing(error) || MADE_BY_OTHERS.has(sqlStateOf(error)),
      );
    }
    return this.#patiently(statement, isPassing);
  }

  /**
   * Runs a statement that reads, if the tables are there.
   *
   * @returns nothing where they are not
   */
  async readIfThere(statement: JournalStatement): Promise<readonly JournalRow[]> {
    try {
      return await this.#patiently(statement, isPassing);
    } catch (error) {
      if (sqlStateOf(error) === UNDEFINED_TABLE) return [];
      throw error;
    }
  }

  /** Reads the catalogue; a relation that is missed is none of the tables, and is not made. */
  readCatalogue(sql: string): Promise<readonly JournalRow[]> {
    return this.#patiently({ text: sql, values: [] }, isPassing);
  }

  /** Ends the connection; the next statement would open another one. */
  async end(): Promise<void> {
    const client = this.#client;
    this.#client = this.#connected = undefined;
    await (await client?.catch(() => undefined))?.end().catch(() => undefined);
  }

  /**
   * Sends a statement while the process exits: what is written to a socket then is still sent. Where the connection is busy
   * or not there, nothing is.
   */
  sendAtExit({ text, values }: JournalStatement): void {
    void this.#connected?.query(text, [...values]).catch(() => undefined);
  }

  #patiently(
    { text, values }: JournalStatement,
    mayTryAgain: (error: unknown) => boolean,
  ): Promise<readonly JournalRow[]> {
    const once = async () => {
      const opening = (this.#client ??= this.#connect());
      try {
        const { rows } = await (await opening).query<JournalRow>(text, [...values]);
        return rows;
      } catch (error) {
        // A conflict leaves the connection as it was; after anything else it may be of no use any more.
        if (!isOccConflict(error) && isPassing(error) && this.#client === opening) await this.end();
        throw error;
      }
    };
    return patiently(once, { patienceMs: this.#patienceMs, mayTryAgain });
  }

  async #connect(): Promise<DsqlClient> {
    try {
      const client = await this.#open();
      // The next statement finds out.
      client.on('error', () => undefined);
      this.#connected = client;
      return client;
    } catch (error) {
      this.#client = undefined;
      throw error;
    }
  }
}
