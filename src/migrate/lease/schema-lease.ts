import { AsyncLocalStorage } from 'node:async_hooks';
import { findInChain, sqlStateOf } from '../../occ';
import type { OpenConnection, ResolvedMigrationOptions } from '../../schema';
import { STEAL, type LeaseHolder } from '../errors';
import { JournalConnection } from '../journal/journal-connection';
import { leaseTable, type MigrationTables } from '../tables';
import { Lease, type WhileHeld } from './lease';

/** Where and how the lease is taken. */
export interface LeaseContext {
  /** Opens the connection for the lease. */
  readonly open: OpenConnection;
  /** That of the ORM's own table of migrations, where it is not the first of the search_path. */
  readonly schema?: string | undefined;
  readonly options: ResolvedMigrationOptions;
  /** @defaultValue that of `options` */
  readonly whileHeld?: WhileHeld | undefined;
  /** Takes it from a process whose lease has not ended. */
  readonly steal?: boolean | undefined;
  /** Ends the waiting, and lets nothing more be sent. */
  readonly signal?: AbortSignal | undefined;
  /** Told of what a person who waits should know. */
  readonly log: (message: string) => void;
}

/** The right to change the schema, as far as those who change it look at it. */
export interface HeldLease {
  /**
   * To be awaited right before anything is sent.
   *
   * @throws LeaseLostError when another process has the lease
   */
  hold(): Promise<void>;
  /** Gives the lease back. */
  release(): Promise<void>;
  /** Gives the lease back while the process exits, if that is possible; otherwise it ends by itself. */
  releaseAtExit(): void;
}

/** The lease around the work at hand: what migrations do may want the lease that they hold. */
const around = new AsyncLocalStorage<Lease>();

/** A lease on the schema with the connection that renews it. */
export class SchemaLease implements HeldLease {
  readonly connection: JournalConnection;
  readonly lease: Lease;

  private constructor(connection: JournalConnection, lease: Lease) {
    this.connection = connection;
    this.lease = lease;
  }

  /**
   * Takes the lease; work that is done in {@link SchemaLease.during} gets the one that it has.
   *
   * @param tables - those that are made when they are missed
   * @returns nothing where another process has it, and `whileHeld` says `skip`; that is logged
   * @throws LeaseHeldError where another process has it, and `whileHeld` says `fail`
   * @throws MigrationsStoppedError when the signal ends the waiting
   */
  static async take(context: LeaseContext, tables: MigrationTables): Promise<SchemaLease | undefined> {
    const { open, options, steal, signal, log, whileHeld = options.whileHeld } = context;
    const { leaseMs, patienceMs } = options;
    const connection = new JournalConnection(open, tables, patienceMs);
    try {
      const onWait = (holder: LeaseHolder) => {
        log(waitingFor(holder));
      };
      const outer = around.getStore();
      const how = { leaseMs, whileHeld, steal, signal, onWait, around: outer };
      const lease = await Lease.take(connection, how);
      if (lease !== undefined) return new SchemaLease(connection, lease);
    } catch (error) {
      await connection.end();
      throw error;
    }
    await connection.end();
    log('Another process is changing the schema, so nothing was done.');
    return undefined;
  }

  /** Does something that may take the lease itself. */
  during<T>(work: () => Promise<T>): Promise<T> {
    return around.run(this.lease, work);
  }

  hold(): Promise<void> {
    return this.lease.hold();
  }

  async release(): Promise<void> {
    // One that was there before is given back by those who took it.
    if (around.getStore() !== this.lease) await this.lease.release();
    await this.connection.end();
  }

  releaseAtExit(): void {
    this.lease.releaseAtExit();
  }
}

/** A role may change tables of other schemas, and make none in its first. */
const MAY_NOT_MAKE_TABLE: ReadonlySet<string | undefined> = new Set(['42501', '3F000']);

/**
 * Takes the lease for a schema that is made what models say. Its table is the only one that is made for that; where the
 * role may not make it there is no lease, and the log says so.
 *
 * @returns nothing where another process has it, and `whileHeld` says `skip`; that is logged
 * @throws LeaseHeldError where another process has it, and `whileHeld` says `fail`
 */
export async function leaseToSynchronize(context: LeaseContext): Promise<HeldLease | undefined> {
  try {
    return await SchemaLease.take(context, leaseTable(context.schema));
  } catch (error) {
    const mayNot = (inner: object) => MAY_NOT_MAKE_TABLE.has(sqlStateOf(inner));
    if (findInChain(error, mayNot) === undefined) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    context.log(
      `The schema is changed without a lease, so let one process do it at a time: the role has no use of the lease's table (${reason}).`,
    );
    return { hold: nothing, release: nothing, releaseAtExit: () => undefined };
  }
}

const nothing = () => Promise.resolve();

function waitingFor({ process: id, host, since, expiresAt }: LeaseHolder): string {
  return `Waiting for process ${id} on ${host}, which has been changing the schema since ${since.toISOString()}; its lease ends at ${expiresAt.toISOString()} unless it is renewed. If it is dead for sure, ${STEAL}.`;
}
