import {
  leftLateralReferences,
  loadParser,
  parseQuery,
  positionInQuery,
  sessionParameterRefusal,
} from '../../src/sql';
import type { Statement } from '../../src/sql';

function only(sql: string): Statement {
  const { statements, error } = parseQuery(sql);
  const [statement, ...others] = statements;
  if (!statement || others.length > 0 || error)
    throw new Error(`${sql}: not one statement. ${error?.message ?? ''}`);
  return statement;
}

describe('before the parser is loaded', () => {
  it('says what to await', () => {
    expect(() => parseQuery('SELECT 1')).toThrow('await loadParser() once before parseQuery()');
  });
});

describe('once the parser is loaded', () => {
  beforeAll(loadParser);

  describe('splitting', () => {
    it('gives each statement its own text and its place in the query, whatever the characters before it', () => {
      const sql = "SELECT 'é😀'; /* ; */ INSERT INTO t VALUES ('ü;') ;\n-- end\n UPDATE t SET a = 'x'";
      const { statements } = parseQuery(sql);
      expect(statements.map(({ node }) => node)).toEqual(['SelectStmt', 'InsertStmt', 'UpdateStmt']);
      for (const { text, start } of statements) expect(sql.slice(start, start + text.length)).toBe(text);
      expect(statements.map(({ text }) => text.trim())).toEqual([
        "SELECT 'é😀'",
        "/* ; */ INSERT INTO t VALUES ('ü;')",
        "-- end\n UPDATE t SET a = 'x'",
      ]);
    });

    it.each(['', '  \n', ';', ' ; ;; ', '-- nothing', '/* nothing */ ;'])(
      'finds no statement in %j',
      (sql) => {
        expect(parseQuery(sql)).toMatchObject({ statements: [] });
        expect(parseQuery(sql).error).toBeUndefined();
      },
    );

    it('reports a syntax error anywhere, with its position in characters', () => {
      expect(parseQuery("SELECT '😀'; SELEC 1").error).toEqual({
        message: 'syntax error at or near "SELEC"',
        position: 13,
        ownWords: false,
      });
      expect(parseQuery("SELECT '😀'; SELEC 1").statements).toEqual([]);
    });

    it('answers a text it has seen from memory', () => {
      expect(parseQuery('SELECT 42')).toBe(parseQuery('SELECT 42'));
    });

    it('keeps no more texts than take a few megabytes', () => {
      const [short, ...long] = [0, ...Array.from({ length: 15 }, (_, index) => index + 1)].map((index) =>
        index === 0 ? 'SELECT 43' : `SELECT '${'x'.repeat(16_000)}', ${index}`,
      );
      const first = parseQuery(short ?? '');
      const answers = long.map((text) => parseQuery(text));
      expect(parseQuery(long.at(-1) ?? '')).toBe(answers.at(-1));
      expect(parseQuery(long[0] ?? '')).not.toBe(answers[0]);
      expect(parseQuery(short ?? '')).not.toBe(first);
    });

    it('keeps the 2,000 texts that were used last', () => {
      const kept = parseQuery('SELECT 0 AS kept');
      const dropped = parseQuery('SELECT 0 AS dropped');
      for (let index = 0; index < 1999; index++) {
        parseQuery(`SELECT ${index} AS filler`);
        if (index === 1000) parseQuery('SELECT 0 AS kept');
      }
      expect(parseQuery('SELECT 0 AS kept')).toBe(kept);
      expect(parseQuery('SELECT 0 AS dropped')).not.toBe(dropped);
    });
  });

  describe('what a statement does', () => {
    it.each([
      ['SELECT 1', 'read'],
      ['TABLE t', 'read'],
      ['VALUES (1)', 'read'],
      ['WITH x AS (SELECT 1) SELECT * FROM x', 'read'],
      ['EXPLAIN DELETE FROM t', 'read'],
      ['EXPLAIN (ANALYZE off) DELETE FROM t', 'read'],
      ['EXPLAIN ANALYZE DELETE FROM t', 'write'],
      ['EXPLAIN (ANALYZE) SELECT 1', 'read'],
      ['INSERT INTO t DEFAULT VALUES', 'write'],
      ['SELECT * FROM t FOR UPDATE', 'write'],
      ['WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x', 'write'],
      ['SELECT 1 INTO t', 'ddl'],
      ['CREATE TABLE t (a int)', 'ddl'],
      ['CREATE INDEX ASYNC ON t (a)', 'ddl'],
      ['GRANT SELECT ON t TO r', 'ddl'],
      ['COMMENT ON TABLE t IS NULL', 'ddl'],
      ['DROP ROLE r', 'ddl'],
      ['BEGIN', 'begin'],
      ['START TRANSACTION READ ONLY', 'begin'],
      ['COMMIT', 'commit'],
      ['END WORK', 'commit'],
      ['ROLLBACK', 'rollback'],
      ['ABORT', 'rollback'],
      ['SAVEPOINT s', 'other'],
      ['SET search_path = x', 'session'],
      ['SHOW ALL', 'session'],
      ['RESET search_path', 'session'],
      ['SET CONSTRAINTS ALL DEFERRED', 'session'],
      ['DEALLOCATE ALL', 'session'],
      ['CALL sys.wait_for_job($1)', 'call'],
      ['COPY t FROM STDIN', 'copy'],
      ['ANALYZE t', 'other'],
      ['LISTEN c', 'other'],
    ])('%s: %s', (sql, kind) => {
      expect(only(sql).kind).toBe(kind);
    });

    it.each([
      ['INSERT INTO s.t VALUES (1)', [{ schema: 's', name: 't' }]],
      ['UPDATE t SET a = 1 FROM u', [{ name: 't' }]],
      ['DELETE FROM t USING u', [{ name: 't' }]],
      [
        'WITH gone AS (DELETE FROM t RETURNING a), more AS (UPDATE u SET a = 1) INSERT INTO v SELECT a FROM gone',
        [{ name: 'v' }, { name: 't' }, { name: 'u' }],
      ],
      ['SELECT * FROM t JOIN u ON true FOR UPDATE', [{ name: 't' }, { name: 'u' }]],
      ['SELECT * FROM t a JOIN u ON true FOR UPDATE OF a', [{ name: 't' }]],
      ['SELECT * FROM (SELECT * FROM t) x FOR UPDATE', [{ name: 't' }]],
      ['WITH x AS (SELECT * FROM t FOR KEY SHARE) SELECT * FROM x, u FOR UPDATE OF x', [{ name: 't' }]],
      ['INSERT INTO t SELECT * FROM t', [{ name: 't' }]],
      ['COPY t FROM STDIN', [{ name: 't' }]],
      ['COPY t TO STDOUT', []],
      ['SELECT * FROM t', []],
      ['EXPLAIN ANALYZE UPDATE t SET a = 1', [{ name: 't' }]],
    ])('%s writes or locks %j', (sql, targets) => {
      const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name);
      expect([...only(sql).targets].sort(byName)).toEqual([...targets].sort(byName));
    });

    it.each([
      ['SELECT * FROM t FOR UPDATE', 'update'],
      ['SELECT * FROM t FOR KEY SHARE', 'key share'],
      ['SELECT * FROM t, u FOR KEY SHARE OF t FOR UPDATE OF u', 'update'],
      ['SELECT * FROM (SELECT * FROM t FOR KEY SHARE) x', 'key share'],
      ['SELECT * FROM t', undefined],
      ["SELECT 'FOR UPDATE'", undefined],
    ])('%s locks for %s', (sql, locking) => {
      expect(only(sql).locking).toBe(locking);
    });
  });

  describe("DSQL's own words", () => {
    it.each([
      'CREATE INDEX ASYNC i ON t (a)',
      'create unique index async if not exists i on t (a)',
      'CREATE INDEX ASYNC ON t (a)',
      'CREATE /* now */ INDEX -- later\n ASYNC i ON "async" (a)',
      'ALTER TABLE ASYNC t VALIDATE CONSTRAINT k',
      'ALTER TABLE ASYNC IF EXISTS s.t VALIDATE CONSTRAINT k',
    ])('blanks the word in %j so that no location moves', (sql) => {
      const statement = only(sql);
      expect(statement.async).toBe(true);
      expect(statement.refusal).toBeUndefined();
      expect(statement.text).toHaveLength(sql.length);
      expect(statement.text).toBe(sql.replace(/(?<!")async/i, '     '));
    });

    it('names the index only with the name it was given', () => {
      expect(only('CREATE INDEX ASYNC ON t (a)').tree).not.toHaveProperty('idxname');
      expect(only('CREATE INDEX ASYNC i ON t (a)').tree).toHaveProperty('idxname', 'i');
    });

    it.each([
      "SELECT 'CREATE INDEX ASYNC i ON t (a)'",
      'SELECT $a$ALTER TABLE ASYNC t$a$ /* AWS IAM /* GRANT */ ASYNC */',
      'SELECT "async", x.async, 1 AS async, 2 async FROM "async" x -- ASYNC',
      "SELECT E'\\'async', aws, iam FROM aws",
      'CREATE INDEX async_idx ON t (a)',
    ])('leaves %j alone', (sql) => {
      const statement = only(sql);
      expect(statement.async).toBe(false);
      expect(statement.text).toBe(sql);
    });

    it('tells an asynchronous statement from its neighbour', () => {
      const { statements } = parseQuery('BEGIN; CREATE INDEX ASYNC i ON t (a); CREATE INDEX j ON t (b)');
      expect(statements.map(({ async }) => async)).toEqual([false, true, false]);
      expect(statements.map(({ refusal }) => refusal?.rule)).toEqual([
        undefined,
        undefined,
        'index-without-async',
      ]);
    });

    it('knows ASYNC as a reserved word', () => {
      expect(parseQuery('CREATE TABLE async (a int)').error).toEqual({
        message: 'syntax error at or near "async"',
        position: 14,
        ownWords: true,
      });
      expect(parseQuery('SELECT a, async FROM t').error?.message).toBe('syntax error at or near "async"');
    });

    it('reads AWS IAM GRANT and REVOKE between other statements', () => {
      const sql = `SELECT 1; AWS IAM GRANT app TO 'arn:aws:iam::1:role/it''s'; aws iam revoke "My App" from 'arn'; SELECT 2`;
      const { statements } = parseQuery(sql);
      expect(statements.map(({ node, kind }) => [node, kind])).toEqual([
        ['SelectStmt', 'read'],
        ['AwsIamGrantStmt', 'ddl'],
        ['AwsIamRevokeStmt', 'ddl'],
        ['SelectStmt', 'read'],
      ]);
      expect(statements[1]).toMatchObject({
        tree: { action: 'grant', role: 'app', arn: "arn:aws:iam::1:role/it's" },
        text: "AWS IAM GRANT app TO 'arn:aws:iam::1:role/it''s'",
      });
      expect(statements[2]?.tree).toMatchObject({ action: 'revoke', role: 'My App', arn: 'arn' });
    });

    it.each([
      ["AWS IAM GRANT r FROM 'arn'", 'syntax error at or near "FROM"', 17],
      ['AWS IAM GRANT r TO arn', 'syntax error at or near "arn"', 20],
      ['AWS IAM GRANT r TO', 'syntax error at end of input', 19],
      ["SELECT 'é'; AWS IAM DENY r TO 'arn'", 'syntax error at or near "DENY"', 21],
      ["AWS IAM GRANT r TO 'arn' AGAIN", 'syntax error at or near "AGAIN"', 26],
    ])('says where %j is wrong', (sql, message, position) => {
      expect(parseQuery(sql)).toMatchObject({ statements: [], error: { message, position, ownWords: true } });
    });

    it('gives PostgreSQL a text in which only its own errors are left', () => {
      const { text, error } = parseQuery('CREATE INDEX ASYNC s.i ON t (a)');
      expect(text).toBe('CREATE INDEX       s.i ON t (a)');
      expect(error).toEqual({ message: 'syntax error at or near "."', position: 21, ownWords: false });
    });
  });

  describe('the text for PostgreSQL', () => {
    it.each([
      ['CREATE TABLE t (a numeric, b int)', 'CREATE TABLE t (a numeric(18,6), b int)'],
      [
        'CREATE TABLE t (a NUMERIC DEFAULT 1, b numeric(5), c dec)',
        'CREATE TABLE t (a NUMERIC(18,6) DEFAULT 1, b numeric(5), c dec(18,6))',
      ],
      [
        'CREATE TABLE t (a "pg_catalog" . numeric NOT NULL)',
        'CREATE TABLE t (a "pg_catalog" . numeric(18,6) NOT NULL)',
      ],
      [
        "CREATE TABLE é (a text DEFAULT '😀', numeric decimal)",
        "CREATE TABLE é (a text DEFAULT '😀', numeric decimal(18,6))",
      ],
      [
        'ALTER TABLE t ADD COLUMN a numeric, ADD b decimal',
        'ALTER TABLE t ADD COLUMN a numeric(18,6), ADD b decimal(18,6)',
      ],
      ['CREATE SCHEMA s CREATE TABLE t (a numeric)', 'CREATE SCHEMA s CREATE TABLE t (a numeric(18,6))'],
      ['CREATE TABLE t (a mine.numeric)', 'CREATE TABLE t (a mine.numeric)'],
      ['SELECT 1::numeric', 'SELECT 1::numeric'],
      ['SET disable_sync_create_index = off', 'SET dsql.disable_sync_create_index = off'],
      ['SHOW Disable_Sync_Create_Index', 'SHOW dsql.Disable_Sync_Create_Index'],
      ['SET search_path = disable_sync_create_index', 'SET search_path = disable_sync_create_index'],
      ['SELECT nowait FROM t FOR UPDATE NOWAIT', 'SELECT nowait FROM t FOR UPDATE       '],
      [
        'SELECT 1 FROM nowait, s.skip FOR UPDATE OF nowait, "skip" /* ! */ SKIP LOCKED',
        'SELECT 1 FROM nowait, s.skip FOR UPDATE OF nowait, "skip" /* ! */            ',
      ],
      [
        'SELECT (SELECT 1 FROM a FOR KEY SHARE skip locked) FROM b FOR UPDATE',
        'SELECT (SELECT 1 FROM a FOR KEY SHARE            ) FROM b FOR UPDATE',
      ],
      ["SELECT 'FOR UPDATE NOWAIT'", "SELECT 'FOR UPDATE NOWAIT'"],
    ])('%s becomes %s', (sql, text) => {
      expect(only(sql).text).toBe(text);
    });

    it('translates the position of an error in it back to the query', () => {
      const sql = "SELECT '😀'; CREATE TABLE t (a numeric, b numeric, c nothing)";
      const statement = parseQuery(sql).statements[1];
      if (!statement) throw new Error('There is no second statement.');
      const position = (text: string, word: string) =>
        Array.from(text.slice(0, text.indexOf(word))).length + 1;
      for (const word of ['CREATE', 'a numeric', ', b', 'nothing']) {
        expect(positionInQuery(sql, statement, position(statement.text, word))).toBe(position(sql, word));
      }
    });
  });

  it('finds the columns of the left side that a LEFT JOIN LATERAL selects', () => {
    const references = (from: string) => leftLateralReferences(only(`SELECT * FROM ${from}`));
    expect(
      references(
        's.p JOIN q AS o ON true LEFT JOIN LATERAL (SELECT length(o.id) AS l FROM s.c WHERE c.p = p.id) x ON true',
      ),
    ).toEqual([{ outer: { name: 'q' }, column: 'id', inner: { schema: 's', name: 'c' } }]);
    expect(references('p LEFT JOIN LATERAL (SELECT count(*) FROM c WHERE c.p = p.id) x ON true')).toEqual([]);
    expect(references('p CROSS JOIN LATERAL (SELECT p.id FROM c) x')).toEqual([]);
    expect(references('p LEFT JOIN (SELECT 1 FROM c) x ON true')).toEqual([]);
  });

  describe('session parameters', () => {
    it.each([
      'search_path',
      'TimeZone',
      'APPLICATION_NAME',
      'dsql.enable_batched_nestloop',
      'disable_sync_create_index',
    ])('lets %s be set anywhere', (name) => {
      for (const scope of ['session', 'local', 'startup'] as const) {
        expect(sessionParameterRefusal(name, scope)).toBeUndefined();
      }
    });

    it('refuses any other by the name it was given', () => {
      expect(sessionParameterRefusal('Statement_Timeout', 'startup')).toMatchObject({
        sqlstate: '0A000',
        message: 'setting configuration parameter "Statement_Timeout" not supported',
      });
    });

    it('lets the role be set only locally and the cluster id only at startup', () => {
      expect(sessionParameterRefusal('role', 'local')).toBeUndefined();
      expect(sessionParameterRefusal('role')).toBeDefined();
      expect(sessionParameterRefusal('role', 'startup')).toBeDefined();
      expect(sessionParameterRefusal('amzn-cluster-id', 'startup')).toBeUndefined();
      expect(sessionParameterRefusal('amzn-cluster-id')).toBeDefined();
    });
  });
});
