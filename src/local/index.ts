export { startLocalDsql } from './local-dsql';
export type { LocalDsql, LocalDsqlEnvironment, LocalDsqlOptions } from './local-dsql';
export { PostgresUnavailableError } from './postgres';
