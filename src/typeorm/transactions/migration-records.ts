import { isOccConflict } from '../../occ';
import { summarizeText } from '../../sql';
import type { Statement } from '../statement';
import type { Transactions } from './transactions';

/**
 * The records of migrations in a transaction that holds nothing else: where the changes of the schema were committed
 * before, a conflict must not leave the migration unrecorded.
 */
export class MigrationRecords {
  #isMigrating = false;
  /** Nothing where something else is written in the transaction. */
  #records: Statement[] | undefined;

  /** Migrations are run from here on, or no more. */
  setMigrating(isMigrating: boolean): void {
    this.#isMigrating = isMigrating;
  }

  /**
   * A statement is about to be sent in the transaction.
   *
   * @param isOfMigration - whether a migration itself sends it
   */
  note(statement: Statement, isOfMigration: boolean): void {
    const { verb, onlyReads } = summarizeText(statement[0]);
    if (verb === 'begin') this.#records = this.#isMigrating ? [] : undefined;
    else if (verb !== undefined || onlyReads) return;
    else if (isOfMigration) this.#records = undefined;
    else this.#records?.push(statement);
  }

  /**
   * Sends COMMIT, and writes the records again where it meets a conflict.
   *
   * @param send - sends a statement once
   */
  async commit(
    statement: Statement,
    { runner, defaults }: Transactions,
    send: (statement: Statement) => Promise<unknown>,
  ): Promise<unknown> {
    const records = this.#records ?? [];
    try {
      return await send(statement);
    } catch (error) {
      if (records.length === 0 || defaults.run.retry === false || !isOccConflict(error)) throw error;
    }
    const attempt = async () => {
      await send(['START TRANSACTION']);
      try {
        for (const record of records) await send(record);
        return await send(statement);
      } catch (error) {
        await send(['ROLLBACK']).catch(() => undefined);
        throw error;
      }
    };
    return runner.run({ attempt }, { label: 'record of a migration', admission: false });
  }
}
