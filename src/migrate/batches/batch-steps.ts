import { classifyError, UnsupportedFeatureError } from '../../occ';
import type { Journal, JournalledRun } from '../journal/journal';
import type { RecordedStatement } from '../journal/recorded-statement';
import { resultOf, resultText } from '../journal/result-text';
import type { MigrationSession } from '../migration-session';
import { patiently } from '../patience';
import { estimatedRows, type TellStep } from '../progress';
import type { Checkpoint, TableBatches } from './table-batches';

/** What the batches of a migration are carried out with. */
export interface BatchStepsContext {
  readonly run: JournalledRun;
  readonly journal: Journal;
  readonly session: MigrationSession;
  /** How long a batch is tried, in milliseconds. */
  readonly patienceMs: number;
  /** Told of each step; nothing where nobody looks. */
  readonly tell: TellStep | undefined;
  /** Told of each batch that is committed. */
  readonly committed: () => void;
}

/**
 * The batches of one call of a migration: each is a row of the journal that is written in its transaction, so that none is
 * done twice.
 */
export class BatchSteps {
  readonly #context: BatchStepsContext;
  readonly #call: RecordedStatement;

  /** @param call - the call itself, of which the batches are the next steps */
  constructor(context: BatchStepsContext, call: RecordedStatement) {
    this.#context = context;
    this.#call = call;
  }

  /**
   * Carries out what is left of the batches.
   *
   * @param recorded - what earlier runs have done of them, by their steps
   * @param reads - what is to be noted with them
   * @throws UnsupportedFeatureError in a transaction that the migration has begun
   */
  async carryOut(
    batches: TableBatches,
    recorded: readonly RecordedStatement[],
    reads: readonly RecordedStatement[],
  ): Promise<void> {
    const { run, journal, session, patienceMs, tell, committed } = this.#context;
    if (session.isInTransaction) {
      throw new UnsupportedFeatureError('inBatches in a transaction', 'Commit it first.');
    }
    const call = this.#call;
    let { step } = recorded.at(-1) ?? call;
    const done = recorded.at(-1)?.result ?? null;
    if (recorded.length === 0) await journal.note(run, [...reads, call]);
    const tableRows = tell && (await estimatedRows([batches.table], session.read));
    const mayTryAgain = (error: unknown) => classifyError(error).isRetryable;
    await batches.run(
      {
        read: session.read,
        inTransaction: (work) => patiently(() => session.inBatch(work), { patienceMs, mayTryAgain }),
        keep: async (reached, runStatement) => {
          const batch: RecordedStatement = {
            ...call,
            step: step + 1,
            sql: `batch ${String(step)} of the ${call.sql}`,
            state: 'done',
            attempt: 1,
            result: resultText(reached),
          };
          await journal.noteWith([{ run, statements: [batch], isBegin: false, isEnd: false }], runStatement);
        },
        onBatch: (rows, totalRows) => {
          step++;
          committed();
          journal.noteCommit();
          const progress = { step: 'batch', sql: call.sql, rows, totalRows } as const;
          session.onProgress?.(progress);
          tell?.({ ...progress, tableRows });
          session.tell(`Migration "${run.migration}": ${totalRows.toLocaleString('en')} ${batches.text}`);
        },
      },
      done === null ? undefined : (resultOf(done) as Checkpoint),
    );
    await journal.note(run, [{ ...call, state: 'done', attempt: 1 }]);
  }
}
