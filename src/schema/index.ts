export { callPlace, framesIn } from './call-place';
export { CatalogueReader, type OpenConnection } from './catalogue/catalogue-reader';
export { planCascade, requireOwnRowsOnly } from './catalogue/emptying-order';
export { isOneOf, readTablesWhere, type ReadTables } from './catalogue/read-tables';
export { ReusedIdentityKeys, type FindIdentityColumn } from './identity-keys/reused-identity-keys';
export { asNumbers, NumberKeys, type BigintColumn, type ReadCatalogue } from './number-keys';
export { checkHostOptions, splitOrmOptions, type HostOptions } from './host-options';
export {
  mappingOptions,
  type DsqlOrmOptions,
  type MappingOptions,
  type ResolvedMapping,
  type ResolvedMigrationOptions,
} from './orm-options';
export { RaisedExceptionError } from './planning/do-block';
export type { ArrayChange } from './planning/array-columns';
export { EnumTypes, type EnumChange } from './planning/enum-types';
export {
  isTransaction,
  isWrittenForPostgres,
  onlyStatement,
  planChange,
  recallChange,
} from './planning/planned-change';
export { mayChangeSchema } from './planning/may-change-schema';
export { tablesAfter } from './planning/tables/tables-after';
export { translateChange } from './planning/translate-change';
export { isComparable } from './rebuild/comparable-types';
export { isMarkedByCopy, markedByCopy, type RebuildSettings } from './rebuild/rebuild-mark';
export { unfinishedRebuilds, type UnfinishedRebuild } from './rebuild/unfinished';
export { exceededIndexLimits, INDEX_LIMIT, MAX_INDEXES, tooManyIndexes } from './planning/index-limit';
export { sentInstead, type PlannedChange, type Planning } from './planning/planning';
export { adaptRowLocks, withRowLocks, type RowLockOptions } from './row-locks';
export { refusalAdvice } from './refusal-advice';
export {
  isSchemaJobError,
  reportJobs,
  type JobViolation,
  type SchemaJob,
  type SchemaJobError,
} from './schema-job-error';
export {
  progressLine,
  SchemaRunner,
  type SchemaProgress,
  type SchemaRunnerOptions,
  type SchemaSession,
} from './schema-runner';
export { timeZoneStatement } from './time-zone';
export {
  refusedRules,
  refusedStatement,
  unsupportedChanges,
  type UnsupportedChange,
} from './planning/unsupported-change';
export { isUntilDone, markedUntilDone } from './until-done';
