export { tableNameOf } from './catalog-facts';
export type { CatalogFacts, ColumnFacts, EnumFacts, TableFacts } from './catalog-facts';
export { sortsByBytes } from './columns';
export { defaultName, enumCheckName, isEnumCheckOf } from './object-names';
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
export { formattedType } from './type-names';
export { createdEnum } from './whole-text';
