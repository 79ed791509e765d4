import type { DataSource, EntityManager, EntityMetadata, EntityTarget, ObjectLiteral } from 'typeorm';
import { isTooMuchAtOnce } from '../../occ';
import { MAX_TRANSACTION_ROWS } from '../../sql';
import { writeParts } from './large-writes';
import { dataSourceOf } from '../transactions/transactions';

type Target = EntityTarget<ObjectLiteral>;

/** The host asks for each key of several columns with a condition of its own, which the server plans one by one. */
const MAX_COMPOSITE_KEYS = 300;

/** What the host's query builders have in common. */
interface MatchingConditions {
  where(criteria: ObjectLiteral): this;
  whereInIds(ids: unknown): this;
}

/** And those of writes. */
export interface MatchingBuilder<Result> extends MatchingConditions {
  andWhereInIds(ids: unknown): this;
  execute(): Promise<Result>;
}

/** A write to the rows that match something. */
export interface MatchingWrite<Result> {
  readonly target: Target;
  /** What the host takes as criteria; nothing for all rows. */
  readonly criteria: unknown;
  /** How many transactions may run at the same time; nothing where it may not be split. */
  readonly concurrency: number | undefined;
  /** What the host does: one statement. */
  readonly host: () => Promise<Result>;
  /** The same statement without its criteria. */
  readonly build: () => MatchingBuilder<Result>;
}

/** What a write of the host's answers. */
interface WriteResult {
  raw: unknown;
  affected?: number | null | undefined;
}

/**
 * Writes to the rows that match, in one statement; in several, by their keys, when they turn out to be too many for a
 * transaction and it may be split. A row that no longer matches when its turn comes is left alone.
 *
 * @throws BatchesError when some rows were written and some were not
 */
export async function writeMatching<Result extends WriteResult>(
  manager: EntityManager,
  { target, criteria, concurrency, host, build }: MatchingWrite<Result>,
): Promise<Result> {
  try {
    return await host();
  } catch (error) {
    if (concurrency === undefined || !isTooMuchAtOnce(error)) throw error;
    const metadata = dataSourceOf(manager).getMetadata(target);
    const ids = await idsOf(manager, metadata, criteria);
    // Somebody else was there first.
    if (ids.length === 0) return host();
    const hasOneColumn = metadata.primaryColumns.length === 1;
    const split = { batchSize: hasOneColumn ? MAX_TRANSACTION_ROWS : MAX_COMPOSITE_KEYS, concurrency };
    const results = await writeParts(ids, split, (batch) => {
      const builder = build();
      return criteria === undefined
        ? builder.whereInIds(batch).execute()
        : matching(builder, criteria).andWhereInIds(batch).execute();
    });
    return joined(results);
  }
}

/** The host tells ids from conditions like this. */
function matching<Builder extends MatchingConditions>(builder: Builder, criteria: unknown): Builder {
  const list: unknown[] = Array.isArray(criteria) ? criteria : [criteria];
  const areIds = list.every((item) => typeof item !== 'object' || item instanceof Date);
  if (areIds) builder.whereInIds(criteria);
  else builder.where(criteria as ObjectLiteral);
  return builder;
}

async function idsOf(
  manager: EntityManager,
  metadata: EntityMetadata,
  criteria: unknown,
): Promise<readonly ObjectLiteral[]> {
  const dataSource: DataSource = dataSourceOf(manager);
  // Not from a replica.
  const queryRunner = manager.queryRunner ?? dataSource.createQueryRunner('master');
  try {
    const builder = dataSource
      .createQueryBuilder(metadata.target, 'row', queryRunner)
      .withDeleted()
      .select([]);
    metadata.primaryColumns.forEach((column, index) => {
      builder.addSelect(`row.${column.propertyPath}`, `key${index}`);
    });
    const rows = await (
      criteria === undefined ? builder : matching(builder, criteria)
    ).getRawMany<ObjectLiteral>();
    return rows.map((row) =>
      metadata.primaryColumns.reduce<ObjectLiteral>((id, column, index) => {
        const value: unknown = dataSource.driver.prepareHydratedValue(row[`key${index}`], column);
        column.setEntityValue(id, value);
        return id;
      }, {}),
    );
  } finally {
    if (queryRunner !== manager.queryRunner) await queryRunner.release();
  }
}

function joined<Result extends WriteResult>(results: readonly Result[]): Result {
  const [first, ...others] = results;
  if (first === undefined) throw new Error('A write in parts has at least one part.');
  for (const { raw, affected } of others) {
    if (Array.isArray(first.raw) && Array.isArray(raw)) first.raw.push(...(raw as unknown[]));
    first.affected = (first.affected ?? 0) + (affected ?? 0);
  }
  return first;
}
