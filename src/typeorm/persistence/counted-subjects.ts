import { randomUUID } from 'node:crypto';
import type { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata.js';
import type { Subject } from 'typeorm/persistence/Subject.js';
import { SubjectExecutor } from 'typeorm/persistence/SubjectExecutor.js';
import type { RememberingBroadcaster } from '../transactions/remembering-broadcaster';
import type { TransactionScope } from '../transactions/transaction-scope';
import { isAbsent, PipelinedStatements } from './pipelined-statements';

/** What TypeORM calls the lists of what its phases write. */
type Phase =
  'insertSubjects' | 'updateSubjects' | 'removeSubjects' | 'softRemoveSubjects' | 'recoverSubjects';

/**
 * TypeORM's executor of what a save has to do, which knows of each of its statements whether another one follows.
 *
 * TypeORM writes in phases: it inserts, updates, removes, soft-removes and recovers. What a phase consists of is known when
 * it begins; whether a later one has something to do is known when the last statement of a phase is made. Trees take more
 * statements, so of their last one it is not known that it is.
 *
 * Where it is pipelined, each phase is begun for one statement after the other, and none waits for an answer that it does
 * not need: rows refer to new ones by keys that are known before they are inserted. What the host makes of the answers it
 * makes when they come, at the latest at the end of the last phase.
 */
export class CountedSubjects extends SubjectExecutor {
  #statementsLeft = 0;
  #hasLaterPhase = (): boolean => true;
  #pipelined: PipelinedStatements | undefined;
  #keysGiven: (() => void)[] = [];

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

  /** Whether it may take several statements. */
  get mayTakeSeveral(): boolean {
    return this.allSubjects.length > 1;
  }

  /**
   * Lets its statements travel together, but for those of trees. Nobody may be told of one before the next is sent.
   *
   * @param scope - of the transaction that they are sent in
   */
  pipelineIn(scope: TransactionScope): void {
    const isTree = this.#has(({ metadata }) => metadata.treeType !== undefined);
    if (!isTree) this.#pipelined = new PipelinedStatements(scope);
  }

  /** Takes the keys back that were given: the host leaves none in the entities of a save that has failed. */
  takeKeysBack(): void {
    for (const takeBack of this.#keysGiven.splice(0)) takeBack();
  }

  override async execute(): Promise<void> {
    try {
      await super.execute();
    } catch (error) {
      await this.#pipelined?.abandon(error);
      throw error;
    }
  }

  /**
   * Each row is given its keys when it is about to be inserted: to one whose turn comes later an INSERT must not refer, since
   * a foreign key would refuse that, and the host sets the reference by an UPDATE where there is no key yet.
   */
  protected override async executeInsertOperations(): Promise<void> {
    const [groups, names] = this.groupBulkSubjects(this.insertSubjects, 'insert');
    const parts = names.flatMap((name) => statementsOf(groups[name] ?? []));
    this.#beginPhase(parts.length, () => this.#hasUpdates() || this.#hasRemovals());
    for (const part of parts) {
      for (const subject of part) this.#keysGiven.push(...giveUuids(subject));
      const begin = () => this.#executePart('insertSubjects', part, () => super.executeInsertOperations());
      await (this.#pipelined === undefined ? begin() : this.#pipelined.start(part, begin));
    }
    // What is left to update is found by a key that the answer tells.
    if (this.insertSubjects.some(({ changeMaps }) => changeMaps.length > 0)) await this.#pipelined?.settle();
  }

  protected override executeUpdateOperations(): Promise<void> {
    this.#beginPhase(this.updateSubjects.length, () => this.#hasRemovals());
    return this.#execute('updateSubjects', each(this.updateSubjects), () => super.executeUpdateOperations());
  }

  protected override executeRemoveOperations(): Promise<void> {
    const [groups, names] = this.groupBulkSubjects(this.removeSubjects, 'delete');
    this.#beginPhase(names.length, () => this.#hasSoftRemovals());
    const parts = names.map((name) => groups[name] ?? []);
    return this.#execute('removeSubjects', parts, () => super.executeRemoveOperations());
  }

  protected override executeSoftRemoveOperations(): Promise<void> {
    this.#beginPhase(this.softRemoveSubjects.length, () => this.#has(({ canBeRecovered }) => canBeRecovered));
    const parts = each(this.softRemoveSubjects);
    return this.#execute('softRemoveSubjects', parts, () => super.executeSoftRemoveOperations());
  }

  protected override async executeRecoverOperations(): Promise<void> {
    this.#beginPhase(this.recoverSubjects.length, () => false);
    const parts = each(this.recoverSubjects);
    await this.#execute('recoverSubjects', parts, () => super.executeRecoverOperations());
    await this.#pipelined?.settle();
  }

  /**
   * Runs a phase of the host's.
   *
   * @param parts - what is written by one statement each
   * @param execute - writes what is in the list of the phase, which it reads before it waits for anything
   */
  async #execute(phase: Phase, parts: readonly Subject[][], execute: () => Promise<void>): Promise<void> {
    if (this.#pipelined === undefined) return execute();
    for (const part of parts) {
      await this.#pipelined.start(part, () => this.#executePart(phase, part, execute));
    }
  }

  #executePart(phase: Phase, part: Subject[], execute: () => Promise<void>): Promise<void> {
    const all = this[phase];
    this[phase] = part;
    const work = execute();
    this[phase] = all;
    return work;
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

/**
 * Gives a row that is to be inserted the keys that TypeORM leaves to the database: they are known then before it is sent.
 *
 * @returns how to take them back
 */
function giveUuids(subject: Subject): (() => void)[] {
  return missingUuids(subject).map((column) => {
    const { entity = {}, changeMaps } = subject;
    const value = randomUUID();
    column.setEntityValue(entity, value);
    changeMaps.push({ column, value });
    return () => {
      column.setEntityValue(entity, undefined);
    };
  });
}

/** What the entity has may be of another row: the host inserts it once for each time that it finds it in chunks or a list. */
function missingUuids({ entity, metadata, changeMaps }: Subject): ColumnMetadata[] {
  if (entity === undefined) return [];
  const isUuid = (column: ColumnMetadata) => column.isGenerated && column.generationStrategy === 'uuid';
  return metadata.primaryColumns.filter(
    (column) => isUuid(column) && !changeMaps.some((change) => change.column === column),
  );
}

/** Rows of a join table have no entity: their key is what they refer to. */
function hasKey({ entity, metadata }: Subject): boolean {
  return (
    entity === undefined ||
    metadata.primaryColumns.every((column) => !isAbsent(column.getEntityValue(entity)))
  );
}

/** One list for each. */
function each(subjects: readonly Subject[]): Subject[][] {
  return subjects.map((subject) => [subject]);
}

/**
 * The rows of one table, as the host inserts them: all at once, and each by itself that has nothing but defaults. Those of a
 * tree are inserted one by one.
 */
function statementsOf(subjects: readonly Subject[]): Subject[][] {
  if (subjects.some(({ metadata }) => metadata.treeType !== undefined)) return each(subjects);
  const hasValues = (subject: Subject) => subject.changeMaps.length > 0 || missingUuids(subject).length > 0;
  const together = subjects.filter(hasValues);
  const alone = each(subjects.filter((subject) => !hasValues(subject)));
  return together.length > 0 ? [together, ...alone] : alone;
}
