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
export {
  migrationStatus,
  resolveMigration,
  type HalfDoneMigration,
  type MigrationStatus,
  type Resolution,
  type StatusOptions,
  type StoppedStatement,
} from './status';
