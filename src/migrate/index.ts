import '../node/peers/pg';

export { inBatches, type InBatchesOptions } from './batches/in-batches';
export type { RowBatch } from './batches/table-batches';
export type { NamedTable } from './context';
export {
  HalfDoneMigrationError,
  isHalfDoneMigrationError,
  isLeaseHeldError,
  isLeaseLostError,
  isMigrationChangedError,
  isMigrationDriftError,
  isMigrationRefusedError,
  isMigrationsStoppedError,
  isUnsettledStatementError,
  LeaseHeldError,
  LeaseLostError,
  MigrationChangedError,
  MigrationDriftError,
  MigrationRefusedError,
  MigrationsStoppedError,
  UnsettledStatementError,
  type LeaseHolder,
} from './errors';
export type { MigrationRunOptions } from './migrations';
export type { MigrationProgress, MigrationStep } from './progress';
export { repairSchema, type RepairOptions, type RepairedObject } from './repair';
export { rebuildTable, type RebuildOptions } from './rebuild-table';
export {
  migrationStatus,
  resolveMigration,
  type HalfDoneMigration,
  type MigrationStatus,
  type Resolution,
  type RunningJob,
  type StatusOptions,
  type StoppedStatement,
} from './status';
