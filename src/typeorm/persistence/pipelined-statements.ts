import type { ObjectLiteral } from 'typeorm';
import type { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata.js';
import type { Subject } from 'typeorm/persistence/Subject.js';
import { InstanceChecker } from 'typeorm/util/InstanceChecker.js';
import { isSkippedStatementError, Pipeline } from '../../connection';
import { findInChain } from '../../occ';
import type { TransactionScope } from '../transactions/transaction-scope';

/** More of them would only fill the memory: the answers to so many take longer than a round trip. */
const MAX_STATEMENTS = 100;

/**
 * The statements of one save that are on their way together: the host begins the next one while it waits for the answers to
 * those before.
 */
export class PipelinedStatements {
  readonly #scope: TransactionScope;
  readonly #pipeline = new Pipeline();
  #works: Promise<void>[] = [];
  /** Whose INSERT was not answered, and what that writes. */
  readonly #unanswered = new Map<Subject, Subject['changeMaps']>();

  /** @param scope - of the transaction that they are sent in */
  constructor(scope: TransactionScope) {
    this.#scope = scope;
  }

  /**
   * Begins what sends one statement, and waits until that is in the pipeline, or for the answers where one of them is needed
   * for it.
   *
   * @param subjects - what it writes
   * @param begin - ends when the statement was answered
   * @throws what an earlier one has failed with, and what kept this one from being sent
   */
  async start(subjects: readonly Subject[], begin: () => Promise<void>): Promise<void> {
    const isWaiting = this.#pipeline.size < MAX_STATEMENTS;
    if (!isWaiting || subjects.some((subject) => this.#refersToUnknown(subject))) await this.settle();
    this.#scope.expectOpen();
    for (const subject of subjects) {
      if (subject.mustBeInserted) this.#unanswered.set(subject, [...subject.changeMaps]);
    }
    const joined = this.#pipeline.whenJoined();
    const work = this.#scope.sendThrough(this.#pipeline, begin);
    this.#works.push(work);
    await Promise.race([joined, work]);
  }

  /**
   * Sends what waits, and takes the answers in.
   *
   * @throws what one of them has failed with
   */
  async settle(): Promise<void> {
    this.#scope.expectOpen();
    this.#pipeline.send();
    const settled = await Promise.allSettled(this.#works.splice(0));
    this.#unanswered.clear();
    const errors = settled.flatMap((result) =>
      result.status === 'rejected' ? [result.reason as unknown] : [],
    );
    if (errors.length === 0) return;
    throw errors.find((error) => findInChain(error, isSkippedStatementError) === undefined) ?? errors[0];
  }

  /**
   * Nothing more is sent: not what waits either.
   *
   * @param error - why
   */
  async abandon(error: unknown): Promise<void> {
    this.#pipeline.discard(error);
    await Promise.allSettled(this.#works.splice(0));
  }

  /** Whether it refers to a row by a value that only the answer to its INSERT tells. */
  #refersToUnknown({ changeMaps }: Subject): boolean {
    return changeMaps.some(({ column, relation, value }) => {
      const written = InstanceChecker.isSubject(value) ? this.#unanswered.get(value) : undefined;
      if (written === undefined) return false;
      const { entity } = value as Subject;
      const owner = relation?.isOwning === false ? relation.inverseRelation : relation;
      const referring = column === undefined ? (owner?.joinColumns ?? []) : [column];
      return (
        entity === undefined ||
        referring.length === 0 ||
        referring.some(({ referencedColumn }) => !writes(written, referencedColumn, entity))
      );
    });
  }
}

/** Whether an INSERT writes what the host finds in the entity until it is answered. */
function writes(
  written: Subject['changeMaps'],
  column: ColumnMetadata | undefined,
  entity: ObjectLiteral,
): boolean {
  const change = written.find((each) => each.column === column);
  if (column === undefined || change === undefined || isAbsent(change.value)) return false;
  // An expression has its value when the database has.
  return typeof change.value !== 'function' && change.value === column.getEntityValue(entity);
}

/** Whether a row has no value for a column yet, or none that is known. */
export function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}
