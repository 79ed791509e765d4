/** What the entry point of every ORM exports. */
export type { DsqlOptions } from '../connection';
export {
  BatchesError,
  isBatchesError,
  type BatchesOptions,
  type BatchesProgress,
  type IterableRows,
  type RowRange,
} from '../occ';
export * from '../occ/public-errors';
export type {
  ConflictKey,
  ConflictLine,
  ConflictReport,
  NestedMode,
  TransactionCounters,
  TransactionDefaults,
  TransactionOptions,
} from '../occ';
export type { DsqlOrmOptions } from './orm-options';
export { isSchemaJobError, SchemaJobError, type SchemaJob } from './schema-job-error';
export type { SchemaProgress } from './schema-runner';
