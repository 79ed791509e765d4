import type { EntityMetadata, ObjectLiteral } from 'typeorm';
import { Broadcaster } from 'typeorm/subscriber/Broadcaster.js';
import type { BroadcasterResult } from 'typeorm/subscriber/BroadcasterResult.js';
import type { EntityStates } from './entity-states';

/** Remembers the values that query builders were given, before listeners and generated values change them. */
export class RememberingBroadcaster extends Broadcaster {
  readonly #states: () => EntityStates | undefined;

  /** @param states - of the transaction that the query runner is in */
  constructor(
    queryRunner: ConstructorParameters<typeof Broadcaster>[0],
    states: () => EntityStates | undefined,
  ) {
    super(queryRunner);
    this.#states = states;
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
