import { AfterCommitError, classifyError } from 'aurora-dsql-orm';

/** What a caller was told of a write. */
export type Told = 'done' | 'failed' | 'unknown';

/** The writes of one attempt of a transaction. */
export interface Attempt {
  /** Those whose statement was reported as done. */
  readonly written: number[];
  /** Those whose statement failed, or has not ended. */
  readonly unwritten: Set<number>;
  /** Those that were carried out, but reported as an error. */
  readonly unread: number[];
  /** Work that had joined the transaction has failed, so it must not be committed. */
  mustFail: boolean;
}

/** All writes, each with an id of its own, and what was told of them. */
export class Journal {
  readonly told = new Map<number, Told>();
  readonly #look: (ids: readonly number[]) => Promise<ReadonlySet<number>>;
  readonly violations: string[] = [];
  #lastId = 0;

  /** @param look - reads by another connection which of these rows are there */
  constructor(look: (ids: readonly number[]) => Promise<ReadonlySet<number>>) {
    this.#look = look;
  }

  newId(): number {
    return ++this.#lastId;
  }

  get lastId(): number {
    return this.#lastId;
  }

  attempt(): Attempt {
    return { written: [], unwritten: new Set(), unread: [], mustFail: false };
  }

  /** What is done has to be seen by another connection at once. */
  async report(ids: Iterable<number>, told: Told, what: string): Promise<void> {
    const all = [...ids];
    for (const id of all) this.told.set(id, told);
    if (told === 'unknown' || all.length === 0) return;
    const there = await this.#look(all);
    for (const id of all) {
      if (told === 'done' && !there.has(id))
        this.violations.push(`lost: ${id}, done by ${what}, is not there`);
      if (told === 'failed' && there.has(id))
        this.violations.push(`ghost: ${id}, failed by ${what}, is there`);
    }
  }

  /** What became of a transaction whose last attempt has ended with `error`, or well. */
  async settle(attempts: readonly Attempt[], outcome: Told, what: string): Promise<void> {
    const earlier = attempts.slice(0, -1);
    await this.report(
      earlier.flatMap(({ written, unwritten, unread }) => [...written, ...unwritten, ...unread]),
      'failed',
      `an earlier attempt of ${what}`,
    );
    const last = attempts.at(-1);
    if (last === undefined) return;
    if (outcome === 'done' && last.mustFail) this.violations.push(`committed without inner work: ${what}`);
    await this.report(last.written, outcome, what);
    await this.report(last.unread, outcome === 'done' ? 'unknown' : outcome, what);
    await this.report(last.unwritten, outcome === 'done' ? 'failed' : outcome, what);
  }

  throwIfViolated(): void {
    if (this.violations.length > 0) throw new Error(this.violations.join('\n'));
  }

  /** Compares everything that was told with the table. */
  async compare(ids: readonly number[]): Promise<void> {
    const there = await this.#look(ids);
    for (const id of ids) {
      const told = this.told.get(id);
      if (told === undefined) this.violations.push(`nothing was told of ${id}`);
      if (told === 'done' && !there.has(id)) this.violations.push(`lost: ${id} is not there at the end`);
      if (told === 'failed' && there.has(id)) this.violations.push(`ghost: ${id} is there at the end`);
    }
  }
}

/** What an error tells of the writes. */
export function toldBy(error: unknown): Told {
  if (isAfterCommit(error)) return 'done';
  return classifyError(error).kind === 'outcome-unknown' ? 'unknown' : 'failed';
}

function isAfterCommit(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause) {
    if (each instanceof AfterCommitError) return true;
  }
  return false;
}
