import type { PostgresServer } from './postgres';
import { BackendError, BackendLink } from './session/backend-link';

/** A session of our own with PostgreSQL, for what no client may do or shall notice. Statements run one at a time. */
export class Superuser {
  readonly #link: BackendLink;

  private constructor(link: BackendLink) {
    this.#link = link;
  }

  static async connect(postgres: PostgresServer): Promise<Superuser> {
    const parameters = new Map([
      ['user', postgres.superuser],
      ['database', 'postgres'],
    ]);
    return new Superuser(await BackendLink.open(() => postgres.connect(), parameters));
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

  close(): void {
    this.#link.close();
  }
}
