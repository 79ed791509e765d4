import { MigrationChangedError } from '../errors';
import { labelOf, type RecordedStatement } from './recorded-statement';

/** A call of a migration's code, as an earlier run has journalled it. */
export interface RecordedCall {
  readonly position: number;
  /** By their steps. */
  readonly statements: readonly RecordedStatement[];
}

/** A call that the code makes now. */
export interface CurrentCall {
  readonly position: number;
  readonly hash: string;
  readonly text: string;
  readonly onlyReads: boolean;
  readonly isInTransaction: boolean;
}

/** Finds what an earlier run of a migration has journalled of the calls that its code makes. */
export class Replay {
  readonly #migration: string;
  readonly #calls = new Map<number, RecordedStatement[]>();
  /** Those that were given out. */
  readonly #taken = new Map<number, RecordedStatement[]>();
  readonly #lastPosition: number;

  constructor(migration: string, statements: readonly RecordedStatement[]) {
    this.#migration = migration;
    for (const statement of [...statements].sort((a, b) => a.step - b.step)) {
      const call = this.#calls.get(statement.position) ?? [];
      this.#calls.set(statement.position, [...call, statement]);
    }
    this.#lastPosition = Math.max(0, ...this.#calls.keys());
  }

  /**
   * What is known of a call. Each is given out once, unless the code goes back.
   *
   * @returns nothing for one that was not done, and is to be carried out
   * @throws MigrationChangedError for another one than was done at this place
   */
  take(call: CurrentCall): RecordedCall | undefined {
    const { position, hash } = call;
    const here = this.#calls.get(position);
    const isSame = here?.[0]?.hash === hash;
    // What is asked for at the same time may come in another order.
    const place = isSame || call.isInTransaction ? position : (this.#placeOf(hash) ?? position);
    const statements = this.#calls.get(place);
    if (statements?.[0]?.hash === hash) {
      this.#calls.delete(place);
      this.#taken.set(place, statements);
      // Behind it may be what is left of a longer one that had failed and was corrected.
      return { position: place, statements: statements.filter((each) => each.hash === hash) };
    }
    if (here === undefined) {
      // What a transaction sends that is rolled back, or what nobody waited for, leaves nothing.
      if (position > this.#lastPosition || call.isInTransaction || call.onlyReads) return undefined;
      throw this.#changed(call, 'It had not been sent there before, and statements behind it have been.');
    }
    // One that has failed may be corrected.
    if (here.some(({ state }) => state === 'done' || state === 'started')) {
      throw this.#changed(call, differenceOf(here[0], call));
    }
    this.#calls.delete(position);
    return undefined;
  }

  /** The code goes back to a position, and makes the calls behind it again. */
  rewind(position: number): void {
    for (const [place, statements] of this.#taken) if (place > position) this.#calls.set(place, statements);
  }

  /**
   * All calls were made.
   *
   * @throws MigrationChangedError when one that was done was not among them
   */
  expectComplete(): void {
    for (const [position, [first]] of this.#calls) {
      if (first === undefined || first.kind === 'read' || first.state === 'failed') continue;
      if (first.state === 'planned') continue;
      throw new MigrationChangedError(
        this.#migration,
        position,
        `It no longer sends what had been sent there: ${first.sql}`,
      );
    }
  }

  #placeOf(hash: string): number | undefined {
    for (const [position, [first]] of this.#calls) if (first?.hash === hash) return position;
    return undefined;
  }

  #changed({ position, text }: CurrentCall, difference: string): MigrationChangedError {
    return new MigrationChangedError(this.#migration, position, `${difference} It is: ${labelOf(text)}.`);
  }
}

function differenceOf(was: RecordedStatement | undefined, { text }: CurrentCall): string {
  if (was === undefined) return '';
  return was.sql === labelOf(text)
    ? 'Its text is the same, but its parameters are not.'
    : `It had been: ${was.sql}.`;
}
