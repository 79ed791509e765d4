import type { DataSource, EntityManager, EntityTarget, ObjectLiteral, QueryRunner } from 'typeorm';
import {
  AfterCommitError,
  isAfterCommitError,
  isCommitOutcomeUnknownError,
  isNotSentError,
} from '../../connection';
import {
  findInChain,
  isOccConflict,
  resolveTransactionOptions,
  sqlStateOf,
  type Attempt,
  type ResolvedTransactionOptions,
  type TransactionOptions,
} from '../../occ';
import { ReusedIdentityKeys } from '../../schema';
import { DsqlQueryRunner } from '../dsql-query-runner';
import { callsApplication, tellsOfStatements } from './application-code';
import { EntityStates } from './entity-states';
import { RecordedReads } from '../schema/recorded-reads';
import { identityColumnsOf } from '../writes/identity-keys';
import { TransactionScope } from './transaction-scope';
import { transactionsOf, type Transactions } from './transactions';

/** How a transaction of TypeORM is run. */
export interface TypeOrmTransactionOptions extends TransactionOptions<EntityManager> {
  /**
   * Objects from outside that the callback changes: each attempt finds them as they were when the transaction began.
   * @defaultValue none
   */
  readonly restore?: readonly object[] | undefined;
}

/** What is done once per attempt. */
export interface Unit<T> {
  /**
   * @param manager - its query runner is that of the attempt
   * @param scope - the transaction, which a query runner of ours knows, too
   */
  readonly once: (manager: EntityManager, attempt: Attempt<T>, scope: TransactionScope) => Promise<T>;
  readonly options: TypeOrmTransactionOptions;
  /** What a save returns is known before its COMMIT. */
  readonly entities?: { readonly value: T; readonly target: EntityTarget<ObjectLiteral> | undefined };
}

/** What an attempt works with. */
export interface AttemptResources {
  readonly manager: EntityManager;
  readonly queryRunner: QueryRunner;
  readonly release: () => Promise<void>;
}

/** Where the attempts of a transaction come from. */
export interface TransactionSource {
  readonly dataSource: DataSource;
  /** The query runner that the caller has brought along; nothing where each attempt takes one of its own. */
  readonly held: QueryRunner | undefined;
  readonly take: (attemptNumber: number) => AttemptResources;
}

/** A transaction of TypeORM that is run until it is committed: what its attempts share. */
export class ManagedTransaction<T> {
  readonly #unit: Unit<T>;
  readonly #source: TransactionSource;
  readonly #transactions: Transactions;
  readonly #options: ResolvedTransactionOptions<EntityManager>;
  readonly #restore: readonly object[];
  readonly #states: EntityStates;
  readonly #keys: ReusedIdentityKeys;
  readonly #reads: RecordedReads | undefined;
  readonly #markerOf = new Map<number, string>();
  #last: Attempt<T> | undefined;
  #dataOfLast: ObjectLiteral | undefined;
  /** The outcome was unknown at first, and is known to be a success. */
  #isFoundCommitted = false;

  /** @throws ConfigurationError naming the first option that cannot be */
  constructor(unit: Unit<T>, source: TransactionSource) {
    const { dataSource } = source;
    const { restore = [], ...own } = unit.options;
    this.#restore = restore;
    this.#unit = unit;
    this.#source = source;
    this.#transactions = transactionsOf(dataSource);
    this.#options = resolveTransactionOptions(own, this.#transactions.defaults);
    this.#states = new EntityStates(dataSource);
    this.#keys = new ReusedIdentityKeys(identityColumnsOf(dataSource));
    this.#reads = unit.entities === undefined ? undefined : new RecordedReads();
  }

  /**
   * Runs the transaction until it is committed.
   *
   * @throws what the runner of the data source throws; the caller's objects are then as they were before
   */
  async run(): Promise<T> {
    const { dataSource, held } = this.#source;
    // A caller who holds a connection must not wait for those who are admitted and wait for one.
    const run = { ...this.#options.run, ...(held !== undefined && { admission: false }) };
    try {
      const value = await this.#transactions.runner.run<T>(
        {
          begin: () => {
            this.#begin();
          },
          attempt: (attempt) => this.#keys.attempt(() => this.#attempt(attempt)),
          settle: (attempt) => this.#settle(attempt),
          callsApplication: this.#callsApplication,
        },
        run,
      );
      if (this.#isFoundCommitted) await tellOfCommit(dataSource, this.#dataOfLast);
      return value;
    } catch (error) {
      if (mayBeCommitted(error, this.#last)) {
        if (isCommitOutcomeUnknownError(error)) this.#states.restoreLost();
      } else {
        this.#states.restore();
      }
      throw error;
    }
  }

  /** A callback does; a save may. */
  get #callsApplication(): boolean {
    const { dataSource } = this.#source;
    const isSave = this.#unit.entities !== undefined;
    return !isSave || callsApplication(dataSource) || tellsOfStatements(dataSource);
  }

  /** Others may have changed the objects while it waited for its turn. */
  #begin(): void {
    const { entities } = this.#unit;
    this.#states.rememberGiven(this.#restore);
    if (entities !== undefined) this.#states.rememberWritten(entities.value, entities.target);
  }

  async #attempt(attempt: Attempt<T>): Promise<T> {
    const { once } = this.#unit;
    const { commitMarkers, run } = this.#options;
    this.#last = attempt;
    if (attempt.number > 1) this.#states.restore();
    this.#states.beginAttempt(this.#unit.entities !== undefined);
    this.#reads?.rewind();
    const { manager, queryRunner, release } = this.#source.take(attempt.number);
    const own = queryRunner instanceof DsqlQueryRunner ? queryRunner : undefined;
    let scope: TransactionScope | undefined;
    try {
      const marker = commitMarkers ? await this.#transactions.createMarker(queryRunner) : undefined;
      scope = this.#scopeOf(attempt, queryRunner, marker);
      if (own !== undefined) own.scope = scope;
      const value = await once(manager, attempt, scope);
      const written = this.#markerOf.get(attempt.number);
      if (written !== undefined) this.#transactions.markers.release(written);
      return value;
    } catch (error) {
      // The callback has committed the transaction itself, so it must not be run again.
      if (scope?.isCommitted === true)
        throw isAfterCommitError(error) ? error : new AfterCommitError({ cause: error });
      const reported = run.retry === false ? error : firstOf(error, scope?.firstError);
      if (!mayBeCommitted(reported, attempt)) this.#states.restore();
      throw reported;
    } finally {
      this.#dataOfLast = queryRunner.data;
      if (own !== undefined) own.scope = undefined;
      await release();
    }
  }

  #scopeOf(attempt: Attempt<T>, queryRunner: QueryRunner, marker: string | undefined): TransactionScope {
    const { entities } = this.#unit;
    // What a query runner of another kind sends cannot be seen.
    const isWatched = queryRunner instanceof DsqlQueryRunner;
    const endsWithMarker = marker !== undefined && isWatched && !queryRunner.broadcaster.tellsOfTransactions;
    return new TransactionScope({
      nested: this.#options.nested,
      states: this.#states,
      keys: this.#keys,
      reads: this.#reads,
      admit: this.#source.held === undefined && isWatched ? attempt.admit : undefined,
      isWatched,
      endsWithMarker,
      beforeCommit: async (scope) => {
        if (entities !== undefined) attempt.returned = { value: entities.value };
        if (marker === undefined || !scope.writesRows) return;
        this.#markerOf.set(attempt.number, marker);
        if (endsWithMarker) scope.endsWhen(() => true);
        await this.#transactions.markers.write(marker, (text, values) =>
          queryRunner.query(text, [...values]),
        );
      },
    });
  }

  async #settle({ number }: Attempt<T>): Promise<boolean | undefined> {
    const { dataSource, held } = this.#source;
    const marker = this.#markerOf.get(number);
    const answer = marker === undefined ? undefined : await this.#transactions.wasCommitted(marker, held);
    const isCommitted = answer ?? (await this.#options.verifyCommitted?.(dataSource.manager));
    this.#isFoundCommitted = isCommitted === true;
    return isCommitted;
  }
}

/** Of several errors in a transaction the first says what happened; the others follow from it. */
function firstOf(error: unknown, firstError: unknown): unknown {
  if (firstError === undefined || isOccConflict(error)) return error;
  const isConsequence =
    sqlStateOf(error) === '25P02' ||
    isNotSentError(error) ||
    /^QueryRunner\w*AlreadyReleasedError$/.test((error as Error).name);
  return isConsequence || isOccConflict(firstError) ? firstError : error;
}

/** Whether what an attempt did to the caller's objects may be true. */
function mayBeCommitted(error: unknown, attempt: Attempt<unknown> | undefined): boolean {
  if (attempt?.returned === undefined) return false;
  return (
    findInChain(error, (inner) => isAfterCommitError(inner) || isCommitOutcomeUnknownError(inner)) !==
    undefined
  );
}

/** The query runner whose COMMIT was not answered could not tell its subscribers. */
async function tellOfCommit(dataSource: DataSource, data: ObjectLiteral | undefined): Promise<void> {
  const queryRunner = dataSource.createQueryRunner();
  try {
    Object.assign(queryRunner.data, data);
    await queryRunner.broadcaster.broadcast('AfterTransactionCommit');
  } catch (error) {
    throw new AfterCommitError({ cause: error });
  } finally {
    await queryRunner.release();
  }
}
