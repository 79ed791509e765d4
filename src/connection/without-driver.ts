/** What needs no `pg`: the options, and the tokens. */
export { optionSources, type OptionSource } from './options/option-sources';
export type { ConnectionOptions } from './options/connection-options';
export { resolveConnection, type ResolvedConnection } from './options/resolved-connection';
export { refusalIn, type Refusal } from './refused-connection';
