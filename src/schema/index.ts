export {
  isNotNull,
  isOneOf,
  primaryKeyOf,
  readTablesWhere,
  type CatalogColumn,
  type CatalogConstraint,
  type CatalogTable,
} from './catalog-table';
export { CatalogueReader, type OpenConnection } from './catalogue-reader';
export { asNumbers, NumberKeys, type BigintColumn, type ReadCatalogue } from './number-keys';
export {
  splitOrmOptions,
  type DsqlOrmOptions,
  type MappingOptions,
  type ResolvedMapping,
} from './orm-options';
export { mayChangeSchema, onlyStatement, planChange, translateChange } from './planned-change';
export { withRowLocks, type RowLockOptions } from './row-locks';
export { reportJobs, type JobViolation, type SchemaJob, type SchemaJobError } from './schema-job-error';
export {
  SchemaRunner,
  type SchemaProgress,
  type SchemaRunnerOptions,
  type SchemaSession,
} from './schema-runner';
export { timeZoneStatement } from './time-zone';
export { truncationOrder } from './truncation-order';
export { refusedStatement, unsupportedChanges, type UnsupportedChange } from './unsupported-change';
export { isUntilDone, markedUntilDone } from './until-done';
