import { loadParser, parseQuery } from '../../src/sql';

beforeAll(loadParser);

/** What a query string's first refused statement is answered with, as `SQLSTATE message`; its syntax error; or `accepted`. */
function answer(sql: string): string {
  const { statements, error } = parseQuery(sql);
  if (error) return `42601 ${error.message}`;
  const refusal = statements.find((statement) => statement.refusal)?.refusal;
  return refusal ? `${refusal.sqlstate} ${refusal.message}` : 'accepted';
}

describe('a statement that a cluster was seen to refuse', () => {
  it.each([
    ['create trigger t after insert on p execute function f()', '0A000 CREATE TRIGGER not supported'],
    ['CREATE DATABASE other', '0A000 unsupported statement: Createdb'],
    ['CREATE TEMP TABLE t (id int)', '0A000 TEMPORARY or TEMP table not supported for CREATE TABLE'],
    ['CREATE TEMPORARY TABLE t (id int)', '0A000 TEMPORARY or TEMP table not supported for CREATE TABLE'],
    ['CREATE UNLOGGED TABLE t (id int)', '0A000 UNLOGGED table not supported for CREATE TABLE'],
    ['CREATE TABLE t (id serial PRIMARY KEY)', '42704 type "serial" does not exist'],
    ['CREATE MATERIALIZED VIEW v AS SELECT 1', '0A000 unsupported statement: CreateTableAs'],
    ['CREATE TABLE t AS SELECT 1', '0A000 unsupported statement: CreateTableAs'],
    ['CREATE TYPE r AS RANGE (subtype = int4)', '0A000 unsupported statement: CreateRange'],
    ['CREATE TYPE c AS (a int)', '0A000 unsupported statement: CompositeType'],
    ["CREATE TABLESPACE ts LOCATION '/tmp/x'", '0A000 unsupported statement: CreateTableSpace'],
    ['CREATE FOREIGN TABLE t (a int) SERVER s', '0A000 unsupported statement: CreateForeignTable'],
    ['VACUUM t', '0A000 unsupported VACUUM statement'],
    ['LISTEN c', '0A000 unsupported statement: Listen'],
    ['NOTIFY c', '0A000 unsupported statement: Notify'],
    ['UNLISTEN c', '0A000 unsupported statement: Unlisten'],
    ['TRUNCATE t', '0A000 unsupported statement: Truncate'],
    ['CREATE EXTENSION IF NOT EXISTS "uuid-ossp"', '0A000 unsupported statement: CreateExtension'],
    ['ALTER SYSTEM SET work_mem = 1', '0A000 unsupported statement: AlterSystem'],
    ['SET TRANSACTION ISOLATION LEVEL SERIALIZABLE', '0A000 Unsupported isolation level: SERIALIZABLE'],
    ['BEGIN ISOLATION LEVEL SERIALIZABLE', '0A000 Unsupported isolation level: SERIALIZABLE'],
    ['SAVEPOINT s', '0A000 unsupported transaction statement: SAVEPOINT'],
    ['ROLLBACK TO SAVEPOINT s', '0A000 unsupported transaction statement: ROLLBACK TO'],
    ['CREATE INDEX i ON t (a)', '0A000 unsupported mode. please use CREATE INDEX ASYNC.'],
  ])('%s', (sql, expected) => {
    expect(answer(sql)).toBe(expected);
  });
});
