import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  capabilities,
  capabilityPage,
  loadParser,
  refusalMessages,
  refusals,
  translate,
} from '../../src/sql';

beforeAll(loadParser);

describe('the table of capabilities', () => {
  it('has one row for each id, with a source and a date', () => {
    const ids = capabilities.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { source, date, since, what } of capabilities) {
      expect(what).not.toBe('');
      expect(source).not.toBe('');
      expect(date).toMatch(/^\d{4}-\d\d(?:-\d\d)?$/);
      expect(since ?? date).toMatch(/^\d{4}-\d\d(?:-\d\d)?$/);
    }
  });

  it('has a row for each refusal', () => {
    const refused = capabilities.filter(({ supported }) => !supported).map(({ id }) => id);
    expect(refused).toEqual(refusals.map(({ id }) => id));
  });

  it('is what docs/dsql-support.md says', () => {
    const page = readFileSync(path.join(__dirname, '../../docs/dsql-support.md'), 'utf8');
    // To write it anew: node -r ./test/typescript-register.cjs -e "process.stdout.write(require('./src/sql').capabilityPage())"
    expect(page).toBe(capabilityPage());
  });

  it('is what docs/troubleshooting.md says of the messages', () => {
    const page = readFileSync(path.join(__dirname, '../../docs/troubleshooting.md'), 'utf8');
    expect(page).toContain(
      `<!-- prettier-ignore-start -->\n${refusalMessages()}<!-- prettier-ignore-end -->`,
    );
  });

  it('is on the page with every row once, in lines that fit a window', () => {
    const lines = capabilityPage().split('\n');
    const shown = lines.flatMap((line) => /^(?:\| |- )`([\w-]+)`/.exec(line)?.[1] ?? []);
    expect([...shown].sort()).toEqual(capabilities.map(({ id }) => id).sort());
    expect(lines.filter((line) => line.length > 120)).toEqual([]);
  });
});

describe('an override', () => {
  /** A statement that uses the capability, as it is without an override. */
  const uses: readonly (readonly [string, string])[] = [
    ['create-table', 'CREATE TABLE t (a int)'],
    ['create-table-like', 'CREATE TABLE t (LIKE u INCLUDING ALL)'],
    ['identity-column', 'CREATE TABLE t (a bigserial)'],
    ['generated-column', 'CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a + 1) STORED)'],
    ['check-constraint', 'CREATE TABLE t (a int CHECK (a > 0))'],
    ['unique-constraint', 'CREATE TABLE t (a int UNIQUE)'],
    ['foreign-key', 'CREATE TABLE t (a int REFERENCES u)'],
    ['json-column', 'CREATE TABLE t (a json)'],
    ['jsonb-column', 'ALTER TABLE t ADD a jsonb'],
    ['numeric-precision', 'CREATE TABLE t (a numeric(100, 10))'],
    ['add-column', 'ALTER TABLE t ADD a int'],
    ['drop-column', 'ALTER TABLE t DROP a'],
    ['column-default', 'ALTER TABLE t ADD a int DEFAULT 1'],
    ['drop-not-null', 'ALTER TABLE t ALTER a DROP NOT NULL'],
    ['add-check-not-valid', 'ALTER TABLE t ALTER a SET NOT NULL'],
    ['add-foreign-key-not-valid', 'ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u'],
    ['unique-using-index', 'ALTER TABLE t ADD UNIQUE (a)'],
    ['validate-constraint', 'ALTER TABLE t ADD CHECK (a > 0)'],
    ['drop-constraint', 'ALTER TABLE t DROP CONSTRAINT c'],
    ['alter-identity', 'ALTER TABLE t ALTER a ADD GENERATED ALWAYS AS IDENTITY'],
    ['index', 'CREATE INDEX ON t (a)'],
    ['expression-index', 'CREATE INDEX ON t (lower(a))'],
    ['partial-index', 'CREATE INDEX ON t (a) WHERE a > 0'],
    ['index-include', 'CREATE INDEX ON t (a) INCLUDE (b)'],
    ['nulls-not-distinct', 'CREATE UNIQUE INDEX ON t (a) NULLS NOT DISTINCT'],
    ['rename', 'ALTER TABLE t RENAME a TO b'],
    ['comment', "COMMENT ON TABLE t IS 'c'"],
    ['view', 'CREATE VIEW v AS SELECT 1 AS a'],
    ['schema', 'CREATE SCHEMA s'],
    ['sequence', 'CREATE SEQUENCE s'],
    ['domain', 'CREATE DOMAIN d AS text'],
    ['sql-function', 'CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1'],
    ['statistics', 'CREATE STATISTICS s ON a, b FROM t'],
    ['for-update', 'SELECT a FROM t FOR UPDATE'],
    ['for-key-share', 'SELECT a FROM t FOR KEY SHARE'],
    ['on-conflict', 'INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING'],
    ['copy', 'COPY t FROM STDIN'],
    ['set-constraints', 'SET CONSTRAINTS ALL DEFERRED'],
  ];

  it.each(uses)('refuses what needs %s', (id, sql) => {
    expect(translate(sql).refusals).toEqual([]);
    const { statements, refusals: found } = translate(sql, { capabilities: { [id]: false } });
    expect(found.map(({ rule }) => rule)).toContain(id);
    expect(statements).toEqual([]);
  });

  it('is known for each row of what DSQL does', () => {
    const supported = capabilities.filter(({ supported: isSupported }) => isSupported).map(({ id }) => id);
    expect(uses.map(([id]) => id).sort()).toEqual(supported.sort());
  });

  it.each([
    ['set-not-null', 'ALTER TABLE t ALTER a SET NOT NULL'],
    ['alter-column-type', 'ALTER TABLE t ALTER a TYPE bigint'],
    ['statement-truncate', 'TRUNCATE t'],
    ['serial', 'CREATE TABLE t (a serial)'],
    ['index-without-async', 'CREATE INDEX ON t (a)'],
    ['create-enum', "CREATE TYPE e AS ENUM ('a')"],
    ['add-column-with-constraint', 'ALTER TABLE t ADD a int DEFAULT 1'],
    ['add-constraint', 'ALTER TABLE t ADD PRIMARY KEY (a)'],
    ['statement-createextension', 'CREATE EXTENSION citext'],
    ['session-parameter', 'SET statement_timeout = 0'],
  ])('leaves alone what %s no longer refuses', (id, sql) => {
    const { statements, refusals: found } = translate(sql, { capabilities: { [id]: true } });
    expect(found).toEqual([]);
    expect(statements.map((statement) => statement.sql)).toEqual([sql]);
  });

  it('names an id that the table does not have', () => {
    expect(() => translate('SELECT 1', { capabilities: { 'drop-colum': false } })).toThrow(
      new RangeError('capabilities names "drop-colum", which is no capability of the table.'),
    );
  });
});
