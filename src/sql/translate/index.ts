export { sortsByBytes } from './columns/collations';
export { constraintType, declaredColumn, declaredConstraint } from './columns/declarations';
export { defaultName, enumCheckName, enumTypeIn, isEnumCheckOf } from './columns/default-names';
export type { Simplifications } from './context';
export { translate } from './translate';
export type { TranslateOptions } from './translate';
export type {
  DsqlStatement,
  DsqlStatementKind,
  OmittedStatement,
  RepeatedWrite,
  Translation,
  TranslationRefusal,
} from './translation';
export { statementOf } from './translation';
export { formattedType, isCastOf, isRoundingNote, roundingNote } from './columns/type-names';
export { arrayColumnsAfter, isArrayType, isNumberType, isOfNumbers } from './text/array-columns';
export { preparedForParts } from './text/prepare-text';
export { createdEnum, enumNamed, withEnumsAsText } from './text/enums';
export {
  asksForItsOwn,
  blockQueries,
  blockStatements,
  blockSteps,
  isDecidedByRun,
  type BlockStep,
} from './text/do-block';
