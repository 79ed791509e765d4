import type { DsqlClient } from '../../connection';
import { retryOnConflict } from '../../occ';

/** Opens a connection beside those of the pool. */
export type OpenConnection = () => Promise<DsqlClient>;

/** A session whose catalogue is old meets `OC001` on its next statement, once (AWS, 2026-10-01). */
const READS = { maxAttempts: 5 };

/**
 * Reads the catalogue for this package, and never inside a transaction of the application's: a conflict there would end
 * that transaction.
 */
export class CatalogueReader {
  readonly #open: OpenConnection;

  /** @param open - used where the connection at hand is in a transaction: the pool may have no other one to give */
  constructor(open: OpenConnection) {
    this.#open = open;
  }

  /** Opens a connection beside those of the pool. */
  open(): Promise<DsqlClient> {
    return this.#open();
  }

  /**
   * @param client - the connection at hand
   * @throws what the server reports, and what connecting fails with
   */
  async read(sql: string, client: DsqlClient | undefined): Promise<{ readonly rows: readonly unknown[] }> {
    if (client !== undefined && !client.isInTransaction)
      return retryOnConflict(() => client.query(sql), READS);
    const own = await this.#open();
    // Its loss is told by the statement, too.
    own.on('error', () => undefined);
    try {
      return await retryOnConflict(() => own.query(sql), READS);
    } finally {
      await own.end();
    }
  }
}
