import type { Refusal, Statement } from '../../sql';

/** The fields of an error by their one-letter codes. */
export type ErrorFields = ReadonlyMap<string, string>;

export const DEADLOCK = '40P01';
export const CANCELLED = '57014';
/**
 * Errors that may be due to what a transaction's snapshot does not show: a snapshot that is too old, a unique key, a
 * foreign key.
 */
export const DOUBTFUL: ReadonlySet<string> = new Set(['40001', '23505', '23503']);
/** Syntax errors and violations of access rules: names that do not exist, privileges that are missing. */
export const SCHEMA_ERROR = /^(?:42|3F)/;
/** The name of a new object is taken. */
export const TAKEN: ReadonlySet<string> = new Set(['42P07', '42710', '42P06']);

/** The fields of an error that PostgreSQL has not reported. */
export function fieldsOf({ sqlstate, message }: Refusal): ErrorFields {
  return new Map([
    ['S', 'ERROR'],
    ['V', 'ERROR'],
    ['C', sqlstate],
    ['M', message],
  ]);
}

/** Whether a DDL statement failed because of one that was committed at the same time. */
export function isCatalogueConflict(error: ErrorFields): boolean {
  const code = error.get('C');
  if (code === '40001' || code === DEADLOCK || code === CANCELLED) return true;
  if (code === '23505') return error.get('s') === 'pg_catalog' || error.get('s') === 'pg_dsql_local';
  return code === 'XX000' && /^tuple (concurrently|already)/.test(error.get('M') ?? '');
}

/** Whether a statement that found a name taken was not to mind: it was taken at the same time. */
export function ifNotExists({ tree }: Statement): boolean {
  return (tree as { readonly if_not_exists?: boolean }).if_not_exists === true;
}
