import { TYPES_AS_TEXT_ADVICE } from '../facts/types-as-text';
import { byPattern, GUIDE, RECORDED, SKILL, VERIFIED } from './rule';
import type { Evidence, RefusalRule } from './rule';

/** A row that takes more than the statement to decide: what runs statements answers it. */
function stateful(
  decidedBy: 'transaction' | 'catalogue',
  id: string,
  row: Omit<RefusalRule, 'id' | 'decidedBy' | 'sqlstate'> & { readonly sqlstate?: string },
): RefusalRule {
  return { id, sqlstate: '0A000', ...row, decidedBy };
}

const limit = (
  id: string,
  what: string,
  message: string,
  evidence: Evidence = GUIDE,
  instead?: string,
): RefusalRule =>
  stateful('catalogue', id, {
    what,
    sqlstate: '54000',
    message,
    ...evidence,
    ...(instead !== undefined && { instead }),
  });

/** What only the transaction or the catalogue decides. */
export const statefulRules: readonly RefusalRule[] = [
  stateful('transaction', 'multiple-ddl', {
    what: 'a second DDL statement in a transaction, or in a query string of several statements',
    message: 'multiple ddl statements not supported in a transaction',
    ...RECORDED,
    instead: 'One DDL statement per transaction.',
  }),
  stateful('transaction', 'ddl-and-dml', {
    what: 'DDL and INSERT, UPDATE or DELETE in one transaction, in either order',
    message: 'ddl and dml are not supported in the same transaction',
    ...RECORDED,
    instead: 'A transaction of its own for the DDL statement.',
  }),
  stateful('transaction', 'row-limit', {
    what: 'more than 3,000 rows inserted, updated and deleted in a transaction, cascades included',
    sqlstate: '54000',
    message: 'transaction row limit exceeded',
    ...RECORDED,
    instead: 'Batches of at most 3,000 rows.',
  }),
  stateful('transaction', 'size-limit', {
    what: 'more than 10 MiB changed in a transaction',
    sqlstate: '54000',
    message: 'transaction size limit 10mb exceeded',
    ...SKILL,
    instead: 'Smaller batches.',
  }),
  stateful('transaction', 'age-limit', {
    what: 'a transaction older than 5 minutes',
    sqlstate: '54000',
    message: 'transaction age limit of 300s exceeded',
    ...SKILL,
    instead: 'Shorter transactions.',
  }),
  stateful('catalogue', 'stack-depth', {
    what: 'a statement or a view whose expressions are nested too deeply',
    sqlstate: '54001',
    message: 'stack depth limit exceeded',
    ...SKILL,
    instead: 'IN or = ANY instead of a chain of OR; several views, one on top of the other.',
  }),
  stateful('catalogue', 'drop-primary-key-column', {
    what: 'ALTER TABLE … DROP COLUMN of a column of the primary key',
    message: 'cannot drop primary key column {column}',
    ...RECORDED,
    instead: 'Create another table and copy.',
  }),
  stateful('catalogue', 'drop-primary-key', {
    what: 'ALTER TABLE … DROP CONSTRAINT of the primary key',
    message: 'unsupported ALTER TABLE DROP CONSTRAINT statement',
    ...VERIFIED,
    instead: 'Create another table and copy.',
  }),
  stateful('catalogue', 'index-not-valid', {
    what: 'ALTER TABLE … ADD CONSTRAINT … UNIQUE USING INDEX while the index is being built',
    sqlstate: '55000',
    message: 'index "{index}" is not valid',
    ...RECORDED,
    instead: 'Wait until sys.jobs says that the job is completed.',
  }),
  stateful('catalogue', 'wait-for-job-in-select', {
    what: 'SELECT sys.wait_for_job(…)',
    sqlstate: '42809',
    message: 'sys.wait_for_job(text) is a procedure',
    ...RECORDED,
    instead: 'CALL sys.wait_for_job(…).',
  }),
  stateful('catalogue', 'left-join-lateral', {
    what: 'LEFT JOIN LATERAL (SELECT …) whose select list names a column of the left side',
    sqlstate: '42804',
    message: 'attribute {number} of type {table} has wrong type',
    ...RECORDED,
    instead: 'CROSS JOIN LATERAL, or take the column from the left side outside of the sub-query.',
  }),
  stateful('catalogue', 'key-type', {
    what: 'a key or index on a column of type bytea, interval, json, jsonb or time with time zone',
    message: 'datatype {type} is not supported in a key',
    ...SKILL,
    instead: 'Make a column of another type the key.',
  }),
  stateful('catalogue', 'stored-type', {
    what: 'a column of a type that DSQL does not store, by way of a domain, a row type, an array of these, or LIKE',
    message: 'datatype {type} not supported',
    ...byPattern(RECORDED),
    instead: 'Store text or jsonb.',
  }),
  stateful('catalogue', 'index-collation', {
    what: 'CREATE INDEX … (column COLLATE …) with another collation than C',
    sqlstate: '42704',
    message: 'collation {name} for encoding "UTF8" does not exist',
    ...byPattern(GUIDE),
    instead: 'Omit COLLATE: texts sort by their bytes.',
  }),
  stateful('catalogue', 'extension-type', {
    what: 'a column of a type that an extension brings: citext, hstore, geometry, vector, …',
    sqlstate: '42704',
    message: 'type "{type}" does not exist',
    ...byPattern(RECORDED),
    instead: `Store text or jsonb; for citext, make a unique index on lower(column). ${TYPES_AS_TEXT_ADVICE}`,
  }),
  limit(
    'key-size',
    'a key of more than 1,981 bytes, 7 less for each further column; a secondary index also carries the primary key',
    'key size too large',
    SKILL,
    'Shorter keys, or a key on md5(column).',
  ),
  limit(
    'declared-key-size',
    'a key whose columns are declared with more than 2,000 bytes in all',
    'key size greater than 2000 bytes not supported',
    SKILL,
    'Declare the columns shorter, or text: then only what is written counts.',
  ),
  limit(
    'row-size',
    'a row of more than 2 MiB',
    'maximum row size exceeded',
    SKILL,
    'Put large values into rows of their own.',
  ),
  limit(
    'value-size',
    'a value of text, bytea, json or jsonb of more than 1 MiB as it is stored, compressed where it compresses',
    'datatype limit greater than 1048576 bytes not supported for {type}',
    SKILL,
    'Split the value over several rows, or keep it outside the database.',
  ),
  limit(
    'temporary-space',
    'a query that needs more than 128 MiB to sort, join or group',
    'query requires more than allowed temp space of 131072 KB to execute',
    SKILL,
    'Fewer rows at a time, or an index that has the order.',
  ),
  limit(
    'index-count',
    'more than 24 indexes on a table, those of its keys and those being built among them',
    'more than 24 indexes per table are not allowed',
    SKILL,
    'Drop an index that no query needs.',
  ),
  limit(
    'statistics-count',
    'more than 5 extended statistics on a table',
    'more than 5 extended statistics per table are not allowed',
    GUIDE,
    'Drop statistics that no query needs.',
  ),
  limit(
    'schema-count',
    'more than 10 schemas besides public and sys',
    'more than 10 schemas not allowed',
    SKILL,
    'Several applications in one schema, or a cluster each.',
  ),
  limit(
    'table-count',
    'more than 1,000 tables',
    'creating more than 1000 tables not allowed',
    GUIDE,
    'One table for what is alike, with a column that tells it apart; or several clusters.',
  ),
  limit(
    'view-count',
    'more than 5,000 views',
    'creating more than 5000 views not allowed',
    GUIDE,
    'Drop views that no query needs.',
  ),
  limit(
    'sequence-count',
    'more than 5,000 sequences',
    'creating more than 5000 sequences is not allowed',
    GUIDE,
    'uuid keys with DEFAULT gen_random_uuid().',
  ),
];
