import {
  InsertResult,
  type DataSource,
  type EntityMetadata,
  type EntityTarget,
  type ObjectLiteral,
} from 'typeorm';
import {
  expectOneTransaction,
  fitInTransaction,
  inBatches,
  isTooMuchAtOnce,
  UnsupportedFeatureError,
  type OneWrite,
} from '../../occ';
import { INDEX_ENTRY_COST_BYTES, MAX_TRANSACTION_ROWS, ROW_COST_BYTES } from '../../sql';

type Relation = EntityMetadata['relations'][number];

/** A method of the entity manager that writes entities. */
export type PersistMethod = 'save' | 'remove' | 'softRemove' | 'recover';

/** How a list is written in several transactions. */
export interface Split {
  /** How many of its rows are likely to fit into one of them. */
  readonly batchSize: number;
  /** How many of them may run at the same time. */
  readonly concurrency: number;
  /** What a row takes in a transaction besides its values. */
  readonly rowCostBytes?: number;
  /** @throws UnsupportedFeatureError when the parts depend on each other */
  readonly check?: () => void;
}

/** A write of a list that the host does in one transaction. */
export interface ListWrite<Row, Result> extends OneWrite {
  readonly rows: readonly Row[];
  /** Absent where it may not be split. */
  readonly split: Split | undefined;
  /** Writes rows in one transaction. */
  readonly write: (rows: readonly Row[]) => Promise<Result>;
}

/** The most parameters that a statement can have in PostgreSQL's protocol. */
const MAX_PARAMETERS = 65_535;

/**
 * Writes a list in one transaction, or in several where it is too much for one and may be split.
 *
 * @returns what was returned for each part, in the order of the list
 * @throws UnsupportedFeatureError before anything is sent, when more than a transaction may write is certain to be written,
 *   and it may not be split
 * @throws BatchesError when some parts were written and one was not
 */
export async function writeList<Row, Result>(list: ListWrite<Row, Result>): Promise<readonly Result[]> {
  const { rows, split, write, hasValues = true } = list;
  if (split === undefined) {
    expectOneTransaction(list);
    return [await write(rows)];
  }
  const isLarge = rows.length > split.batchSize || (hasValues && !fitInTransaction(rows, split.rowCostBytes));
  if (!isLarge) {
    try {
      return [await write(rows)];
    } catch (error) {
      if (rows.length < 2 || !isTooMuchAtOnce(error)) throw error;
    }
  }
  split.check?.();
  return writeParts(rows, split, write);
}

/**
 * Writes rows in several transactions, and in smaller ones when these turn out to be too large: what cascades on the
 * server bring with them, and how large rows are, only shows when they are written.
 *
 * @throws BatchesError when some rows were written and some were not
 */
export function writeParts<Row, Result>(
  rows: readonly Row[],
  { batchSize, concurrency, rowCostBytes }: Split,
  write: ListWrite<Row, Result>['write'],
): Promise<readonly Result[]> {
  const size = Math.max(1, Math.min(batchSize, Math.ceil(rows.length / 2)));
  return inBatches(rows, { batchSize: size, concurrency }, write, rowCostBytes);
}

/** The entities of a list that are certain to be written: of those with an id `save` may find nothing to write. */
export function certainRows(
  method: PersistMethod,
  entities: readonly unknown[],
  metadataOf: (entity: object) => EntityMetadata | undefined,
): readonly unknown[] {
  if (method !== 'save') return entities;
  const isNew = (entity: unknown) =>
    typeof entity === 'object' && entity !== null && metadataOf(entity)?.hasId(entity) === false;
  return entities.filter(isNew);
}

/**
 * Looks at a list of entities, and at what their cascades reach, before it is split.
 *
 * @param chunk - how many the caller wants in one transaction at most
 * @param concurrency - how many transactions may run at the same time where none has to wait for what another one brings
 */
export function splitOf(
  method: PersistMethod,
  entities: readonly unknown[],
  metadataOf: (entity: object) => EntityMetadata | undefined,
  {
    chunk = MAX_TRANSACTION_ROWS,
    concurrency,
  }: { readonly chunk?: number | undefined; readonly concurrency: number },
): Split {
  const reaches: Reach[] = [];
  const referred = new Set<object>();
  const kinds = new Set<EntityMetadata>();
  let mostRows = 1;
  for (const entity of entities) {
    const metadata = isObject(entity) ? metadataOf(entity) : undefined;
    if (!isObject(entity) || metadata === undefined) continue;
    kinds.add(metadata);
    if (metadata.findInheritanceMetadata(entity).relations.length === 0) continue;
    const reach: Reach = { reached: new Set([entity]), referred, joinRows: 0 };
    visit(method, entity, metadata, reach);
    reaches.push(reach);
    mostRows = Math.max(mostRows, reach.reached.size + reach.joinRows);
  }
  const all = [...kinds];
  const areIndependent = reaches.every(({ reached }) => reached.size === 1) && all.every(isUnordered);
  const fitting = Math.floor(MAX_TRANSACTION_ROWS / mostRows);
  const batchSize = Math.min(chunk, MAX_TRANSACTION_ROWS, fitting, ...all.map(rowsPerStatement));
  return {
    batchSize: Math.max(1, batchSize),
    concurrency: areIndependent ? concurrency : 1,
    rowCostBytes: Math.max(ROW_COST_BYTES, ...all.map(costOfRow)) * mostRows,
    check: () => {
      if (referred.size === 0) return;
      const written = new Set(
        [entities.filter(isObject), ...reaches.map(({ reached }) => [...reached])].flat(),
      );
      const isNew = (entity: object) => metadataOf(entity)?.hasId(entity) === false;
      expectNone([...referred].find((entity) => written.has(entity) && isNew(entity)));
    },
  };
}

/** @throws UnsupportedFeatureError when a new entity is referred to that may be written in another transaction */
function expectNone(entity: object | undefined): void {
  if (entity === undefined) return;
  throw new UnsupportedFeatureError(
    'a write of so many entities that refer to each other',
    `They are written in several transactions, and some refer to a new ${entity.constructor.name} of another one, for which TypeORM would write NULL. Save those first.`,
  );
}

/** What a write of one entity touches. */
interface Reach {
  /** The entity, and what its cascades reach. */
  readonly reached: Set<object>;
  /** What it refers to without a cascade. */
  readonly referred: Set<object>;
  /** Rows of the tables between two sides of a many-to-many relation. */
  joinRows: number;
}

function visit(method: PersistMethod, entity: object, metadata: EntityMetadata, reach: Reach): void {
  for (const relation of metadata.findInheritanceMetadata(entity).relations) {
    for (const related of relatedBy(relation, entity)) {
      if (relation.isManyToMany) reach.joinRows++;
      if (!isCascade(method, relation)) reach.referred.add(related);
      else if (!reach.reached.has(related)) {
        reach.reached.add(related);
        visit(method, related, relation.inverseEntityMetadata, reach);
      }
    }
  }
}

/** What has been loaded or set; a lazy relation is not loaded for it. */
function relatedBy(relation: Relation, entity: object): readonly object[] {
  const name = relation.isLazy ? `__${relation.propertyName}__` : relation.propertyName;
  const owner = relation.embeddedMetadata?.propertyPath
    .split('.')
    .reduce<unknown>((value, key) => (isObject(value) ? Reflect.get(value, key) : undefined), entity);
  const holder = relation.embeddedMetadata === undefined ? entity : owner;
  const value: unknown = isObject(holder) ? Object.getOwnPropertyDescriptor(holder, name)?.value : undefined;
  return (Array.isArray(value) ? (value as unknown[]) : [value]).filter(isObject);
}

function isCascade(method: PersistMethod, relation: Relation): boolean {
  if (method === 'save') return relation.isCascadeInsert || relation.isCascadeUpdate;
  if (method === 'remove') return relation.isCascadeRemove;
  return method === 'softRemove' ? relation.isCascadeSoftRemove : relation.isCascadeRecover;
}

/** Whether the database gives out no numbers, which are in the order of the list where it is written in that order. */
export function isUnordered({ generatedColumns }: EntityMetadata): boolean {
  return generatedColumns.every(
    ({ generationStrategy }) => generationStrategy === 'uuid' || generationStrategy === 'rowid',
  );
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** What a row of an entity takes in a transaction besides its values: the row itself, and an entry in each index. */
export function costOfRow({ indices, uniques }: EntityMetadata): number {
  const indexes = indices.filter(({ synchronize }) => synchronize).length + uniques.length;
  return ROW_COST_BYTES + indexes * INDEX_ENTRY_COST_BYTES;
}

/** How many rows a statement can insert. */
export function rowsPerStatement(metadata: EntityMetadata): number {
  return Math.max(1, Math.min(MAX_TRANSACTION_ROWS, Math.floor(MAX_PARAMETERS / metadata.columns.length)));
}

/** One result of several. */
export function joinInsertResults(results: readonly InsertResult[]): InsertResult {
  const [only] = results;
  if (only !== undefined && results.length === 1) return only;
  const joined = new InsertResult();
  joined.identifiers = results.flatMap(({ identifiers }) => identifiers);
  joined.generatedMaps = results.flatMap(({ generatedMaps }) => generatedMaps);
  joined.raw = results.flatMap(({ raw }) => raw as unknown);
  return joined;
}

/** Half of the connections of a data source: what runs inside a transaction may need another one. */
export function connectionsFor(dataSource: DataSource): number {
  const { poolSize, extra } = dataSource.options as { poolSize?: number; extra?: { max?: number } };
  return Math.max(1, Math.floor((extra?.max ?? poolSize ?? 10) / 2));
}

/** The metadata of what the caller hands over. */
export function metadataIn(
  dataSource: DataSource,
  target: EntityTarget<ObjectLiteral> | undefined,
): (entity: object) => EntityMetadata | undefined {
  const metadataOf = (named: EntityTarget<ObjectLiteral>) =>
    dataSource.hasMetadata(named) ? dataSource.getMetadata(named) : undefined;
  if (target === undefined) return (entity) => metadataOf(entity.constructor);
  const metadata = metadataOf(target);
  return () => metadata;
}
