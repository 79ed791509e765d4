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
