import type { Sequelize } from 'sequelize';
import type { TableBatches } from '../../migrate/for-orms';
import { retryOnConflict, UnsupportedFeatureError } from '../../occ';
import type { ResolvedMapping } from '../../schema';
import { log } from '../log';
import { runningMigration } from '../migrations/running-migration';
import { ambientTransaction } from '../transactions/cls';
import { inBatch } from '../transactions/own-transaction';

/** Where batches are carried out. */
export interface BatchesContext {
  readonly mapping: ResolvedMapping;
  /** Reads the catalogue. */
  readonly read: (sql: string) => Promise<readonly unknown[]>;
}

/**
 * Changes rows in batches: see `inBatches` of `aurora-dsql-orm/migrate`.
 *
 * @throws UnsupportedFeatureError where CLS finds a transaction
 */
export async function runInBatches(
  sequelize: Sequelize,
  batches: TableBatches,
  { mapping, read }: BatchesContext,
): Promise<void> {
  if (ambientTransaction(sequelize) !== undefined) {
    throw new UnsupportedFeatureError('inBatches in a transaction', 'Commit it first.');
  }
  const migration = runningMigration(sequelize);
  if (migration !== undefined) return migration.batches(batches);
  await batches.run({
    read,
    inTransaction: (work) => retryOnConflict(() => inBatch(sequelize, work)),
    onBatch: (rows, totalRows) => {
      mapping.onSchemaProgress?.({ step: 'batch', sql: batches.text, rows, totalRows });
      log(sequelize, `${totalRows} ${batches.text}`);
    },
  });
}
