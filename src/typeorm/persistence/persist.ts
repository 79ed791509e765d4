import type { EntityTarget, ObjectLiteral, RemoveOptions, SaveOptions } from 'typeorm';
import { CannotDetermineEntityError } from 'typeorm/error/CannotDetermineEntityError.js';
import { SubjectDatabaseEntityLoader } from 'typeorm/persistence/SubjectDatabaseEntityLoader.js';
import { CascadesSubjectBuilder } from 'typeorm/persistence/subject-builder/CascadesSubjectBuilder.js';
import { ManyToManySubjectBuilder } from 'typeorm/persistence/subject-builder/ManyToManySubjectBuilder.js';
import { OneToManySubjectBuilder } from 'typeorm/persistence/subject-builder/OneToManySubjectBuilder.js';
import { OneToOneInverseSideSubjectBuilder } from 'typeorm/persistence/subject-builder/OneToOneInverseSideSubjectBuilder.js';
import type { DsqlQueryRunner } from '../dsql-query-runner';
import type { TransactionScope } from '../transactions/transaction-scope';
import { dataSourceOf } from '../transactions/transactions';
import { CountedSubjects } from './counted-subjects';
import { DsqlSubject } from './dsql-subject';

/** What TypeORM calls the methods of an entity manager that write entities. */
const modes = { save: 'save', remove: 'remove', softRemove: 'soft-remove', recover: 'recover' } as const;

/** A call of `save`, `remove`, `softRemove` or `recover`. */
export interface PersistCall {
  readonly method: keyof typeof modes;
  readonly target: EntityTarget<ObjectLiteral> | undefined;
  /** A list of entities, or one. */
  readonly entities: object;
  readonly options: (SaveOptions & RemoveOptions) | undefined;
}

/**
 * Writes entities as TypeORM's `EntityPersistExecutor` does, in a transaction of their own or in the one that is open. But
 * statements that do not need each other's answers travel together, and in a transaction of their own COMMIT with the last
 * one, unless somebody is told of them before COMMIT and might add to them.
 *
 * @param queryRunner - nobody else uses it, unless its transaction is open
 * @param scope - its transaction
 */
export async function persist(
  call: PersistCall,
  queryRunner: DsqlQueryRunner,
  scope: TransactionScope,
): Promise<void> {
  const { entities, options } = call;
  // By the time the entities are loaded it may have ended.
  const joins = queryRunner.isTransactionActive;
  const dataBefore = queryRunner.data;
  if (options?.data) queryRunner.data = options.data as ObjectLiteral;
  try {
    const list: readonly object[] = Array.isArray(entities) ? entities : [entities];
    const parts: CountedSubjects[] = [];
    for (const part of partsOf(list, options?.chunk)) parts.push(await subjectsOf(part, call, queryRunner));
    const toDo = parts.filter(({ hasExecutableOperations }) => hasExecutableOperations);
    if (toDo.length === 0) return;
    const isWatched = toDo.some((part) => part.isWatchedBy(queryRunner.broadcaster));
    // In a transaction of others a statement must not come behind its end. The steps of a migration take turns.
    const mayBePipelined = (part: CountedSubjects) =>
      !isWatched && !queryRunner.isMigrating && (joins || part.mayTakeSeveral);
    for (const part of toDo.filter(mayBePipelined)) part.pipelineIn(scope);
    if (joins) await join(toDo, scope);
    else
      await transact(toDo, queryRunner, scope, isWatched || scope.endsWithMarker ? undefined : toDo.at(-1));
  } finally {
    queryRunner.data = dataBefore;
  }
}

/** Writes in the transaction that is open, whose callback may catch the error and go on. */
async function join(parts: readonly CountedSubjects[], scope: TransactionScope): Promise<void> {
  for (const part of parts) {
    scope.expectOpen();
    try {
      await part.execute();
    } catch (error) {
      part.takeKeysBack();
      throw error;
    }
  }
}

/** @param last - COMMIT travels with the last statement of it */
async function transact(
  parts: readonly CountedSubjects[],
  queryRunner: DsqlQueryRunner,
  scope: TransactionScope,
  last: CountedSubjects | undefined,
): Promise<void> {
  await queryRunner.startTransaction();
  try {
    for (const part of parts) {
      if (part === last) scope.endsWhen(() => part.isAtLastStatement());
      await part.execute();
    }
    await queryRunner.commitTransaction();
  } catch (error) {
    // Where COMMIT has travelled, what failed came after it; the first error is the one to report.
    const isOpen = !scope.isCommitted || !queryRunner.isTransactionActive;
    await (isOpen ? queryRunner.rollbackTransaction() : queryRunner.commitTransaction()).catch(
      () => undefined,
    );
    throw error;
  }
}

function partsOf(entities: readonly object[], chunk = 0): readonly (readonly object[])[] {
  if (chunk <= 0) return [entities];
  const count = Math.ceil(entities.length / chunk);
  return Array.from({ length: count }, (_, index) => entities.slice(index * chunk, (index + 1) * chunk));
}

async function subjectsOf(
  entities: readonly object[],
  { method, target, options }: PersistCall,
  queryRunner: DsqlQueryRunner,
): Promise<CountedSubjects> {
  const mode = modes[method];
  const dataSource = dataSourceOf(queryRunner);
  const subjects = entities.map((entity) => {
    const entityTarget = target ?? entity.constructor;
    if (entityTarget === Object) throw new CannotDetermineEntityError(mode);
    return new DsqlSubject({
      metadata: dataSource.getMetadata(entityTarget).findInheritanceMetadata(entity),
      entity,
      canBeInserted: mode === 'save',
      canBeUpdated: mode === 'save',
      mustBeRemoved: mode === 'remove',
      canBeSoftRemoved: mode === 'soft-remove',
      canBeRecovered: mode === 'recover',
    });
  });
  const cascades = new CascadesSubjectBuilder(subjects);
  for (const subject of [...subjects]) cascades.build(subject, mode);
  await new SubjectDatabaseEntityLoader(queryRunner, subjects).load(mode);
  if (mode === 'remove') {
    const junctions = new ManyToManySubjectBuilder(subjects);
    for (const subject of [...subjects]) if (subject.mustBeRemoved) junctions.buildForAllRemoval(subject);
  } else {
    new OneToManySubjectBuilder(subjects).build();
    new OneToOneInverseSideSubjectBuilder(subjects).build();
    new ManyToManySubjectBuilder(subjects).build();
  }
  return new CountedSubjects(queryRunner, subjects, options);
}
