export {
  HalfDoneMigrationError,
  isHalfDoneMigrationError,
  isLeaseHeldError,
  isLeaseLostError,
  isMigrationChangedError,
  isMigrationDriftError,
  isMigrationsStoppedError,
  isUnsettledStatementError,
  LeaseHeldError,
  LeaseLostError,
  MigrationChangedError,
  MigrationDriftError,
  MigrationsStoppedError,
  UnsettledStatementError,
  type LeaseHolder,
} from './errors';
export type { MigrationRunOptions } from './migrations';
export { repairSchema, type RepairOptions, type RepairedObject } from './repair';
export { rebuildTable, type RebuildOptions, type RebuiltTable } from './rebuild-table';
export {
  migrationStatus,
  resolveMigration,
  type HalfDoneMigration,
  type MigrationStatus,
  type Resolution,
  type StatusOptions,
  type StoppedStatement,
} from './status';
