export { isMigrationRefusedError } from './errors';
export type { BatchesHost, TableBatches } from './batches/table-batches';
export { enumTypesOfMigrations } from './journal/noted-enums';
export type { Direction, RunInTransaction } from './journal/journal';
export { leaseToSynchronize, type HeldLease, type LeaseContext } from './lease/schema-lease';
export type { MigrationCalls } from './migration-calls';
export type { MigrationRun } from './migration-run';
export type { Answer, MigrationSession, MigrationStatement, ReadForPlan } from './migration-session';
export {
  Migrations,
  type MigrationRunOptions,
  type MigrationsContext,
  type MigrationToRun,
} from './migrations';
export type { TransactionEntries } from './journal/transaction-entries';
export { LEASE_TABLE } from './tables';
