import { randomUUID } from 'node:crypto';
import type { Subject } from 'typeorm/persistence/Subject.js';
import { SubjectExecutor } from 'typeorm/persistence/SubjectExecutor.js';
import type { RememberingBroadcaster } from '../transactions/remembering-broadcaster';

/**
 * TypeORM's executor of what a save has to do, which knows of each of its statements whether another one follows.
 *
 * TypeORM writes in phases: it inserts, updates, removes, soft-removes and recovers. What a phase consists of is known when
 * it begins; whether a later one has something to do is known when the last statement of a phase is made. Trees take more
 * statements, so of their last one it is not known that it is.
 */
export class CountedSubjects extends SubjectExecutor {
  #statementsLeft = 0;
  #hasLaterPhase = (): boolean => true;

  /**
   * Whether the statement that is about to be sent is the last one; it is asked once for each.
   *
   * Where the database gives a key to a row, it is never so: the keys are to be known before COMMIT is sent, because an
   * entity is found by its key when the answer is lost.
   */
  isAtLastStatement(): boolean {
    this.#statementsLeft--;
    if (this.#statementsLeft !== 0 || this.#hasLaterPhase()) return false;
    return this.insertSubjects.every(hasKey) && !this.#has(({ metadata }) => metadata.treeType !== undefined);
  }

  /** Whether anybody is told of what is written, or of what is sent, before COMMIT. */
  isWatchedBy(broadcaster: RememberingBroadcaster): boolean {
    return this.#has(({ metadata }) => broadcaster.tellsBeforeCommitOf(metadata));
  }

  protected override executeInsertOperations(): Promise<void> {
    for (const subject of this.insertSubjects) giveUuids(subject);
    const [, names] = this.groupBulkSubjects(this.insertSubjects, 'insert');
    this.#beginPhase(names.length, () => this.#hasUpdates() || this.#hasRemovals());
    return super.executeInsertOperations();
  }

  protected override executeUpdateOperations(): Promise<void> {
    this.#beginPhase(this.updateSubjects.length, () => this.#hasRemovals());
    return super.executeUpdateOperations();
  }

  protected override executeRemoveOperations(): Promise<void> {
    const [, names] = this.groupBulkSubjects(this.removeSubjects, 'delete');
    this.#beginPhase(names.length, () => this.#hasSoftRemovals());
    return super.executeRemoveOperations();
  }

  protected override executeSoftRemoveOperations(): Promise<void> {
    this.#beginPhase(this.softRemoveSubjects.length, () => this.#has(({ canBeRecovered }) => canBeRecovered));
    return super.executeSoftRemoveOperations();
  }

  protected override executeRecoverOperations(): Promise<void> {
    this.#beginPhase(this.recoverSubjects.length, () => false);
    return super.executeRecoverOperations();
  }

  #beginPhase(statements: number, hasLaterPhase: () => boolean): void {
    this.#statementsLeft = statements;
    this.#hasLaterPhase = hasLaterPhase;
  }

  /** What an INSERT could not set yet, because the row that it refers to was not there, is left in the change maps. */
  #hasUpdates(): boolean {
    return this.#has(({ canBeUpdated, changeMaps }) => canBeUpdated && changeMaps.length > 0);
  }

  #hasRemovals(): boolean {
    return this.removeSubjects.length > 0 || this.#hasSoftRemovals();
  }

  #hasSoftRemovals(): boolean {
    return this.#has(({ canBeSoftRemoved, canBeRecovered }) => canBeSoftRemoved || canBeRecovered);
  }

  #has(matches: (subject: Subject) => boolean): boolean {
    return this.allSubjects.some(matches);
  }
}

/** Gives a row that is to be inserted the keys that TypeORM leaves to the database: they are known then before it is sent. */
function giveUuids({ entity, metadata, changeMaps }: Subject): void {
  if (entity === undefined) return;
  for (const column of metadata.primaryColumns) {
    const isUuid = column.isGenerated && column.generationStrategy === 'uuid';
    if (!isUuid || !isAbsent(column.getEntityValue(entity))) continue;
    const value = randomUUID();
    column.setEntityValue(entity, value);
    changeMaps.push({ column, value });
  }
}

/** Rows of a join table have no entity: their key is what they refer to. */
function hasKey({ entity, metadata }: Subject): boolean {
  return (
    entity === undefined ||
    metadata.primaryColumns.every((column) => !isAbsent(column.getEntityValue(entity)))
  );
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}
