import { isCommitOutcomeUnknownError, isTokenSigningError } from '../connection';
import { findInChain, isSchemaConflict, sqlStateOf } from './conflict';
import { isNestedTransactionError, isNotCommitted, isUnsupportedFeatureError } from './errors';

/** What an error means for who asked. */
export type ErrorKind =
  | 'data-conflict'
  | 'schema-conflict'
  | 'not-committed'
  | 'transaction-limit'
  | 'connection-limit'
  | 'connection-rate'
  | 'token'
  | 'unsupported'
  | 'unavailable'
  | 'outcome-unknown'
  | 'other';

/** An error, seen through every wrapper. */
export interface ErrorClass {
  readonly kind: ErrorKind;
  /** What the server reported, if it did. */
  readonly sqlState: string | undefined;
  /** Whether running the whole transaction again can help, and cannot do anything twice. */
  readonly isRetryable: boolean;
  /** What a person can do about it. */
  readonly hint: string;
}

const hints: Record<ErrorKind, string> = {
  'data-conflict':
    'Another transaction changed the same rows first. Nothing was written: run the whole transaction again.',
  'schema-conflict':
    'The schema was changed by another transaction. Nothing was written: run the whole transaction again after a moment.',
  'not-committed':
    'The answer of the last attempt was lost or no help, but it is known that nothing was written: run the whole transaction again.',
  'transaction-limit':
    'The transaction is too large or too old: at most 3,000 rows, 10 MiB and 5 minutes. Split it into smaller transactions.',
  'connection-limit':
    'The cluster has too many open connections. Make the pools smaller, or ask for a higher quota.',
  'connection-rate':
    'Connections are opened too quickly: 100 a second after a burst of 1,000. Keep connections longer and start pools gradually.',
  token:
    'The token was not accepted. Check the credentials, the role that they belong to, the region and the clock of this machine.',
  unsupported: 'Aurora DSQL does not support this; the message says what to do instead.',
  unavailable:
    'The server was unavailable for a moment; the connection stays usable. Run the transaction again; a statement that stood alone may have been done, so look first.',
  'outcome-unknown':
    'COMMIT was sent and its answer never came: look in the database whether the transaction was done before you run it again.',
  other: 'Aurora DSQL adds nothing to this error.',
};

const kinds: Readonly<Record<string, ErrorKind>> = {
  '0A000': 'unsupported',
  '28000': 'token',
  '28P01': 'token',
  '40001': 'data-conflict',
  '53300': 'connection-limit',
  '53400': 'connection-rate',
  '54000': 'transaction-limit',
  XX000: 'unavailable',
};

/** Kinds that are known to have left no trace in the database. */
const retryable: ReadonlySet<ErrorKind> = new Set([
  'data-conflict',
  'schema-conflict',
  'not-committed',
  'connection-limit',
  'connection-rate',
]);

/** Says what an error means, however deep TypeORM, Sequelize or other code has wrapped it. */
export function classifyError(error: unknown): ErrorClass {
  const sqlState = sqlStateOf(error);
  const kind = kindOf(error, sqlState);
  return { kind, sqlState, isRetryable: retryable.has(kind), hint: hints[kind] };
}

function kindOf(error: unknown, sqlState: string | undefined): ErrorKind {
  if (findInChain(error, isNotCommitted) !== undefined) return 'not-committed';
  if (findInChain(error, isCommitOutcomeUnknownError) !== undefined) return 'outcome-unknown';
  if (findInChain(error, isTokenSigningError) !== undefined) return 'token';
  const unsupported = (inner: unknown) => isUnsupportedFeatureError(inner) || isNestedTransactionError(inner);
  if (findInChain(error, unsupported) !== undefined) return 'unsupported';
  if (isSchemaConflict(error)) return 'schema-conflict';
  return kinds[sqlState ?? ''] ?? 'other';
}
