export { PostgresUnavailableError } from './binaries';
export { launchPostgres } from './launch';
export type { LaunchOptions, PostgresServer } from './launch';
