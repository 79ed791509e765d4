export { check } from './check';
export type { CheckOptions, CheckReport, Failure } from './check';
export { CheckError } from './check-error';
export { ownRules } from './finding';
export type { Finding, OwnRule, Severity } from './finding';
export { jsonReport } from './json-report';
export { sarifReport } from './sarif-report';
export { textReport } from './text-report';
