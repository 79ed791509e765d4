import type { Client } from 'pg';
import { ConfigurationError, DsqlClient, sleep } from '../../connection';

/** A pool, as far as it is looked at here. */
interface BoundedPool {
  readonly maxSize: number;
}

/** How a connection is held. */
interface Held {
  readonly pool: BoundedPool;
  /** Whether the code of the migration has begun a transaction on it. */
  readonly isTransaction: boolean;
}

const isBusy = (client: Client) => client instanceof DsqlClient && client.isBusy;

/** Between two looks whether the code of a migration goes on. */
const LOOK_MS = 100;
/**
 * So many looks in turn find code that holds all connections doing nothing but wait for another one: then it waits for itself. Looks
 * and not milliseconds, because code may also compute for seconds.
 */
const LOOKS = 50;

/** The connections of an instance that one migration holds. */
export class HeldConnections {
  readonly #held = new Map<Client, Held>();
  /** Counts up with all that the code of the migration does with the instance. */
  #uses = 0;

  /** Whether a transaction is open that the code of the migration has begun. */
  get hasTransaction(): boolean {
    return this.#transactions.length > 0;
  }

  get #transactions(): readonly Client[] {
    return [...this.#held].flatMap(([client, { isTransaction }]) => (isTransaction ? [client] : []));
  }

  /**
   * Waits until nothing is under way in the transactions that the code has begun.
   *
   * @returns the connections of those that it has left open
   */
  async leftOpen(): Promise<readonly Client[]> {
    while (this.#transactions.some(isBusy)) await sleep(LOOK_MS);
    return this.#transactions;
  }

  /** The code of the migration has asked for something, or has been answered. */
  noteUse(): void {
    this.#uses++;
  }

  /**
   * Takes a connection of a pool.
   *
   * @param acquire - waits for one
   * @param giveBack - takes one that nobody waits for any more
   * @throws ConfigurationError where the migration holds all that the pool may have, and does nothing with them
   */
  async take(
    held: Held,
    acquire: () => Promise<Client>,
    giveBack: (client: Client) => void,
  ): Promise<Client> {
    const acquiring = acquire();
    const isOver = new AbortController();
    try {
      const client = await Promise.race([acquiring, this.#neverComes(held.pool, isOver.signal)]);
      this.#uses++;
      this.#held.set(client, held);
      return client;
    } catch (error) {
      acquiring.then(giveBack, () => undefined);
      throw error;
    } finally {
      isOver.abort();
    }
  }

  givenBack(client: Client): void {
    if (this.#held.delete(client)) this.#uses++;
  }

  /** Ends with an error when nobody but the migration could give back what it waits for. */
  async #neverComes(pool: BoundedPool, signal: AbortSignal): Promise<never> {
    let uses = this.#uses;
    for (let looks = 0; looks < LOOKS; looks++) {
      await sleep(LOOK_MS, undefined, { signal });
      const own = [...this.#held].filter(([, held]) => held.pool === pool);
      const isIdle = own.every(([client]) => !isBusy(client));
      if (own.length < pool.maxSize || !isIdle || uses !== this.#uses) {
        looks = 0;
        uses = this.#uses;
      }
    }
    throw noConnectionLeft(pool);
  }
}

function noConnectionLeft({ maxSize }: BoundedPool): ConfigurationError {
  return new ConfigurationError(
    'pool.max',
    `the migration waits for another connection while transactions that it has begun hold all of the pool (${maxSize}), so the wait would never end. Send the statement in the transaction ({ transaction }), end the transaction before, or let the pool have more connections.`,
  );
}
