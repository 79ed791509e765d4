import type { DsqlStatement } from '../../sql';

/** What is one transaction is sent as one text: each statement of a runner may use another connection. */
export function asTexts(statements: readonly DsqlStatement[]): readonly DsqlStatement[] {
  const texts: DsqlStatement[] = [];
  let open: DsqlStatement | undefined;
  for (const statement of statements) {
    const isEnd = statement.kind === 'transaction';
    if (open !== undefined) {
      open = { ...open, sql: `${open.sql}; ${statement.sql}` };
      if (!isEnd) continue;
      texts.push(open);
      open = undefined;
    } else if (isEnd) open = { ...statement, kind: 'dml' };
    else texts.push(statement);
  }
  return open === undefined ? texts : [...texts, open];
}

/** An index that is not found built may be one that is being built by another, or that could not be built. */
export function unlessThere(statement: DsqlStatement): DsqlStatement {
  const sql = statement.sql.replace(
    /^(\s*CREATE (?:UNIQUE )?INDEX ASYNC )(?!IF NOT EXISTS)/,
    '$1IF NOT EXISTS ',
  );
  return { ...statement, sql };
}
