import type { EntityMetadata, ObjectLiteral, QueryRunner } from 'typeorm';
import { Broadcaster } from 'typeorm/subscriber/Broadcaster.js';
import type { BroadcasterResult } from 'typeorm/subscriber/BroadcasterResult.js';
import type { EntityStates } from './entity-states';
import { dataSourceOf } from './transactions';

/** What every subscriber is told that has it, whatever entity it listens to. */
const TOLD_OF_ALL = [
  'beforeQuery',
  'afterQuery',
  'beforeTransactionStart',
  'afterTransactionStart',
  'beforeTransactionCommit',
] as const;

const LISTENERS_AFTER_WRITING = [
  'afterInsertListeners',
  'afterUpdateListeners',
  'afterRemoveListeners',
  'afterSoftRemoveListeners',
  'afterRecoverListeners',
] as const;

/** Remembers the values that query builders were given, before listeners and generated values change them. */
export class RememberingBroadcaster extends Broadcaster {
  readonly #queryRunner: QueryRunner;
  readonly #states: () => EntityStates | undefined;

  /** @param states - of the transaction that the query runner is in */
  constructor(
    queryRunner: ConstructorParameters<typeof Broadcaster>[0],
    states: () => EntityStates | undefined,
  ) {
    super(queryRunner);
    this.#queryRunner = queryRunner;
    this.#states = states;
  }

  /** Whether a subscriber hears of statements, or of transactions before COMMIT. */
  get tellsOfTransactions(): boolean {
    return dataSourceOf(this.#queryRunner).subscribers.some((subscriber) =>
      TOLD_OF_ALL.some((name) => subscriber[name] !== undefined),
    );
  }

  /**
   * Whether a subscriber or a listener hears of a write of an entity, or of the statements and the transaction around it,
   * before COMMIT: it may send more, or end the transaction with an error.
   */
  tellsBeforeCommitOf(metadata: EntityMetadata): boolean {
    if (LISTENERS_AFTER_WRITING.some((name) => metadata[name].length > 0)) return true;
    if (this.tellsOfTransactions) return true;
    const { subscribers } = dataSourceOf(this.#queryRunner);
    return subscribers.some((subscriber) => this.isAllowedSubscriber(subscriber, metadata.target));
  }

  override broadcastBeforeInsertEvent(
    result: BroadcasterResult,
    metadata: EntityMetadata,
    values: ObjectLiteral | undefined,
  ): void {
    this.#remember(metadata, values);
    super.broadcastBeforeInsertEvent(result, metadata, values);
  }

  override broadcastBeforeUpdateEvent(...event: Parameters<Broadcaster['broadcastBeforeUpdateEvent']>): void {
    this.#remember(event[1], event[2]);
    super.broadcastBeforeUpdateEvent(...event);
  }

  #remember(metadata: EntityMetadata, values: ObjectLiteral | undefined): void {
    if (values !== undefined) this.#states()?.rememberAlone(values, metadata);
  }
}
