export { check } from './check';
export type { CheckReport } from './check';
export type { CheckOptions, Failure } from './check-options';
export { CheckError } from './check-error';
export { ownRules } from './finding';
export type { Finding, OwnRule, Severity } from './finding';
export { jsonReport } from './reports/json-report';
export { sarifReport } from './reports/sarif-report';
export { textReport } from './reports/text-report';
export {
  planTypeOrmMigrations,
  planUmzugMigrations,
  type PlannedMigration,
  type PlannedRefusal,
  type PlannedStatement,
} from './plan';
export { isDataSource, loadedEntities } from './recording/entities';
export { readExports } from './recording/migrations';
export { globFiles } from './sources/glob-files';
export { ModuleLoader } from './sources/load-module';
