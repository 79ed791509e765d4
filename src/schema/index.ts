export { NumberKeys, type BigintColumn, type ReadCatalogue } from './number-keys';
export {
  splitOrmOptions,
  type DsqlOrmOptions,
  type MappingOptions,
  type ResolvedMapping,
} from './orm-options';
export { withRowLocks, type RowLockOptions } from './row-locks';
export { isSchemaJobError, SchemaJobError, type SchemaJob } from './schema-job-error';
export {
  SchemaRunner,
  type SchemaProgress,
  type SchemaRunnerOptions,
  type SchemaSession,
} from './schema-runner';
export { refusedStatement, unsupportedChanges, type UnsupportedChange } from './unsupported-change';
