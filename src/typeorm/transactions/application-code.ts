import type { DataSource, EntityMetadata, EntitySubscriberInterface } from 'typeorm';

/** Honest here: what is kept follows from the key alone, which a data source replaces when its entities change. */
const answers = new WeakMap<readonly EntityMetadata[], boolean>();

/** Whether a write of entities may call code of the application: subscribers, listeners or transformers of values. */
export function callsApplication({ subscribers, entityMetadatas }: DataSource): boolean {
  if (subscribers.length > 0) return true;
  const known = answers.get(entityMetadatas) ?? entityMetadatas.some(hasCode);
  answers.set(entityMetadatas, known);
  return known;
}

/** Whether code of the application is told of each statement: a subscriber, or a logger that is not one of TypeORM's. */
export function tellsOfStatements({ subscribers, options }: DataSource): boolean {
  return typeof options.logger === 'object' || subscribers.some(isToldOfStatements);
}

function isToldOfStatements(subscriber: EntitySubscriberInterface): boolean {
  return subscriber.beforeQuery !== undefined || subscriber.afterQuery !== undefined;
}

function hasCode({ listeners, columns }: EntityMetadata): boolean {
  return listeners.length > 0 || columns.some(({ transformer }) => transformer !== undefined);
}
