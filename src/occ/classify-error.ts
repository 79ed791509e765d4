import {
  isCommitOutcomeUnknownError,
  isEndpointsUnreachableError,
  isMessageTooLargeError,
  isTooManyParametersError,
  isNotSentError,
  isServerError,
  isTokenSigningError,
  refusalIn,
} from '../connection';
import { findInChain, isSchemaConflict, sqlStateOf } from './conflict';
import {
  isNestedTransactionError,
  isNotBegunError,
  isNotCommitted,
  isUnsupportedFeatureError,
} from './errors';

/** What an error means for who asked. */
export type ErrorKind =
  | 'data-conflict'
  | 'schema-conflict'
  | 'not-committed'
  | 'not-sent'
  | 'not-begun'
  | 'transaction-limit'
  | 'limit'
  | 'connection-limit'
  | 'connection-rate'
  | 'waking-up'
  | 'unreachable'
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
    'Another transaction changed the same rows first. Nothing was committed: run the whole transaction again.',
  'schema-conflict':
    'The schema was changed by another transaction. Nothing was committed: run the whole transaction again after a moment.',
  'not-committed':
    'The answer to the last attempt was lost, but it is known that nothing was committed: run the whole transaction again.',
  'not-sent':
    'The connection had ended before the statement was sent. Nothing was committed: run the whole transaction again.',
  'not-begun':
    'The transaction has waited for others with the same serializeBy, and was not begun: run it again.',
  'transaction-limit':
    'The transaction is too large or too old: at most 3,000 rows, 10 MiB, 5 minutes, and 128 MiB of temporary space for a query. Split it into smaller ones.',
  limit:
    'A key, a value, a statement or a number of objects is over a limit; the message says which. Splitting the transaction does not help: change the schema or the value.',
  'connection-limit':
    'The cluster has too many open connections. Make the pools smaller, or request a higher quota.',
  'connection-rate':
    'Connections are opened too quickly: 100 a second after a burst of 1,000. Keep connections longer and start pools gradually.',
  'waking-up': 'The cluster was asleep and is waking up. Nothing was done: try again after a few seconds.',
  unreachable:
    'No endpoint of the cluster could be reached, so nothing was done: try again after a while. The message names each endpoint and why.',
  token:
    'The token was not accepted. Check the credentials, the role that they belong to, the region and the clock of this machine.',
  unsupported: 'Aurora DSQL lacks this; the message says what to do instead.',
  unavailable:
    'The server was unavailable for a moment; the connection stays usable. Run the transaction again; an autocommit statement may have taken effect, so check first.',
  'outcome-unknown':
    'COMMIT was sent and its answer never came: check whether the transaction took effect before you retry.',
  other: 'Aurora DSQL adds nothing to this error.',
};

const kinds: Readonly<Record<string, ErrorKind>> = {
  '0A000': 'unsupported',
  '28000': 'token',
  '28P01': 'token',
  '40001': 'data-conflict',
  '53300': 'connection-limit',
  '53400': 'connection-rate',
  '53200': 'transaction-limit',
  '54000': 'limit',
  '54001': 'limit',
  '54011': 'limit',
  XX000: 'unavailable',
};

/** Kinds that are known to have left no trace in the database. */
const retryable: ReadonlySet<ErrorKind> = new Set([
  'not-sent',
  'not-begun',
  'waking-up',
  'unreachable',
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

/** What can be split is told from what cannot by the text alone (AWS, observed on a cluster, 2026-10-01). */
const SPLITTABLE =
  /^(?:transaction (?:row|size|age) limit|query requires (?:more than allowed|too much) temp space)/i;

const kindOfRefusal = { asleep: 'waking-up', 'stale token': 'token', denied: 'token' } as const;

function kindOf(error: unknown, sqlState: string | undefined): ErrorKind {
  const isAny = (matches: (inner: object) => boolean) => findInChain(error, matches) !== undefined;
  if (isAny(isCommitOutcomeUnknownError)) return 'outcome-unknown';
  if (isAny(isNotCommitted)) return 'not-committed';
  if (isAny(isNotSentError)) return 'not-sent';
  if (isAny(isNotBegunError)) return 'not-begun';
  if (isAny(isTokenSigningError)) return 'token';
  if (isAny(isEndpointsUnreachableError)) return 'unreachable';
  if (isAny(isMessageTooLargeError) || isAny(isTooManyParametersError)) return 'limit';
  if (isAny((inner) => isUnsupportedFeatureError(inner) || isNestedTransactionError(inner)))
    return 'unsupported';
  if (isSchemaConflict(error)) return 'schema-conflict';
  const reported = findInChain(error, (inner) => refusalIn(inner) !== undefined || isServerError(inner));
  const refusal = refusalIn(reported);
  if (refusal !== undefined && refusal !== 'busy') return kindOfRefusal[refusal];
  if (sqlState === '54000' && SPLITTABLE.test((reported as Error).message)) return 'transaction-limit';
  return kinds[sqlState ?? ''] ?? 'other';
}
