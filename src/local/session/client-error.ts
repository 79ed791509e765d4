import { refusalOf } from '../../sql';
import type { Refusal } from '../../sql';
import { errorResponse, fieldsMessage } from '../wire/server-messages';

/** Recorded from a cluster, 2026-09. */
export const DATA_CONFLICT: Refusal = {
  rule: 'data conflict',
  sqlstate: '40001',
  message: 'change conflicts with another transaction (OC000)',
};

/** Recorded from a cluster, 2026-09, and AWS user guide, "Concurrency control", 2026-09-15. */
export const SCHEMA_CONFLICT: Refusal = {
  rule: 'schema conflict',
  sqlstate: '40001',
  message: 'schema has been updated by another transaction (OC001)',
};

/** What PostgreSQL says, and DSQL with it, until a failed transaction is ended. */
export const TRANSACTION_ABORTED: Refusal = {
  rule: 'failed transaction',
  sqlstate: '25P02',
  message: 'current transaction is aborted, commands ignored until end of transaction block',
};

/** A session ends with what its client is told. */
export class SessionEndedError extends Error {
  override readonly name = 'SessionEndedError';

  constructor(readonly refusal: Refusal) {
    super(refusal.message);
  }
}

/** What PostgreSQL says of limits of its own, and the rules whose words DSQL uses. */
const LIMITS: readonly (readonly [pattern: RegExp, rule: string])[] = [
  // PostgreSQL's own limit of a key is above DSQL's.
  [/^index row (?:size|requires) \d+/, 'key-size'],
  [/^temporary file size exceeds temp_file_limit/, 'temporary-space'],
];
const NO_ORDER = /^data type (.+) has no default operator class for access method "btree"/;

/** Conflicts as PostgreSQL reports them: a snapshot that is too old, and a deadlock, which DSQL cannot have. */
const CONFLICT_STATES: ReadonlySet<string> = new Set(['40001', '40P01']);

/** The ErrorResponse of something that DSQL refuses. */
export function refusalResponse({ sqlstate, message, detail, hint }: Refusal, position?: number): Buffer {
  return errorResponse({ sqlstate, message, detail, hint, position });
}

/**
 * The ErrorResponse that DSQL would send where PostgreSQL sent these fields: conflicts in DSQL's words, everything
 * else as it is, with its position put into the client's own text.
 */
export function translateError(
  fields: ReadonlyMap<string, string>,
  clientPosition: ((position: number) => number) | undefined,
): Buffer {
  const isOurs = fields.get('M') === SCHEMA_CONFLICT.message;
  if (CONFLICT_STATES.has(fields.get('C') ?? '') && !isOurs) return refusalResponse(DATA_CONFLICT);
  const message = fields.get('M') ?? '';
  const limit = LIMITS.find(([pattern]) => pattern.test(message));
  if (limit) return refusalResponse(refusalOf(limit[1]));
  const type = NO_ORDER.exec(message)?.[1];
  if (type !== undefined) return refusalResponse(refusalOf('key-type', { type }));
  const reported = new Map(fields);
  const position = Number(fields.get('P'));
  if (clientPosition && position) reported.set('P', String(clientPosition(position)));
  if (message) reported.set('M', message.replace('access method "btree"', 'access method "btree_index"'));
  return fieldsMessage('E', reported);
}
