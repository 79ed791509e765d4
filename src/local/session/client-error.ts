import type { Refusal } from '../../sql';
import { errorResponse, fieldsMessage } from '../wire/server-messages';

/** Recorded from a cluster, 2026-09. */
export const DATA_CONFLICT: Refusal = {
  rule: 'data conflict',
  sqlstate: '40001',
  message: 'change conflicts with another transaction (OC000)',
};

/** What PostgreSQL says, and DSQL with it, until a failed transaction is ended. */
export const TRANSACTION_ABORTED: Refusal = {
  rule: 'failed transaction',
  sqlstate: '25P02',
  message: 'current transaction is aborted, commands ignored until end of transaction block',
};

/** Conflicts as PostgreSQL reports them: a snapshot that is too old, and a deadlock, which DSQL cannot have. */
const CONFLICT_STATES: ReadonlySet<string> = new Set(['40001', '40P01']);

/** The ErrorResponse of something that DSQL refuses. */
export function refusalResponse({ sqlstate, message, hint }: Refusal, position?: number): Buffer {
  return errorResponse({ sqlstate, message, hint, position });
}

/**
 * The ErrorResponse that DSQL would send where PostgreSQL sent these fields: conflicts in DSQL's words, everything
 * else as it is, with its position put into the client's own text.
 */
export function translateError(
  fields: ReadonlyMap<string, string>,
  clientPosition: ((position: number) => number) | undefined,
): Buffer {
  if (CONFLICT_STATES.has(fields.get('C') ?? '')) return refusalResponse(DATA_CONFLICT);
  const position = Number(fields.get('P'));
  if (!clientPosition || !position) return fieldsMessage('E', fields);
  return fieldsMessage('E', new Map(fields).set('P', String(clientPosition(position))));
}
