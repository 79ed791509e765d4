export { emptyDatabase } from './empty-database';
export type { QueryClient } from './empty-database';
export type {
  CommitFault,
  CommitMatch,
  ConnectionFault,
  CutFault,
  CutOff,
  Fault,
  Faults,
  FaultTiming,
  IndexBuildFault,
  Sleep,
  StatementFault,
  StatementMatch,
} from './faults/faults';
export { startLocalDsql } from './local-dsql';
export type { LocalCredentials } from './identities';
export type { LocalDsql, LocalDsqlEnvironment, LocalEndpoint } from './local-dsql';
export type { LocalDsqlOptions } from './options';
export { PostgresUnavailableError } from './postgres';
export type { RoundTrip, Trace, TracedConnection, TracedStatement, TraceRecording } from './trace';
