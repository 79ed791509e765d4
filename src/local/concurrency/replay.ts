import { BackendError } from '../session/backend-link';
import type { BackendLink } from '../session/backend-link';
import type { Concurrency } from './concurrency';
import { effectsOf } from './effects';
import { restoreGeneratedKeys } from './generated-keys';
import type { Judge } from './judge';
import { rerun, sameAnswer } from './logged-statement';
import type { LoggedStatement } from './logged-statement';
import type { OpenTransaction } from './open-transaction';

/** What stands for an SQLSTATE when a statement that is executed again is answered otherwise. */
export const DIFFERENT = 'different';

/** Executes what transactions of one session have done again. */
export class Replay {
  readonly #concurrency: Concurrency;
  readonly #link: BackendLink;
  readonly #judge: Judge;

  constructor(concurrency: Concurrency, link: BackendLink, judge: Judge) {
    this.#concurrency = concurrency;
    this.#link = link;
    this.#judge = judge;
  }

  /**
   * Executes the log again; in place, every answer must be what it was.
   *
   * @param restoresKeys - whether numbers that came from a sequence are replaced by those that were told
   * @returns why it failed: an SQLSTATE or `different`
   */
  async run(
    transaction: OpenTransaction,
    where: 'in place' | 'private',
    restoresKeys: boolean,
  ): Promise<string | undefined> {
    const log = transaction.log.filter(
      ({ statement }) => statement.kind !== 'read' || effectsOf(statement).callsFunction,
    );
    const inPlace = where === 'in place';
    const isContended =
      inPlace &&
      (this.#concurrency.sharedRowsUnseenBy(transaction).length > 0 ||
        (await this.#concurrency.keysGoneUnseenBy(transaction)));
    // One by one only where something has to be done in between.
    const stepwise =
      isContended || log.some((logged) => logged.own ?? (restoresKeys && tellsInsertedRows(logged)));
    const groups = stepwise ? log.map((statement) => [statement]) : [log];
    for (const group of groups) {
      if (isContended)
        for (const statement of group) await this.#judge.foresee(transaction, statement.statement);
      const failure = await this.#rerunGroup(group, inPlace, restoresKeys);
      if (failure !== undefined) return failure;
      if (!isContended) continue;
      for (const statement of group) {
        if ((await this.#judge.judge(transaction, statement)) !== 'fine') return DIFFERENT;
      }
    }
    return undefined;
  }

  async #rerunGroup(
    group: readonly LoggedStatement[],
    inPlace: boolean,
    restoresKeys: boolean,
  ): Promise<string | undefined> {
    const executed = group.filter(({ own }) => !own?.statement.replaces);
    const reruns = await rerun(this.#link, executed);
    try {
      for (const [index, logged] of executed.entries()) {
        const again = reruns[index];
        if (!again) return DIFFERENT;
        if (again.outcome.error) return again.outcome.error.get('C') ?? DIFFERENT;
        if (!logged.answer || sameAnswer(logged.answer, again.messages)) continue;
        if (restoresKeys && (await restoreGeneratedKeys(this.#link, logged, again))) continue;
        if (inPlace) return DIFFERENT;
      }
      for (const { own } of group) {
        if (own && (await own.statement.run(this.#link)) !== own.jobId) return DIFFERENT;
      }
    } catch (error) {
      if (!(error instanceof BackendError)) throw error;
      return error.sqlstate;
    }
    return undefined;
  }
}

/** Whether an INSERT has told its client what it inserted, such as numbers from a sequence. */
export function tellsInsertedRows({ statement, answer = [] }: LoggedStatement): boolean {
  return answer.some(({ type }) => type === 'D') && effectsOf(statement).inserts;
}
