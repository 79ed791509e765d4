import type { PostgresServer } from '../../postgres';
import { Superuser } from '../../superuser';
import type { LockMonitor } from '../lock-monitor';
import type { Waiter } from '../member';

/** How long it waits for a lock: as long as a client's statement waits for a transaction that cannot be displaced. */
const PATIENCE_MS = 500;

/**
 * Reads definitions for all sessions. PostgreSQL locks a view to print it, so a reader may wait for a transaction that
 * changes one: then it waits as a client's statement does, and an idle transaction makes way.
 */
export class CatalogueReader implements Waiter {
  readonly transaction = undefined;
  readonly #superuser: Superuser;
  readonly #monitor: LockMonitor;

  private constructor(superuser: Superuser, monitor: LockMonitor) {
    this.#superuser = superuser;
    this.#monitor = monitor;
    superuser.onWaiting = () => {
      monitor.waits(this);
    };
  }

  static async connect(postgres: PostgresServer, monitor: LockMonitor): Promise<CatalogueReader> {
    const settings = { lock_timeout: `${PATIENCE_MS}ms` };
    return new CatalogueReader(await Superuser.connect(postgres, settings), monitor);
  }

  get processId(): number {
    return this.#superuser.processId;
  }

  /**
   * Runs one statement in a transaction of its own.
   *
   * @returns the rows, every value as text
   * @throws {@link BackendError} when it fails: with 55P03 where what it waits for does not make way
   */
  async query(sql: string): Promise<(string | null)[][]> {
    try {
      return await this.#superuser.query(sql);
    } finally {
      this.#monitor.ends(this);
    }
  }

  close(): void {
    this.#superuser.close();
  }
}
