export { PostgresUnavailableError } from './binaries';
export { launchPostgres } from './launch';
export type { LaunchOptions } from './launch';
export type { PostgresServer } from './postgres-server';
