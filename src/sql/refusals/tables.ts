import type { ColumnDef, Constraint } from 'libpg-query';
import { declaredLength, nonBigintType, refusedColumnType, serialType } from '../facts/column-types';
import { TYPES_AS_TEXT_ADVICE } from '../facts/types-as-text';
import { asNode } from '../syntax/parse-tree';
import type { NodeBody } from '../syntax/parse-tree';
import { byPattern, GRAMMAR, GUIDE, LINT, RECORDED, REPORTED, rule, SKILL } from './rule';
import type { Place, StatementRule } from './rule';
import { CACHE_ADVICE, cacheSize, isCacheAccepted } from './sequences';

/** The constraints of a column, those after its type. */
export const columnConstraints = ({ constraints }: ColumnDef): Constraint[] =>
  (constraints ?? []).flatMap((constraint) => asNode(constraint, 'Constraint') ?? []);

const isColumnOfTable = ({ parent }: Place): boolean =>
  parent?.name === 'CreateStmt' || parent?.name === 'AlterTableCmd';

/** Whether this is a column of a table, or a domain. */
const isDeclaration = (place: Place): boolean => place.parent === undefined || isColumnOfTable(place);

const tableStatement = ({ parent }: Place): { statement: string } => ({
  statement: parent?.name === 'CreateStmt' ? 'CREATE TABLE' : 'ALTER TABLE',
});

const columnsOf = ({ tableElts }: NodeBody<'CreateStmt'>): ColumnDef[] =>
  (tableElts ?? []).flatMap((element) => asNode(element, 'ColumnDef') ?? []);

/** That 256 are accepted and 257 refused was seen on a cluster; its message speaks of 255. */
const MAX_COLUMNS = 256;

function hasPrimaryKey({ tableElts }: NodeBody<'CreateStmt'>): boolean {
  return (tableElts ?? []).some((element) => {
    const column = asNode(element, 'ColumnDef');
    const constraints = column ? columnConstraints(column) : [asNode(element, 'Constraint')];
    return constraints.some((constraint) => constraint?.contype === 'CONSTR_PRIMARY');
  });
}

const KEY_TYPES = new Set(['CONSTR_PRIMARY', 'CONSTR_UNIQUE']);
const isKey = ({ contype }: Constraint): boolean => contype !== undefined && KEY_TYPES.has(contype);

/** Whether a column's PRIMARY KEY or UNIQUE is followed by DEFERRABLE or INITIALLY DEFERRED. */
function hasDeferrableKey(column: ColumnDef): boolean {
  let afterKey = false;
  for (const constraint of columnConstraints(column)) {
    const deferral = constraint.contype?.startsWith('CONSTR_ATTR_') ?? false;
    if (!deferral) afterKey = isKey(constraint);
    else if (afterKey && /_(?:DEFERRABLE|DEFERRED)$/.test(constraint.contype ?? '')) {
      if (constraint.contype !== 'CONSTR_ATTR_NOT_DEFERRABLE') return true;
    }
  }
  return false;
}

/** CREATE TABLE: its clauses, columns and constraints. */
export const tables: readonly StatementRule[] = [
  rule('temporary-table', 'CreateStmt', {
    what: 'CREATE TEMPORARY TABLE',
    message: 'TEMPORARY or TEMP table not supported for CREATE TABLE',
    ...RECORDED,
    instead: 'Use an ordinary table, or a CTE.',
    when: ({ relation }) => relation?.relpersistence === 't',
  }),
  rule('unlogged-table', 'CreateStmt', {
    what: 'CREATE UNLOGGED TABLE',
    message: 'UNLOGGED table not supported for CREATE TABLE',
    ...RECORDED,
    instead: 'Use an ordinary table.',
    when: ({ relation }) => relation?.relpersistence === 'u',
  }),
  rule('partition-of', 'CreateStmt', {
    what: 'CREATE TABLE … PARTITION OF',
    message: 'PARTITION OF clause not supported for CREATE TABLE',
    ...REPORTED,
    instead: 'Use one table: DSQL partitions by itself.',
    when: ({ partbound }) => partbound !== undefined,
  }),
  rule('partition-by', 'CreateStmt', {
    what: 'CREATE TABLE … PARTITION BY',
    message: 'PARTITION BY clause not supported for CREATE TABLE',
    ...REPORTED,
    instead: 'Use one table: DSQL partitions by itself.',
    when: ({ partspec }) => partspec !== undefined,
  }),
  rule('table-clause', 'CreateStmt', {
    what: 'CREATE TABLE … INHERITS, OF type, USING, WITH (…), ON COMMIT, TABLESPACE',
    message: '{clause} clause not supported for CREATE TABLE',
    ...LINT,
    instead: 'Omit the clause.',
    when: (table) => {
      // A partition has its parent there, and a rule of its own.
      if (table.inhRelations && !table.partbound) return { clause: 'INHERITS' };
      if (table.ofTypename) return { clause: 'OF' };
      if (table.accessMethod !== undefined) return { clause: 'USING' };
      if (table.options) return { clause: 'WITH' };
      if (table.oncommit !== undefined && table.oncommit !== 'ONCOMMIT_NOOP') return { clause: 'ON COMMIT' };
      return table.tablespacename !== undefined && { clause: 'TABLESPACE' };
    },
  }),
  rule('table-columns', 'CreateStmt', {
    what: 'a table without a primary key that has more than 256 columns',
    sqlstate: '54011',
    message: 'tables can have at most 255 columns',
    ...SKILL,
    instead: 'Two tables with the same key, or jsonb for what is seldom asked for.',
    when: (table) => columnsOf(table).length > MAX_COLUMNS && !hasPrimaryKey(table),
  }),
  rule('table-columns-with-key', 'CreateStmt', {
    what: 'a table with a primary key that has more than 256 columns',
    sqlstate: '54011',
    message: 'cannot use more than 256 columns in an index',
    ...SKILL,
    instead: 'Two tables with the same key, or jsonb for what is seldom asked for.',
    when: (table) => columnsOf(table).length > MAX_COLUMNS && hasPrimaryKey(table),
  }),
  rule('identity-cache', 'ColumnDef', {
    what: 'GENERATED … AS IDENTITY without CACHE 1 or CACHE 65536 and above',
    message: `identity column is not supported without an explicit cache size. ${CACHE_ADVICE}`,
    ...RECORDED,
    instead: 'GENERATED … AS IDENTITY (CACHE 1), or (CACHE 65536) for many concurrent inserts.',
    when: (column, place) =>
      isColumnOfTable(place) &&
      columnConstraints(column).some(
        ({ contype, options }) => contype === 'CONSTR_IDENTITY' && !isCacheAccepted(cacheSize(options)),
      ),
  }),
  rule('identity-type', 'ColumnDef', {
    what: 'an identity column of another type than bigint',
    message: 'datatype {type} not supported, identity column type must be bigint',
    ...RECORDED,
    instead: 'Declare the column bigint.',
    when: (column, place) => {
      if (!isColumnOfTable(place)) return false;
      if (!columnConstraints(column).some(({ contype }) => contype === 'CONSTR_IDENTITY')) return false;
      const type = nonBigintType(column.typeName);
      return type !== undefined && { type };
    },
  }),
  rule('serial', 'ColumnDef', {
    what: 'serial, bigserial, smallserial',
    sqlstate: '42704',
    message: 'type "{type}" does not exist',
    ...RECORDED,
    instead: 'bigint GENERATED BY DEFAULT AS IDENTITY (CACHE 1), or a uuid with DEFAULT gen_random_uuid().',
    when: ({ typeName }, place) => {
      const type = isColumnOfTable(place) ? serialType(typeName) : undefined;
      return type !== undefined && { type };
    },
  }),
  rule('column-type', 'ColumnDef', {
    what: 'a column of a type that DSQL does not store: arrays, bit strings, geometric, network, range, text search and other types',
    message: 'datatype {type} not supported',
    ...RECORDED,
    instead: `Store text or jsonb; such values may still be used inside a query. ${TYPES_AS_TEXT_ADVICE}`,
    when: ({ typeName }, place) => {
      const type = isColumnOfTable(place) ? refusedColumnType(typeName) : undefined;
      return type !== undefined && { type };
    },
  }),
  rule('char-length', ['ColumnDef', 'CreateDomainStmt'], {
    what: 'char(n) with n over 4,096',
    sqlstate: '54000',
    message: 'Datatype limit greater than 4096 bytes not supported for char',
    ...SKILL,
    instead: 'Declare text, or varchar(n).',
    when: ({ typeName }, place) => isDeclaration(place) && declaredLength(typeName, 'bpchar') > 4096,
  }),
  rule('varchar-length', ['ColumnDef', 'CreateDomainStmt'], {
    what: 'varchar(n) with n over 65,535',
    sqlstate: '54000',
    message: 'Datatype limit greater than 65535 bytes not supported for varchar',
    ...SKILL,
    instead: 'Declare text, with CHECK (char_length(column) <= n) where the length matters.',
    when: ({ typeName }, place) => isDeclaration(place) && declaredLength(typeName, 'varchar') > 65_535,
  }),
  rule('column-collation', 'ColumnDef', {
    what: 'COLLATE on a column',
    message: 'COLLATE clause not supported for {statement}',
    ...LINT,
    instead: 'Omit it: the only collation of a column is C.',
    when: ({ collClause }, place) =>
      isColumnOfTable(place) && collClause !== undefined && tableStatement(place),
  }),
  rule('column-clause', 'ColumnDef', {
    what: 'COMPRESSION or OPTIONS on a column',
    message: '{clause} clause not supported for {statement}',
    ...GRAMMAR,
    instead: 'Use STORAGE to control compression.',
    when: ({ compression, fdwoptions }, place) => {
      if (!isColumnOfTable(place)) return false;
      if (compression !== undefined) return { clause: 'COMPRESSION', ...tableStatement(place) };
      return fdwoptions !== undefined && { clause: 'OPTIONS', ...tableStatement(place) };
    },
  }),
  rule('deferrable-key-column', 'ColumnDef', {
    what: 'DEFERRABLE on PRIMARY KEY or UNIQUE of a column',
    message: 'DEFERRABLE clause not supported for CREATE TABLE',
    ...byPattern(GUIDE),
    instead: 'Only foreign keys can be deferred.',
    when: (column, place) => isColumnOfTable(place) && hasDeferrableKey(column),
  }),
  rule('deferrable-key', 'Constraint', {
    what: 'DEFERRABLE on PRIMARY KEY or UNIQUE of a table',
    message: 'DEFERRABLE clause not supported for CREATE TABLE',
    ...byPattern(GUIDE),
    instead: 'Only foreign keys can be deferred.',
    when: (constraint) =>
      isKey(constraint) && (constraint.deferrable === true || constraint.initdeferred === true),
  }),
  rule('exclusion-constraint', 'Constraint', {
    what: 'EXCLUDE',
    message: 'EXCLUDE constraint not supported for CREATE TABLE',
    ...LINT,
    instead: 'Check in the transaction that writes.',
    when: ({ contype }) => contype === 'CONSTR_EXCLUSION',
  }),
  rule('key-storage', 'Constraint', {
    what: 'PRIMARY KEY or UNIQUE … WITH (…)',
    message: 'WITH clause not supported for CREATE TABLE',
    ...GRAMMAR,
    instead: 'Omit the clause.',
    when: (constraint) => isKey(constraint) && constraint.options !== undefined,
  }),
  rule('key-columns', 'Constraint', {
    what: 'PRIMARY KEY or UNIQUE over more than 8 columns',
    sqlstate: '54011',
    instead: 'A key of fewer columns, or a column that holds a hash of all of them.',
    message: 'more than 8 column keys in an index are not supported',
    ...GUIDE,
    when: (constraint) => isKey(constraint) && (constraint.keys?.length ?? 0) > 8,
  }),
];
