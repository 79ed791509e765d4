export { isExecuted } from './classify';
export { capabilities } from './capabilities';
export type { Capability, CapabilityOverrides } from './capabilities';
export { capabilityPage } from './capability-page';
export { explainRefusal } from './explain-refusal';
export type { RefusalExplanation, ReportedError } from './explain-refusal';
export { leftLateralReferences } from './left-lateral-references';
export type { LateralReference } from './left-lateral-references';
export { serialType } from './column-types';
export { locatedRefusals } from './located-refusals';
export type { LocatedRefusal } from './located-refusals';
export { asNode, stringConstant, strings, walk } from './parse-tree';
export type { NodeBody, Visited } from './parse-tree';
export { bodyStatements, parseQuery, positionInQuery } from './parse';
export { loadParser, utf16Offsets } from './read-sources';
export { columnConstraints, refusalOf, refusals } from './refusals';
export type { RefusalRule } from './refusals';
export { sessionParameterRefusal, SESSION_PARAMETERS } from './session-parameters';
export type { ParameterScope } from './session-parameters';
export { literal, quoted, quotedTable } from './quoting';
export { MAX_ROWS } from './row-limit';
export { rowLocksOf, strengthenRowLocks } from './row-locks';
export type { RowLock } from './row-locks';
export type { IamStatement } from './scan';
export type {
  Insertion,
  ParsedQuery,
  QuerySyntaxError,
  Refusal,
  Statement,
  StatementKind,
  TableName,
} from './statement';
export { nameOf, tokensOf } from './scan';
export { summarizeText } from './text-summary';
export type { TextSummary, TransactionVerb } from './text-summary';
export type { Token } from './scan';
export { createdEnum, defaultName, formattedType, sortsByBytes, tableNameOf, translate } from './translate';
export type {
  CatalogFacts,
  ColumnFacts,
  DsqlStatement,
  DsqlStatementKind,
  EnumFacts,
  OmittedStatement,
  RepeatedWrite,
  Simplifications,
  TableFacts,
  TranslateOptions,
  Translation,
  TranslationRefusal,
} from './translate';
