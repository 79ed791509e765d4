export { isSameName, nameOfParts, tableNameOf } from './catalogue/catalog-facts';
export { tablesNamed } from './catalogue/tables-named';
export type { ArrayColumn, CatalogFacts, EnumFacts } from './catalogue/catalog-facts';
export { isBroken } from './catalogue/catalog-table';
export type { CatalogColumn, CatalogConstraint, CatalogIndex, CatalogTable } from './catalogue/catalog-table';
export {
  enumArrayCheckOf,
  enumCheckOf,
  enumValuesOf,
  isNotNull,
  isNotNullCheck,
  notNullCheckOf,
  shownEnumCheck,
} from './catalogue/checks';
export type { EnumCheck } from './catalogue/checks';
export { emptyingPlan, restrictsDelete, type EmptyingPlan } from './catalogue/emptying-plan';
export {
  foreignKeysOf,
  isIndexed,
  primaryKeyOf,
  REFERENTIAL_ACTIONS,
  storedTypeOf,
} from './catalogue/known-table';
export type { KnownColumn, KnownConstraint, KnownIndex, KnownTable } from './catalogue/known-table';
export { isExecuted } from './syntax/classify';
export { capabilities } from './facts/capabilities';
export type { Capability, CapabilityOverrides } from './facts/capabilities';
export { capabilityPage } from './facts/capability-page';
export { refusalMessages } from './facts/refusal-messages';
export { explainRefusal } from './facts/explain-refusal';
export type { RefusalExplanation, ReportedError } from './facts/explain-refusal';
export { leftLateralReferences } from './syntax/left-lateral-references';
export type { LateralReference } from './syntax/left-lateral-references';
export { isBuiltinType, serialType } from './facts/column-types';
export { hasTextForm, insteadOfType, isExtensionType } from './facts/types-as-text';
export { locatedRefusals } from './facts/located-refusals';
export type { LocatedRefusal } from './facts/located-refusals';
export { asNode, objectParts, stringConstant, strings, walk } from './syntax/parse-tree';
export type { NodeBody, Visited } from './syntax/parse-tree';
export { bodyStatements, parseQuery, positionInQuery } from './syntax/parse';
export { loadParser, offsetOfCharacter, utf16Offsets } from './syntax/read-sources';
export { columnConstraints, refusalOf, refusals } from './refusals';
export type { RefusalRule } from './refusals';
export { sessionParameterRefusal, SESSION_PARAMETERS } from './facts/session-parameters';
export type { ParameterScope } from './facts/session-parameters';
export { columnArray, selectOfArrays, type ArrayKind, type ColumnArray } from './text/column-array';
export { literal, quoted, quotedTable, tuple } from './text/quoting';
export { MAX_TRANSACTION_ROWS } from './facts/row-limit';
export { INDEX_ENTRY_COST_BYTES, MAX_TRANSACTION_BYTES, ROW_COST_BYTES } from './facts/transaction-size';
export { rowLocksOf, strengthenRowLocks } from './syntax/row-locks';
export type { RowLock } from './syntax/row-locks';
export type { IamStatement } from './text/scan';
export type {
  Insertion,
  ParsedQuery,
  QuerySyntaxError,
  Refusal,
  Statement,
  StatementKind,
  TableName,
} from './syntax/statement';
export { nameOf, tokensOf } from './text/scan';
export { summarizeText } from './text/text-summary';
export type { TextSummary, TransactionVerb } from './text/text-summary';
export type { Token } from './text/scan';
export {
  arrayColumnsAfter,
  asksForItsOwn,
  blockQueries,
  blockStatements,
  blockSteps,
  constraintType,
  createdEnum,
  declaredColumn,
  declaredConstraint,
  defaultName,
  enumCheckName,
  enumNamed,
  enumTypeIn,
  formattedType,
  isArrayType,
  isCastOf,
  isDecidedByRun,
  isEnumCheckOf,
  isNumberType,
  isOfNumbers,
  isRoundingNote,
  preparedForParts,
  roundingNote,
  sortsByBytes,
  statementOf,
  translate,
  withEnumsAsText,
} from './translate';
export type {
  BlockStep,
  DsqlStatement,
  DsqlStatementKind,
  OmittedStatement,
  RepeatedWrite,
  Simplifications,
  TranslateOptions,
  Translation,
  TranslationRefusal,
} from './translate';
