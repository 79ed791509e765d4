/** What the entry point of every ORM exports. */
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
export { isSchemaJobError, SchemaJobError, type SchemaJob } from './schema-job-error';
export type { SchemaProgress } from './schema-runner';
