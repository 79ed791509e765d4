import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { elapsedMs, sleep, systemTimeMs } from '../../connection';
import { sqlStateOf } from '../../occ';
import { LeaseHeldError, LeaseLostError, MigrationsStoppedError, type LeaseHolder } from '../errors';
import type { JournalConnection } from '../journal/journal-connection';
import { leaseRowOf, readHolder, release, renew, take, takeFirst, type Taker } from './lease-statements';

/** What to do while another process has the lease. */
export type WhileHeld = 'wait' | 'skip' | 'fail';

/** How a lease is taken. */
export interface LeaseOptions {
  /** How long it lasts unless it is renewed, in milliseconds. */
  readonly leaseMs: number;
  readonly whileHeld: WhileHeld;
  /** Takes it from a holder whose lease has not ended. */
  readonly steal?: boolean | undefined;
  /** Ends the waiting, and lets nothing more be sent. */
  readonly signal?: AbortSignal | undefined;
  /** Told once of each holder that is waited for. */
  readonly onWait?: ((holder: LeaseHolder) => void) | undefined;
  /** One that the taker holds already: where it is the same, it is given. */
  readonly around?: Lease | undefined;
}

/** The shortest and the longest wait between two looks at the lease, in milliseconds. */
const MIN_WAIT_MS = 50;
const MAX_WAIT_MS = 1_000;

const UNIQUE_VIOLATION = '23505';

/**
 * The right to change a schema, held by one process at a time and renewed in the background.
 *
 * Whether it has ended is decided by the clock of the server; the holder reckons from before it asked, so it stops no later.
 */
export class Lease {
  readonly fence: string;
  readonly #connection: JournalConnection;
  readonly #taker: Taker;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal | undefined;
  #isLost = false;
  #renewedAt: Moment;

  private constructor(
    connection: JournalConnection,
    taker: Taker,
    fence: string,
    takenAt: Moment,
    signal: AbortSignal | undefined,
  ) {
    this.#connection = connection;
    this.#taker = taker;
    this.fence = fence;
    this.#renewedAt = takenAt;
    this.#signal = signal;
    void this.#renewInBackground();
  }

  /**
   * Takes the lease.
   *
   * @returns nothing where another process has it and that says `skip`
   * @throws LeaseHeldError where another process has it and that says `fail`
   * @throws MigrationsStoppedError when the signal ends the waiting
   */
  static async take(
    connection: JournalConnection,
    { leaseMs, whileHeld, steal = false, signal, onWait, around }: LeaseOptions,
  ): Promise<Lease | undefined> {
    const taker = { id: randomUUID(), host: hostname(), process: String(process.pid), leaseMs };
    const { tables } = connection;
    let stolenFence: string | undefined;
    let told: string | undefined;
    let waitMs = MIN_WAIT_MS;
    for (;;) {
      if (signal?.aborted === true) throw new MigrationsStoppedError();
      const takenAt = moment();
      const [taken] = await connection.run(take(tables, taker, stolenFence));
      const [own = await takeNew(connection, taker)] = [taken];
      if (own !== undefined) return new Lease(connection, taker, String(own.fence), takenAt, signal);
      const [row] = await connection.run(readHolder(tables));
      if (row === undefined) continue;
      const holder = leaseRowOf(row);
      if (!holder.held) continue;
      if (around !== undefined && holder.id === around.#taker.id) return around;
      if (steal && stolenFence === undefined) {
        stolenFence = holder.fence;
        continue;
      }
      if (whileHeld === 'skip') return undefined;
      if (whileHeld === 'fail') throw new LeaseHeldError(holder);
      if (told !== holder.fence) {
        onWait?.(holder);
        waitMs = MIN_WAIT_MS;
      }
      told = holder.fence;
      waitMs = Math.min(MAX_WAIT_MS, waitMs * 1.5);
      const delayMs =
        Math.min(waitMs, Math.max(MIN_WAIT_MS, holder.remainingMs + 10)) * (0.5 + Math.random() / 2);
      // The signal is looked at above.
      await sleep(delayMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /**
   * To be awaited right before something is sent: renews the lease where it ends soon, or may have ended while the process
   * was frozen.
   *
   * @throws LeaseLostError when another process has it
   * @throws MigrationsStoppedError when a person or a program has stopped the migrations
   */
  async hold(): Promise<void> {
    if (this.#signal?.aborted === true) throw new MigrationsStoppedError();
    if (!this.#isLost && this.#remainingMs < this.#taker.leaseMs / 2) await this.#renew();
    if (this.#isLost || this.#remainingMs <= 0) throw new LeaseLostError();
  }

  /**
   * Asks the server whether the lease is still held.
   *
   * @throws LeaseLostError when another process has it
   */
  async verify(): Promise<void> {
    if (this.#isLost) throw new LeaseLostError();
    await this.#renew();
  }

  /** Gives the lease back. */
  async release(): Promise<void> {
    this.#stop.abort();
    if (this.#isLost) return;
    this.#isLost = true;
    const { tables } = this.#connection;
    await this.#connection.run(release(tables, this.#taker, this.fence)).catch(() => undefined);
  }

  /** Sends that the lease is given back, and waits for nothing. */
  releaseAtExit(): void {
    if (!this.#isLost) this.#connection.sendAtExit(release(this.#connection.tables, this.#taker, this.fence));
  }

  get #remainingMs(): number {
    // What ends first: one clock stands still while the machine sleeps, the other may be set back.
    const { elapsed, system } = this.#renewedAt;
    const heldMs = Math.max(elapsedMs() - elapsed, systemTimeMs() - system);
    return this.#taker.leaseMs - heldMs;
  }

  async #renew(): Promise<void> {
    const askedAt = moment();
    const rows = await this.#connection.run(renew(this.#connection.tables, this.#taker, this.fence));
    if (rows.length === 0) {
      this.#isLost = true;
      this.#stop.abort();
      throw new LeaseLostError();
    }
    this.#renewedAt = askedAt;
  }

  async #renewInBackground(): Promise<void> {
    const { leaseMs } = this.#taker;
    const { signal } = this.#stop;
    try {
      for (;;) {
        await sleep(leaseMs / 3, undefined, { signal, ref: false });
        if (this.#remainingMs < (leaseMs * 3) / 4) await this.#renew();
      }
    } catch {
      // Released, or lost, which the next `hold` or `expectHeld` tells.
    }
  }
}

async function takeNew(connection: JournalConnection, taker: Taker) {
  try {
    const [row] = await connection.run(takeFirst(connection.tables, taker));
    return row;
  } catch (error) {
    // Another was faster.
    if (sqlStateOf(error) === UNIQUE_VIOLATION) return undefined;
    throw error;
  }
}

/** A moment on both clocks, in milliseconds. */
interface Moment {
  readonly elapsed: number;
  readonly system: number;
}

function moment(): Moment {
  return { elapsed: elapsedMs(), system: systemTimeMs() };
}
