/** What needs no `pg`: the options, and the tokens. */
export { connectionAdvice, NO_ADDRESS, OTHER_CERTIFICATE, UNKNOWN_AUTHORITY } from './connection-advice';
export { optionSources, type OptionSource } from './options/option-sources';
export type { ConnectionOptions } from './options/connection-options';
export { resolveConnection, type ResolvedConnection } from './options/resolved-connection';
