import { EntityManager, EntitySchema } from 'typeorm';
import type {
  EntityTarget,
  InsertResult,
  ObjectLiteral,
  QueryRunner,
  RemoveOptions,
  SaveOptions,
} from 'typeorm';
import type { IsolationLevel } from 'typeorm/driver/types/IsolationLevel.js';
import { isAfterCommitError, isCommitOutcomeUnknownError } from '../connection';
import { checkIsolationLevel, findInChain, NestedTransactionError } from '../occ';
import { DsqlDriver } from './dsql-driver';
import { DsqlQueryRunner } from './dsql-query-runner';
import { EntityStates } from './transactions/entity-states';
import {
  certainRows,
  connectionsFor,
  costOfRow,
  isUnordered,
  joinInsertResults,
  metadataIn,
  rowsPerStatement,
  splitOf,
  writeList,
  type PersistMethod,
} from './writes/large-writes';
import { isValueSet } from './persistence/dsql-subject';
import { persist } from './persistence/persist';
import {
  ManagedTransaction,
  type TypeOrmTransactionOptions,
  type Unit,
} from './transactions/managed-transaction';
import { writeMatching, type MatchingWrite } from './writes/matching-writes';
import type { TransactionScope } from './transactions/transaction-scope';
import { dataSourceOf } from './transactions/transactions';
import { watchCommit } from './transactions/watched-commit';

type Work<T> = (manager: EntityManager) => Promise<T>;
type Target = EntityTarget<ObjectLiteral>;
type Values = Parameters<EntityManager['updateAll']>[1];
type UpdateOptions = Parameters<EntityManager['updateAll']>[2];

/**
 * TypeORM's `EntityManager`, on Aurora DSQL.
 *
 * `transaction` runs its callback again after a conflict; `save`, `remove`, `softRemove` and `recover` outside a
 * transaction send the same changes again. After an attempt that failed the caller's objects are put back to how they
 * were.
 */
export class DsqlEntityManager extends EntityManager {
  /** The transaction of a query runner that is not ours: it has no place for it. */
  #scopeOfOther: TransactionScope | undefined;

  override transaction<T>(work: Work<T>): Promise<T>;
  override transaction<T>(isolationLevel: IsolationLevel, work: Work<T>): Promise<T>;
  override transaction<T>(first: IsolationLevel | Work<T>, second?: Work<T>): Promise<T> {
    if (typeof first === 'function') return this.runTransaction(first);
    // Without a callback the host says what is wrong.
    if (second === undefined) return super.transaction(first, second as unknown as Work<T>);
    return this.runTransaction(second, {}, first);
  }

  /** The same, with options. */
  async runTransaction<T>(
    work: Work<T>,
    options: TypeOrmTransactionOptions = {},
    isolationLevel?: IsolationLevel,
  ): Promise<T> {
    if (this.queryRunner?.isTransactionActive === true) {
      checkIsolationLevel(isolationLevel);
      return this.#join(this.queryRunner, work);
    }
    return this.#run({
      options,
      once: (manager, attempt, scope) => {
        const noting: Work<T> = async (inner) => {
          const value = await work(inner);
          attempt.returned = { value };
          return value;
        };
        const transact = (callback: Work<T>) =>
          hostMethod(
            manager,
            'transaction',
          )(...(isolationLevel === undefined ? [callback] : [isolationLevel, callback])) as Promise<T>;
        const { queryRunner } = manager;
        return queryRunner === undefined || queryRunner instanceof DsqlQueryRunner
          ? transact(noting)
          : watchCommit(queryRunner, scope, transact, (inner) =>
              inner instanceof DsqlEntityManager ? inner.inScope(scope, noting) : noting(inner),
            );
      },
    });
  }

  override save(...call: unknown[]): Promise<never> {
    return this.#persist('save', call);
  }

  override remove(...call: unknown[]): Promise<never> {
    return this.#persist('remove', call);
  }

  override softRemove(...call: unknown[]): Promise<never> {
    return this.#persist('softRemove', call);
  }

  override recover(...call: unknown[]): Promise<never> {
    return this.#persist('recover', call);
  }

  override insert(...call: Parameters<EntityManager['insert']>): Promise<InsertResult> {
    const [target, values] = call;
    return this.#keepingAll(target, values, (rows) => super.insert(target, rows));
  }

  override upsert(...call: Parameters<EntityManager['upsert']>): Promise<InsertResult> {
    const [target, values, options] = call;
    const mayPassOver = !Array.isArray(options) && options.skipUpdateIfNoValuesChanged === true;
    return this.#keepingAll(target, values, (rows) => super.upsert(target, rows, options), {
      mayPassOver,
    });
  }

  override update(...call: Parameters<EntityManager['update']>): ReturnType<EntityManager['update']> {
    const [target, criteria, values, options] = call as [Target, unknown, Values, UpdateOptions];
    return this.#writeMatching({
      target,
      criteria,
      host: () => super.update(...call),
      build: () => updating(this, target, values, options),
    });
  }

  override updateAll(
    ...call: Parameters<EntityManager['updateAll']>
  ): ReturnType<EntityManager['updateAll']> {
    const [target, values, options] = call;
    return this.#writeMatching({
      target,
      criteria: undefined,
      host: () => super.updateAll(...call),
      build: () => updating(this, target, values, options),
    });
  }

  override delete(...call: Parameters<EntityManager['delete']>): ReturnType<EntityManager['delete']> {
    const [target, criteria] = call as [Target, unknown];
    return this.#writeMatching({
      target,
      criteria,
      host: () => super.delete(...call),
      build: () => this.createQueryBuilder().delete().from(target),
    });
  }

  override deleteAll(
    ...call: Parameters<EntityManager['deleteAll']>
  ): ReturnType<EntityManager['deleteAll']> {
    const [target] = call;
    return this.#writeMatching({
      target,
      criteria: undefined,
      host: () => super.deleteAll(...call),
      build: () => this.createQueryBuilder().delete().from(target),
    });
  }

  override softDelete(
    ...call: Parameters<EntityManager['softDelete']>
  ): ReturnType<EntityManager['softDelete']> {
    const [target, criteria] = call as [Target, unknown];
    return this.#writeMatching({
      target,
      criteria,
      host: () => super.softDelete(...call),
      build: () => this.createQueryBuilder().softDelete().from(target),
    });
  }

  override restore(...call: Parameters<EntityManager['restore']>): ReturnType<EntityManager['restore']> {
    const [target, criteria] = call as [Target, unknown];
    return this.#writeMatching({
      target,
      criteria,
      host: () => super.restore(...call),
      build: () => this.createQueryBuilder().restore().from(target),
    });
  }

  /** Generated values reach the caller's objects here, those of query builders too. */
  override merge<Entity extends ObjectLiteral>(
    ...call: Parameters<typeof EntityManager.prototype.merge<Entity>>
  ): Entity {
    const [target, into, ...sources] = call;
    const metadata = dataSourceOf(this).getMetadata(target);
    // Of each row that the database has made nothing for; the host would look for a value of each column.
    if (sources.every(isEmpty)) return into;
    if (!isValueSet(into)) this.#scope?.states?.rememberAlone(into, metadata);
    return super.merge(...call);
  }

  /** The transaction that this manager is in, or is about to begin. */
  get #scope(): TransactionScope | undefined {
    const { queryRunner } = this;
    return queryRunner instanceof DsqlQueryRunner ? queryRunner.scope : this.#scopeOfOther;
  }

  /** Runs work of a transaction on a query runner that is not ours. */
  async inScope<T>(scope: TransactionScope, work: Work<T>): Promise<T> {
    this.#scopeOfOther = scope;
    try {
      return await work(this);
    } finally {
      this.#scopeOfOther = undefined;
    }
  }

  /** A list of entities, or one, and what the host would make of them. */
  async #persist(method: PersistMethod, call: unknown[]): Promise<never> {
    const { target, entities, options } = readCall(call);
    const dataSource = dataSourceOf(this);
    if (!Array.isArray(entities) || !(dataSource.driver instanceof DsqlDriver)) {
      return this.#persistOnce(method, call);
    }
    const metadataOf = metadataIn(dataSource, target);
    const concurrency = this.#parallelWrites();
    await writeList<unknown, unknown>({
      rows: entities,
      certain: () => certainRows(method, entities, metadataOf),
      hasValues: method === 'save',
      split:
        concurrency === undefined
          ? undefined
          : splitOf(method, entities, metadataOf, { concurrency, chunk: options?.chunk }),
      write: (rows) =>
        this.#persistOnce(
          method,
          call.map((argument) => (argument === entities ? rows : argument)),
        ),
    });
    return entities as never;
  }

  async #persistOnce(method: PersistMethod, call: unknown[]): Promise<never> {
    const host = (manager: EntityManager) => hostMethod(manager, method)(...call);
    const { target, entities, options } = readCall(call);
    const isEmpty = Array.isArray(entities) && entities.length === 0;
    if (typeof entities !== 'object' || entities === null || isEmpty) return host(this) as Promise<never>;

    // Who has just assigned a promise to a lazy relation gets its value into the entity so many ticks later.
    await Promise.resolve();
    await Promise.resolve();
    const { queryRunner } = this;
    if (queryRunner?.isTransactionActive === true) {
      const scope = this.#scope;
      scope?.states?.remember(entities, target);
      return duringScope(scope, async () => {
        // In a transaction that its caller has begun, the first statement alone is sent again after a conflict.
        if (scope?.states === undefined || !(queryRunner instanceof DsqlQueryRunner)) return host(this);
        await persist({ method, target, entities, options }, queryRunner, scope);
        return entities;
      }) as Promise<never>;
    }
    const isForeign = queryRunner !== undefined && !(queryRunner instanceof DsqlQueryRunner);
    if (options?.transaction === false || isForeign) return host(this) as Promise<never>;
    return this.#run<unknown>({
      options: { label: `${method} ${namesOf(entities, target)}` },
      once: async (manager, _, scope) => {
        const own = manager.queryRunner;
        // What its caller holds may be used for something else at the same time.
        const isOwn = queryRunner === undefined && own instanceof DsqlQueryRunner;
        if (!isOwn || !(manager instanceof DsqlEntityManager)) return host(manager);
        await persist({ method, target, entities, options }, own, scope);
        return entities;
      },
      entities: { value: entities, target },
    }) as Promise<never>;
  }

  /** How many writes may run at the same time that the host does as one; nothing where it has to be one. */
  #parallelWrites(): number | undefined {
    const { queryRunner } = this;
    const dataSource = dataSourceOf(this);
    const { driver } = dataSource;
    const mayBeSplit = driver instanceof DsqlDriver && driver.mapping.batch;
    if (!mayBeSplit || queryRunner?.isTransactionActive === true) return undefined;
    return queryRunner === undefined ? connectionsFor(dataSource) : 1;
  }

  #writeMatching<Result extends { raw: unknown; affected?: number | null }>(
    write: Omit<MatchingWrite<Result>, 'concurrency'>,
  ): Promise<Result> {
    return writeMatching(this, { ...write, concurrency: this.#parallelWrites() });
  }

  /**
   * Inserts values, a list of them or one.
   *
   * @param upsert - two of its rows may have the same key: the later one is written later
   */
  async #keepingAll<Row>(
    target: Target,
    values: Row | Row[],
    insert: (rows: Row | Row[]) => Promise<InsertResult>,
    upsert?: { readonly mayPassOver: boolean },
  ): Promise<InsertResult> {
    const keep = (rows: Row | Row[]) => this.#keeping([target, rows], () => insert(rows));
    const dataSource = dataSourceOf(this);
    if (!Array.isArray(values) || !(dataSource.driver instanceof DsqlDriver)) return keep(values);
    const concurrency = this.#parallelWrites();
    const metadata = dataSource.getMetadata(target);
    const results = await writeList<Row, InsertResult>({
      rows: values,
      certain: () => (upsert?.mayPassOver === true ? [] : values),
      split:
        concurrency === undefined
          ? undefined
          : {
              batchSize: rowsPerStatement(metadata),
              concurrency: upsert === undefined && isUnordered(metadata) ? concurrency : 1,
              rowCostBytes: costOfRow(metadata),
            },
      write: (rows) => keep([...rows]),
    });
    return joinInsertResults(results);
  }

  /** Runs a statement with values of the caller's, which listeners and generated values change. */
  async #keeping<T>(
    [target, values]: readonly [Target, unknown, ...unknown[]],
    run: () => Promise<T>,
  ): Promise<T> {
    const { queryRunner } = this;
    if (queryRunner?.isTransactionActive === true) {
      const scope = this.#scope;
      scope?.states?.remember(values, target);
      return duringScope(scope, run);
    }
    const states = new EntityStates(dataSourceOf(this));
    states.rememberWritten(values, target);
    try {
      return await run();
    } catch (error) {
      const mayBeDone = (inner: object) => isCommitOutcomeUnknownError(inner) || isAfterCommitError(inner);
      if (findInChain(error, mayBeDone) === undefined) states.restore();
      throw error;
    }
  }

  async #join<T>(queryRunner: QueryRunner, work: Work<T>): Promise<T> {
    const scope = this.#scope;
    try {
      if (scope?.nested !== 'join') throw new NestedTransactionError();
      return await work(this);
    } catch (error) {
      // Even if the error is caught: the inner work is missing.
      scope?.markRollbackOnly(error);
      throw error;
    }
  }

  #run<T>(unit: Unit<T>): Promise<T> {
    const transaction = new ManagedTransaction(unit, {
      dataSource: dataSourceOf(this),
      held: this.queryRunner,
      take: (attemptNumber) => this.#takeQueryRunner(attemptNumber),
    });
    return transaction.run();
  }

  /** A connection is not held while the next attempt waits, unless it is the caller's. */
  #takeQueryRunner(attemptNumber: number) {
    const { queryRunner } = this;
    if (queryRunner !== undefined && !(queryRunner.isReleased && attemptNumber > 1)) {
      return { manager: this, queryRunner, release: () => Promise.resolve() };
    }
    const dataSource = dataSourceOf(this);
    const own = dataSource.createQueryRunner();
    const manager =
      own.manager.constructor === EntityManager ? new DsqlEntityManager(dataSource, own) : own.manager;
    return { manager, queryRunner: own, release: () => own.release() };
  }
}

/** What the host does under a name; a manager of ours must not begin anew. */
function hostMethod(manager: EntityManager, name: PersistMethod | 'transaction') {
  const owner = manager instanceof DsqlEntityManager ? EntityManager.prototype : manager;
  return (owner[name] as (...call: unknown[]) => Promise<unknown>).bind(manager);
}

/** What `save(target?, entities, options?)` was called with, as the host tells its forms apart. */
function readCall(call: unknown[]): {
  readonly target: Target | undefined;
  readonly entities: unknown;
  readonly options: (SaveOptions & RemoveOptions) | undefined;
} {
  const [first] = call;
  const isTargeted =
    call.length > 1 &&
    (typeof first === 'function' || typeof first === 'string' || first instanceof EntitySchema);
  const [entities, options] = isTargeted ? call.slice(1) : call;
  return {
    target: isTargeted ? (first as Target) : undefined,
    entities,
    options: options as (SaveOptions & RemoveOptions) | undefined,
  };
}

function updating(manager: EntityManager, target: Target, values: Values, options: UpdateOptions) {
  const builder = manager.createQueryBuilder().update(target).set(values);
  return options?.returning === undefined ? builder : builder.returning(options.returning);
}

/** Whether it is nothing, which the host takes, or a plain object without anything in it. */
function isEmpty(value: object | null | undefined): boolean {
  if (value === null || value === undefined) return true;
  return Object.getPrototypeOf(value) === Object.prototype && Reflect.ownKeys(value).length === 0;
}

/** For diagnostics; and saves of the same entities are transactions of one kind. */
function namesOf(entities: object, target: Target | undefined): string {
  const nameOf = (named: unknown) =>
    typeof named === 'string'
      ? named
      : named instanceof EntitySchema
        ? named.options.name
        : ((named as { readonly name?: string } | undefined)?.name ?? '');
  const list = Array.isArray(entities) ? (entities as (object | null)[]) : [entities];
  const names = target === undefined ? list.map((entity) => nameOf(entity?.constructor)) : [nameOf(target)];
  return [...new Set(names)].slice(0, 3).join(', ');
}

function duringScope<T>(scope: TransactionScope | undefined, write: () => Promise<T>): Promise<T> {
  return scope === undefined ? write() : scope.during(write);
}
