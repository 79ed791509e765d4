import { isOneOf, readTablesWhere } from '../../schema';
import { loadParser, parseQuery } from '../../sql';
import { expectationOf, type Verdict } from './expectation';

/** What the catalogue says of a statement that was begun, and of which no answer is known. */
export type Settlement = Verdict | 'unknown';

/**
 * Finds out by the catalogue whether a statement that changes the schema has taken effect. One that does the same when it
 * is sent again counts as not done.
 *
 * @param read - reads the catalogue
 */
export async function settleStatement(
  sql: string,
  read: (sql: string) => Promise<readonly unknown[]>,
): Promise<Settlement> {
  await loadParser();
  const [statement, ...others] = parseQuery(sql).statements;
  if (statement === undefined || others.length > 0) return 'unknown';
  const expectation = expectationOf(statement);
  if (expectation === 'unknown') return 'unknown';
  if (expectation === 'repeatable') return 'not done';
  if ('exists' in expectation) {
    const isThere = (await read(expectation.exists)).length > 0;
    return expectation.isDone(isThere) ? 'done' : 'not done';
  }
  if ('asked' in expectation) return expectation.judgeRows(await read(expectation.asked));
  return expectation.judge(await readTablesWhere(isOneOf(expectation.tables), read));
}
