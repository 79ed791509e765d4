import { explainRefusal, rowLocksOf, strengthenRowLocks } from '../../src/sql';

describe('a refusal is explained', () => {
  it.each([
    [
      'TRUNCATE person',
      '0A000',
      'unsupported statement: Truncate',
      'statement-truncate',
      /DELETE in batches/,
    ],
    [
      'CREATE INDEX person_name ON person (name)',
      '0A000',
      'unsupported mode. please use CREATE INDEX ASYNC.',
      'index-without-async',
      /This does the same on DSQL:\nCREATE INDEX ASYNC person_name ON person \(name\);$/,
    ],
    ['SAVEPOINT one', '0A000', 'unsupported transaction statement: SAVEPOINT', 'savepoint', /End the trans/],
    [
      'CREATE TABLE two (id int)',
      '0A000',
      'multiple ddl statements not supported in a transaction',
      'multiple-ddl',
      /One DDL statement per transaction/,
    ],
    ['DELETE FROM person', '54000', 'transaction row limit exceeded', 'row-limit', /at most 3,000 rows/],
    [
      'ALTER TABLE person ADD CONSTRAINT one UNIQUE USING INDEX one',
      '55000',
      'index "one" is not valid',
      'index-not-valid',
      /sys\.jobs/,
    ],
  ])('%s', async (sql, code, message, rule, text) => {
    expect(await explainRefusal(sql, { code, message })).toMatchObject({
      rule,
      text: expect.stringMatching(text) as string,
    });
  });

  it.each([
    ['SELECT 1 / 0', '22012', 'division by zero'],
    ['SELECT * FROM nobody', '42P01', 'relation "nobody" does not exist'],
    ['SELEC 1', '42601', 'syntax error at or near "SELEC"'],
  ])('%s says it all itself', async (sql, code, message) => {
    expect(await explainRefusal(sql, { code, message })).toBeUndefined();
  });
});

describe('row locks', () => {
  it.each([
    ['SELECT 1 FOR UPDATE', 'SELECT 1 FOR UPDATE'],
    ['SELECT 1 FROM a for share', 'SELECT 1 FROM a FOR UPDATE'],
    ['SELECT 1 FROM a FOR NO KEY UPDATE OF a, "b" NOWAIT', 'SELECT 1 FROM a FOR UPDATE OF a, "b"'],
    ['SELECT 1 FROM a FOR UPDATE SKIP LOCKED', 'SELECT 1 FROM a FOR UPDATE'],
    ['SELECT 1 FROM a FOR KEY SHARE OF s.a SKIP LOCKED', 'SELECT 1 FROM a FOR KEY SHARE OF s.a'],
    [
      'SELECT (SELECT 1 FROM a FOR SHARE) FROM b FOR SHARE NOWAIT LIMIT 1',
      'SELECT (SELECT 1 FROM a FOR UPDATE) FROM b FOR UPDATE LIMIT 1',
    ],
    [`SELECT 'FOR SHARE' -- FOR SHARE`, `SELECT 'FOR SHARE' -- FOR SHARE`],
    ['SELECT substring(a FOR 2) FROM a', 'SELECT substring(a FOR 2) FROM a'],
  ])('%s is strengthened', (sql, strengthened) => {
    expect(strengthenRowLocks(sql)).toBe(strengthened);
  });

  it('are found by their places', () => {
    expect(rowLocksOf('SELECT 1 FROM a FOR SHARE NOWAIT')).toStrictEqual([
      { strength: 'SHARE', start: 16, end: 25, policy: { words: 'NOWAIT', start: 26, end: 32 } },
    ]);
  });
});
