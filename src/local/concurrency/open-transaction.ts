import type { Refusal } from '../../sql';
import { DATA_CONFLICT, SCHEMA_CONFLICT } from '../session/client-error';
import type { LoggedStatement } from './logged-statement';
import type { ChangedRelation } from './catalogue/schema-changes';

/**
 * Where the changes of a transaction are:
 * - `in place`: in the tables, locked as PostgreSQL locks them;
 * - `displaced`: nowhere; they were rolled back for another transaction and are in the log only;
 * - `private`: in copies of the tables that nobody else sees, because the transaction has lost.
 */
export type Whereabouts = 'in place' | 'displaced' | 'private';

/** One transaction of a client, explicit or implicit, as optimistic concurrency control sees it. */
export class OpenTransaction {
  /** The number of the last commit that it certainly sees; unlimited until it has a snapshot. */
  seesUpTo = Number.POSITIVE_INFINITY;
  /** {@link Concurrency.catalogueVersion} as its snapshot was taken. */
  catalogueVersion = 0;
  /** A hidden savepoint stands before everything it did, so that it can be displaced. */
  hasSavepoint = false;
  /** What it has executed and would have to execute again. */
  readonly log: LoggedStatement[] = [];
  /** What its DDL changes of what was there before. */
  changedRelations: readonly ChangedRelation[] = [];
  /** Whether its DDL has done nothing, as IF NOT EXISTS may. */
  leavesCatalogue = false;
  whereabouts: Whereabouts = 'in place';
  /** The transactions whose statements met its locks, while it is displaced. */
  readonly displacedBy = new Set<OpenTransaction>();
  /** What its COMMIT will be answered with; it has lost. */
  verdict: Refusal | undefined;
  /** Having lost, it could not be given tables of its own: its statements cannot be answered truthfully. */
  isLost = false;

  /** Whether it has done anything that a COMMIT would make last. */
  get hasWritten(): boolean {
    return this.log.some(({ statement: { kind } }) => kind === 'write' || kind === 'ddl' || kind === 'copy');
  }

  /** Whether it changes the catalogue. */
  get hasDdl(): boolean {
    return !this.leavesCatalogue && this.log.some(({ statement: { kind } }) => kind === 'ddl');
  }

  /** Another transaction was committed that this one was displaced for. */
  loseTo(winner: OpenTransaction): void {
    // Rows are no part of the catalogue: what changes that can be done again behind those who wrote them.
    if (this.hasDdl && !winner.hasDdl) return;
    this.verdict ??= winner.hasDdl ? SCHEMA_CONFLICT : DATA_CONFLICT;
  }
}
