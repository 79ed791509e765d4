import type { DsqlStatement } from '../sql';

const MARK = '/* until it touches no row */';
const IS_MARKED = /\/\*\s*until it touches no row\s*\*\//;

/**
 * The text of a statement where only its text is kept: in a migration, in a script. A write that one transaction may be
 * too small for is marked, so that the runner of migrations repeats it.
 */
export function markedUntilDone({ sql, repeat }: DsqlStatement): string {
  return repeat !== undefined && repeat.key.length > 0 ? `${sql} ${MARK}` : sql;
}

/** Whether a statement is to be run until it touches no row, each time in a transaction of its own. */
export function isUntilDone(sql: string): boolean {
  return IS_MARKED.test(sql);
}
