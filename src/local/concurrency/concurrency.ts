import type { Superuser } from '../superuser';
import type { Effects } from './effects';
import { LockMonitor } from './lock-monitor';
import type { OpenTransaction } from './open-transaction';
import type { Member } from './member';
import { PrivateRoom } from './private-room';

/** A row that a transaction locked FOR KEY SHARE, as the hidden function `settle_locks` names it. */
export interface SharedRow {
  readonly relation: string;
  readonly condition: string;
}

/** A transaction that was or is being committed. */
interface Commit {
  readonly number: number;
  readonly effects: readonly Effects[];
  readonly sharedRows: readonly SharedRow[];
}

/** What keys and foreign keys there are, by names alone: what is in here may matter, what is not cannot. */
interface Keys {
  readonly columns: ReadonlySet<string>;
  /** Tables at either end of a foreign key. */
  readonly tables: ReadonlySet<string>;
  readonly deferrable: boolean;
}

const KEYS = `
  SELECT 'column', a.attname
    FROM pg_dsql_local.pg_index i JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid
   WHERE i.indisunique AND i.indrelid >= 16384 AND a.attnum > 0
     AND (a.attnum = ANY (i.indkey) OR i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)
  UNION
  SELECT 'column', a.attname
    FROM pg_catalog.pg_constraint k
    JOIN pg_catalog.pg_attribute a ON (a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey))
                                   OR (a.attrelid = k.confrelid AND a.attnum = ANY (k.confkey))
   WHERE k.contype = 'f'
  UNION
  SELECT 'table', c.relname
    FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid IN (k.conrelid, k.confrelid)
   WHERE k.contype = 'f'
  UNION
  SELECT 'deferrable', '' FROM pg_catalog.pg_constraint WHERE contype = 'f' AND condeferrable`;

/**
 * What the sessions of one local DSQL know of each other's transactions: which are open since when, what was committed
 * in what order, and whose idle locks are in whose way. The earliest COMMIT wins; a transaction that is open makes
 * nobody wait.
 */
export class Concurrency {
  /** Lets PostgreSQL say soon that a statement waits for a lock, which also is when it looks for a deadlock. */
  static readonly postgresSettings = { log_lock_waits: 'on', deadlock_timeout: '2ms' } as const;
  readonly #superuser: Superuser;
  readonly #staleCatalogues: boolean;
  readonly #participants = new Set<Member>();
  readonly #open = new Set<OpenTransaction>();
  /** Those that an open transaction may not see, in order. */
  #commits: Commit[] = [];
  readonly #inFlight = new Set<number>();
  #lastCommit = 0;
  #catalogueVersion = 0;
  #keys: { readonly version: number; readonly read: Promise<Keys> } | undefined;
  readonly monitor: LockMonitor;
  readonly privateRoom = new PrivateRoom();

  /** @param staleCatalogues - whether sessions keep the catalogue that they have read until they learn that it is old */
  constructor(superuser: Superuser, staleCatalogues: boolean) {
    this.#superuser = superuser;
    this.#staleCatalogues = staleCatalogues;
    this.monitor = new LockMonitor(superuser);
  }

  /** A session begins; it reads the catalogue as it is now. */
  join(participant: Member): void {
    this.monitor.add(participant);
    this.#participants.add(participant);
  }

  /** A session has ended. */
  leave(participant: Member): void {
    this.monitor.remove(participant);
    this.#participants.delete(participant);
  }

  /** Counts the changes of the catalogue that were committed: by DDL, GRANT and REVOKE of clients. */
  get catalogueVersion(): number {
    return this.#catalogueVersion;
  }

  /**
   * A transaction takes its snapshot now.
   *
   * @returns the number of the last commit that it certainly sees
   */
  opened(transaction: OpenTransaction): number {
    this.#open.add(transaction);
    // What is being committed at this moment may be seen or not.
    return Math.min(this.#lastCommit, ...[...this.#inFlight].map((number) => number - 1));
  }

  /** A transaction is over, one way or the other. */
  closed(transaction: OpenTransaction): void {
    this.#open.delete(transaction);
    for (const other of this.#open) other.displacedBy.delete(transaction);
    if (this.#commits.length === 0) return;
    const oldest = Math.min(...[...this.#open].map(({ seesUpTo }) => seesUpTo));
    this.#commits = this.#commits.filter(({ number }) => number > oldest || this.#inFlight.has(number));
  }

  /** Whether there is a transaction besides this one that has a snapshot already. */
  othersOpen(transaction: OpenTransaction): boolean {
    return this.#open.size > (this.#open.has(transaction) ? 1 : 0);
  }

  /** Whether something was or is being committed that a transaction may not see. */
  isContended({ seesUpTo }: OpenTransaction): boolean {
    return this.#lastCommit > seesUpTo;
  }

  /** The rows locked FOR KEY SHARE by transactions whose commit this one does not see. */
  sharedRowsUnseenBy({ seesUpTo }: OpenTransaction): SharedRow[] {
    return this.#commits.flatMap(({ number, sharedRows }) => (number > seesUpTo ? sharedRows : []));
  }

  /** Whether a commit that a transaction does not see may have taken keys away. */
  async keysGoneUnseenBy({ seesUpTo }: OpenTransaction): Promise<boolean> {
    const unseen = this.#commits.filter(({ number }) => number > seesUpTo).flatMap(({ effects }) => effects);
    if (unseen.some(({ deletes }) => deletes)) return true;
    const set = unseen.flatMap(({ sets }) => [...sets]);
    return set.length > 0 && (await this.anyKey(set));
  }

  /** Whether one of these columns may be part of a key or refer to one. */
  async anyKey(columns: Iterable<string>): Promise<boolean> {
    const keys = await this.#readKeys();
    return [...columns].some((column) => keys.columns.has(column));
  }

  /** Whether one of these tables may be at an end of a foreign key. */
  async anyForeignKey(tables: readonly { readonly name: string }[]): Promise<boolean> {
    const keys = await this.#readKeys();
    return tables.some(({ name }) => keys.tables.has(name));
  }

  /** Whether a foreign key may be checked as late as COMMIT. */
  async anyDeferrable(): Promise<boolean> {
    return (await this.#readKeys()).deferrable;
  }

  /**
   * A COMMIT is about to be sent.
   *
   * @returns what to call when it was answered
   */
  committing(
    participant: Member,
    transaction: OpenTransaction,
    effects: readonly Effects[],
    sharedRows: readonly SharedRow[],
  ): (committed: boolean) => void {
    const number = ++this.#lastCommit;
    this.#inFlight.add(number);
    this.#commits.push({ number, effects, sharedRows });
    return (committed) => {
      this.#inFlight.delete(number);
      if (!committed) {
        this.#commits = this.#commits.filter((commit) => commit.number !== number);
        return;
      }
      if (transaction.hasDdl) this.#changed(participant, transaction);
      for (const other of this.#open) if (other.displacedBy.has(transaction)) other.loseTo(transaction);
    };
  }

  /** The catalogue was changed: what the other sessions have read of it is old. */
  #changed(author: Member, { changedRelations }: OpenTransaction): void {
    this.#catalogueVersion++;
    if (!this.#staleCatalogues || changedRelations.length === 0) return;
    for (const other of this.#participants) if (other !== author) other.catalogueChanged(changedRelations);
  }

  /** Keeps a snapshot for as long as `work` needs it; see {@link Superuser.keepSnapshot}. */
  keepSnapshot(id: string, work: (id: string) => Promise<void>): Promise<void> {
    return this.#superuser.keepSnapshot(id, work);
  }

  #readKeys(): Promise<Keys> {
    if (this.#keys?.version !== this.#catalogueVersion) {
      const read = this.#superuser.query(KEYS).then((rows): Keys => {
        const named = (what: string) => rows.flatMap(([kind, name]) => (kind === what ? [name ?? ''] : []));
        return {
          columns: new Set(named('column')),
          tables: new Set(named('table')),
          deferrable: named('deferrable').length > 0,
        };
      });
      this.#keys = { version: this.#catalogueVersion, read };
    }
    return this.#keys.read;
  }
}
