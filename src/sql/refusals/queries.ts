import { geometricType, isGeometricType } from '../facts/column-types';
import { stringConstant, strings, walk } from '../syntax/parse-tree';
import type { NodeBody } from '../syntax/parse-tree';
import { PARAMETER_ADVICE, sessionParameterRefusal } from '../facts/session-parameters';
import { byPattern, GRAMMAR, LINT, RECORDED, rule } from './rule';
import type { StatementRule } from './rule';

/** The name of a function that is PostgreSQL's own: called by that name alone, or in `pg_catalog`. */
function builtinFunction({ funcname }: NodeBody<'FuncCall'>): string | undefined {
  const names = strings(funcname);
  return names.length === 1 || (names.length === 2 && names[0] === 'pg_catalog') ? names.at(-1) : undefined;
}

/** The functions that take a text search configuration before their other arguments, and how many those then are. */
const TEXT_SEARCH_FUNCTIONS: Readonly<Record<string, number>> = {
  to_tsvector: 2,
  to_tsquery: 2,
  plainto_tsquery: 2,
  phraseto_tsquery: 2,
  websearch_to_tsquery: 2,
  json_to_tsvector: 3,
  jsonb_to_tsvector: 3,
  ts_headline: 4,
};

const isKnownConfiguration = (name: string): boolean => /^(?:pg_catalog\.)?simple$/i.test(name);

const containsSubquery = (call: NodeBody<'CallStmt'>): boolean => {
  let found = false;
  walk('CallStmt', call, ({ name }) => {
    found ||= name === 'SubLink';
    return !found;
  });
  return found;
};

/** Queries, the functions they call, and what is said to the server besides. */
export const queries: readonly StatementRule[] = [
  rule('select-into', 'SelectStmt', {
    what: 'SELECT … INTO',
    message: 'unsupported statement: CreateTableAs',
    ...byPattern(RECORDED),
    instead: 'CREATE TABLE and INSERT … SELECT.',
    when: ({ intoClause }) => intoClause !== undefined,
  }),
  rule('merge', 'MergeStmt', {
    what: 'MERGE',
    message: 'unsupported statement type: MERGE',
    ...RECORDED,
    instead: 'INSERT … ON CONFLICT.',
  }),
  rule('locking-strength', 'LockingClause', {
    what: 'SELECT … FOR SHARE, FOR NO KEY UPDATE',
    message: 'locking clauses other than FOR UPDATE/FOR KEY SHARE are not supported',
    ...RECORDED,
    instead: 'FOR UPDATE or FOR KEY SHARE.',
    when: ({ strength }) => strength === 'LCS_FORSHARE' || strength === 'LCS_FORNOKEYUPDATE',
  }),
  rule('tablesample', 'RangeTableSample', {
    what: 'TABLESAMPLE',
    message: 'TABLESAMPLE clause not supported',
    ...RECORDED,
    instead: 'WHERE random() < …',
  }),
  rule('geometric-cast', 'TypeCast', {
    what: 'a cast to a geometric type',
    instead: 'Numbers for coordinates, or GeoJSON as jsonb.',
    message: 'datatype {type} not supported',
    ...byPattern(RECORDED),
    when: ({ typeName }) => {
      const type = geometricType(typeName);
      return type !== undefined && { type };
    },
  }),
  rule('geometric-function', 'FuncCall', {
    what: 'point(…), line(…), lseg(…), box(…), path(…), polygon(…), circle(…)',
    instead: 'Numbers for coordinates, or GeoJSON as jsonb.',
    message: 'datatype {type} not supported',
    ...RECORDED,
    when: (call) => {
      const type = builtinFunction(call);
      return type !== undefined && isGeometricType(type) && { type };
    },
  }),
  rule('advisory-lock', 'FuncCall', {
    what: 'advisory locks: pg_advisory_lock, pg_try_advisory_lock, pg_advisory_xact_lock, …',
    message: 'function {function} not supported',
    source: 'reported from a cluster (golang-migrate issue 1289, goose issue 971)',
    date: '2026-08',
    wording: 'recorded',
    instead: 'Lock with a row: insert or update it in the transaction, and retry on SQLSTATE 40001.',
    when: (call) => {
      const name = builtinFunction(call);
      return name !== undefined && /^pg_(?:try_)?advisory_/.test(name) && { function: name };
    },
  }),
  rule('set-config-parameter', 'FuncCall', {
    what: 'set_config of a parameter that is not on the list',
    message: 'setting configuration parameter "{name}" not supported',
    source: 'pgdump-proxy of awslabs',
    date: '2026-09',
    wording: 'pattern',
    instead: PARAMETER_ADVICE,
    when: (call) => {
      const name = builtinFunction(call) === 'set_config' ? stringConstant(call.args?.[0]) : undefined;
      return name !== undefined && sessionParameterRefusal(name) !== undefined && { name };
    },
  }),
  rule('set-config', 'FuncCall', {
    what: 'set_config',
    message: 'function set_config not supported',
    source: 'pgdump-proxy of awslabs',
    date: '2026-09',
    wording: 'pattern',
    instead: 'Write SET.',
    when: (call) => builtinFunction(call) === 'set_config',
  }),
  rule('text-search-configuration', 'FuncCall', {
    what: "text search in any language: to_tsvector('english', …), to_tsquery('english', …), …",
    sqlstate: '42704',
    message: 'text search configuration "{name}" does not exist',
    ...RECORDED,
    instead: 'Search outside the database, or with LIKE.',
    when: (call) => {
      const arity = TEXT_SEARCH_FUNCTIONS[builtinFunction(call) ?? ''];
      const name = arity === call.args?.length ? stringConstant(call.args?.[0]) : undefined;
      return name !== undefined && !isKnownConfiguration(name) && { name };
    },
  }),
  rule('call-subquery', 'CallStmt', {
    what: 'CALL procedure((SELECT …))',
    message: 'cannot use subquery in CALL argument',
    ...RECORDED,
    instead: 'Select the value first and pass it as a literal or a parameter.',
    when: containsSubquery,
  }),
  rule('copy-file', 'CopyStmt', {
    what: 'COPY from or to a file or program',
    message: 'COPY {direction} {place} not supported',
    ...LINT,
    instead: 'COPY … FROM STDIN, COPY … TO STDOUT.',
    when: ({ filename, is_program: isProgram, is_from: isFrom }) =>
      filename !== undefined && { direction: isFrom ? 'FROM' : 'TO', place: isProgram ? 'PROGRAM' : 'file' },
  }),
  rule('vacuum', 'VacuumStmt', {
    what: 'VACUUM',
    message: 'unsupported VACUUM statement',
    ...RECORDED,
    instead: 'Omit it; ANALYZE is accepted.',
    when: ({ is_vacuumcmd: isVacuum }) => isVacuum === true,
  }),
  rule('analyze-options', 'VacuumStmt', {
    what: 'ANALYZE with options, or without a table',
    message: 'unsupported ANALYZE statement',
    ...GRAMMAR,
    instead: 'ANALYZE table.',
    when: ({ is_vacuumcmd: isVacuum, options, rels }) =>
      isVacuum !== true && (options !== undefined || rels === undefined),
  }),
  rule('deallocate-name', 'DeallocateStmt', {
    what: 'DEALLOCATE name',
    message: 'unsupported statement: Deallocate',
    ...LINT,
    instead: 'DEALLOCATE ALL, or close the statement through the protocol.',
    when: ({ name }) => name !== undefined,
  }),
];
