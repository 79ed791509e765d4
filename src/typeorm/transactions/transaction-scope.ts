import { AsyncLocalStorage } from 'node:async_hooks';
import { DsqlError, TransactionRolledBackError, type Pipeline } from '../../connection';
import { NestedTransactionError, type Admit, type NestedMode } from '../../occ';
import type { ReusedIdentityKeys } from '../../schema';
import { summarizeText } from '../../sql';
import type { RecordedReads } from '../schema/recorded-reads';
import { firstStatement, type Statement } from '../statement';
import type { EntityStates } from './entity-states';

/** How a transaction is run. */
export interface ScopeOptions {
  readonly nested: NestedMode;
  /** How the caller's objects were, where the transaction can be run again; nothing where its caller began it. */
  readonly states?: EntityStates;
  /** What earlier attempts were given as keys, where the transaction can be run again. */
  readonly keys?: ReusedIdentityKeys;
  /** What is read before the transaction begins, where a further attempt is to build on the same. */
  readonly reads?: RecordedReads | undefined;
  /** Called before the first statement is sent, where the number of transactions in flight is limited. */
  readonly admit?: Admit | undefined;
  /** Whether the last thing before COMMIT is the row of a commit marker, which COMMIT travels with. */
  readonly endsWithMarker?: boolean;
  /** Runs once, as the last thing before COMMIT. */
  readonly beforeCommit?: ((scope: TransactionScope) => Promise<unknown>) | undefined;
  /** Whether what is sent in it goes through {@link TransactionScope.enter}; otherwise it counts as one that writes. */
  readonly isWatched?: boolean;
}

/** The connection of a transaction, as far as its first statement may have to wait for room. */
export interface ScopeConnection {
  /** Whether the server knows nothing of the transaction, so that the connection may be given back. */
  canBeGivenBack(): boolean;
  giveBack(): void;
  /** Whether the transaction has not been ended meanwhile. */
  isOpen(): boolean;
  /** Begins the transaction on another connection. */
  begin(): Promise<unknown>;
}

/** A place in a pipeline, for one statement. */
interface Place {
  readonly scope: TransactionScope;
  readonly pipeline: Pipeline;
  isTaken: boolean;
}

/**
 * The first statement that is begun in it takes the place. Others may send statements meanwhile, in the same transaction, too,
 * which do not; nor does what a logger sends that is told of the statement.
 */
const pipelining = new AsyncLocalStorage<Place>();

/**
 * Checks, for a statement outside a transaction, that it was not meant for one that has ended meanwhile.
 *
 * @throws DsqlError otherwise
 */
export function expectNotTooLate(): void {
  const place = pipelining.getStore();
  if (place?.isTaken === false) place.scope.expectOpen();
}

/** The transaction that a query runner is in, or is about to begin: all that is known of it, and what follows from that. */
export class TransactionScope {
  readonly nested: NestedMode;
  readonly states: EntityStates | undefined;
  readonly keys: ReusedIdentityKeys | undefined;
  readonly endsWithMarker: boolean;
  readonly #admit: Admit | undefined;
  #beforeCommit: ScopeOptions['beforeCommit'];
  /** What was read before the transaction began; nothing from then on. */
  #reads: RecordedReads | undefined;
  /** The wait for admission, once it has begun. */
  #admission: Promise<void> | undefined;
  #hasWritten: boolean;
  #hasChangedSchema = false;
  #isCommitted = false;
  #isOver = false;
  /** Writing operations that have not ended. */
  #unfinished = 0;
  /** Transactions that were refused inside this one and whose rollback was not called yet. */
  #refused = 0;
  #firstError: unknown;
  #rollbackOnly: { readonly cause: unknown } | undefined;
  #isAtLastStatement: (() => boolean) | undefined;

  constructor(options: ScopeOptions) {
    const { nested, states, keys, reads, admit, beforeCommit, isWatched = true } = options;
    this.endsWithMarker = options.endsWithMarker === true;
    this.nested = nested;
    this.states = states;
    this.keys = keys;
    this.#reads = reads;
    this.#admit = admit;
    this.#beforeCommit = beforeCommit;
    this.#hasWritten = !isWatched;
  }

  /** Whether rows were written in it, and nothing else: a transaction that changes the schema takes no rows. */
  get writesRows(): boolean {
    return this.#hasWritten && !this.#hasChangedSchema;
  }

  /** Whether a COMMIT in it was done. */
  get isCommitted(): boolean {
    return this.#isCommitted;
  }

  /** The first error of a statement in the transaction: all later ones follow from it. */
  get firstError(): unknown {
    return this.#firstError;
  }

  /** The transaction begins on the server: all that it builds on was read. */
  begin(): void {
    this.#isOver = false;
    this.#reads?.seal();
    this.#reads = undefined;
  }

  /** Answers a statement that comes before the transaction begins. */
  answer(statement: Statement, send: () => Promise<unknown>): Promise<unknown> {
    return this.#reads === undefined ? send() : this.#reads.answer(statement, send);
  }

  /** A statement is about to be sent in the transaction: the first one may have to wait until there is room for it. */
  async enter(statement: Statement, connection: ScopeConnection): Promise<void> {
    const { changesSchema, onlyReads } = summarizeText(statement[0]);
    const mayWait = this.#admission !== undefined || connection.canBeGivenBack();
    if (this.#admit !== undefined && mayWait) {
      await (this.#admission ??= awaitAdmission(this.#admit, statement, connection));
    }
    this.#hasWritten ||= !onlyReads;
    this.#hasChangedSchema ||= changesSchema;
  }

  /**
   * COMMIT is to travel with the last statement.
   *
   * @param isAtLastStatement - asked once for each statement, when it is about to be sent
   */
  endsWhen(isAtLastStatement: () => boolean): void {
    this.#isAtLastStatement = isAtLastStatement;
  }

  /** Whether COMMIT travels with the statement that is about to be sent; it is asked once for each. */
  endsWithNext(): boolean {
    const place = this.#place;
    // It is not one of those that are counted.
    if (place?.isTaken === true) return false;
    const isLast = this.#isAtLastStatement?.() === true;
    const unfinished = this.#unfinished - (place?.pipeline.size ?? 0);
    return isLast && unfinished <= 1 && this.#rollbackOnly === undefined;
  }

  /**
   * Lets the statement that is sent in it wait in a pipeline, which those who made it send.
   *
   * @param begin - sends one statement
   */
  sendThrough<T>(pipeline: Pipeline, begin: () => T): T {
    return pipelining.run({ scope: this, pipeline, isTaken: false }, begin);
  }

  /** Parameters, as the connection is to get them. */
  placeInPipeline(parameters: unknown[] | undefined): unknown[] | undefined {
    const place = this.#place;
    if (place === undefined || place.isTaken) return parameters;
    place.isTaken = true;
    return place.pipeline.parametersOf(parameters);
  }

  get #place(): Place | undefined {
    const place = pipelining.getStore();
    return place?.scope === this ? place : undefined;
  }

  /** Runs a writing operation, which COMMIT must not overtake. */
  async during<T>(write: () => Promise<T>): Promise<T> {
    this.#unfinished++;
    try {
      return await write();
    } finally {
      this.#unfinished--;
    }
  }

  /** A COMMIT in it was done. */
  noteCommit(): void {
    this.#isCommitted = true;
  }

  /** A statement in the transaction has failed. */
  noteFailure(error: unknown): void {
    this.#firstError ??= error;
  }

  /**
   * From now on the transaction cannot be committed: work inside it is missing, even if its error is caught.
   *
   * @param cause - why that work is missing
   */
  markRollbackOnly(cause: unknown): void {
    this.#rollbackOnly ??= { cause };
  }

  /** A transaction was to begin inside this one, which is refused. */
  refuseNested(): NestedTransactionError {
    this.#refused++;
    const error = new NestedTransactionError();
    this.markRollbackOnly(error);
    return error;
  }

  /** Whether a rollback is meant for a transaction that was refused inside this one; it is asked once for each. */
  takeRefused(): boolean {
    if (this.#refused === 0) return false;
    this.#refused--;
    return true;
  }

  /** The transaction is over, whatever was refused inside it. */
  end(): void {
    this.#isOver = true;
    this.#refused = 0;
  }

  /**
   * Checks that it has not ended meanwhile.
   *
   * @throws DsqlError otherwise
   */
  expectOpen(): void {
    if (this.#isOver) throw sentTooLate();
  }

  /**
   * Checks that all that was begun in the transaction has ended.
   *
   * @throws DsqlError otherwise
   */
  expectNothingUnfinished(): void {
    if (this.#unfinished === 0) return;
    throw new DsqlError(
      'The transaction was not committed, because a write in it had not ended: a promise was not awaited. Await every operation before the callback returns.',
    );
  }

  /**
   * Checks that the transaction may be committed.
   *
   * @throws TransactionRolledBackError when work inside it is missing
   */
  expectComplete(): void {
    if (this.#rollbackOnly !== undefined) throw new TransactionRolledBackError('joined', this.#rollbackOnly);
  }

  /** Runs what comes last before COMMIT, unless it was run before. */
  async prepareCommit(): Promise<void> {
    const beforeCommit = this.#beforeCommit;
    this.#beforeCommit = undefined;
    await beforeCommit?.(this);
  }
}

async function awaitAdmission(
  admit: Admit,
  statement: Statement,
  connection: ScopeConnection,
): Promise<void> {
  const hasWaited = await admit(firstStatement(statement), () => {
    connection.giveBack();
    return Promise.resolve();
  });
  if (!hasWaited) return;
  if (!connection.isOpen()) throw sentTooLate();
  await connection.begin();
}

function sentTooLate(): DsqlError {
  return new DsqlError(
    'A statement was not sent, because its transaction had ended: a promise was not awaited. Await every operation before the callback returns.',
  );
}
