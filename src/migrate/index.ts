export {
  HalfDoneMigrationError,
  isHalfDoneMigrationError,
  isLeaseHeldError,
  isLeaseLostError,
  isMigrationChangedError,
  isUnsettledStatementError,
  LeaseHeldError,
  LeaseLostError,
  MigrationChangedError,
  UnsettledStatementError,
  type LeaseHolder,
} from './errors';
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
