import type { ObjectType } from 'libpg-query';
import { refusedColumnType } from '../facts/column-types';
import { TYPES_AS_TEXT_ADVICE } from '../facts/types-as-text';
import { bodySources, languageOf } from '../syntax/function-body';
import type { NodeBody } from '../syntax/parse-tree';
import { byPattern, GRAMMAR, GUIDE, RECORDED, rule, SKILL, statement, VERIFIED } from './rule';
import type { Evidence, StatementRule } from './rule';

/** Rows for statements that name a kind of object: all kinds but the accepted ones are refused. */
function objects<
  Name extends 'DropStmt' | 'RenameStmt' | 'AlterObjectSchemaStmt' | 'AlterOwnerStmt' | 'CommentStmt',
>(
  id: string,
  node: Name,
  what: string,
  verb: string,
  evidence: Evidence,
  kindOf: (body: NodeBody<Name>) => ObjectType | undefined,
  accepted: string,
  instead: string,
): StatementRule {
  const kinds = new Set(accepted.split(' ').map((kind) => `OBJECT_${kind}`));
  return rule(id, node, {
    what,
    message: `unsupported object in ${verb} statement`,
    ...evidence,
    instead,
    when: (body) => !kinds.has(kindOf(body) ?? ''),
  });
}

/** A cluster took every view of up to about 120 KiB; of 131 to 524 KiB it refused some, by their shape. */
const MAX_VIEW_BYTES = 128 * 1024;

/** What CREATE defines with a list of options, by its kind. */
const DEFINED: Partial<Record<ObjectType, { readonly what: string; readonly instead: string }>> = {
  OBJECT_AGGREGATE: {
    what: 'AGGREGATE',
    instead: 'Compute it with the aggregates that are built in, in a query or in a function in LANGUAGE sql.',
  },
  OBJECT_OPERATOR: { what: 'OPERATOR', instead: 'CREATE FUNCTION … LANGUAGE sql, and call it by its name.' },
  OBJECT_COLLATION: {
    what: 'COLLATION',
    instead:
      'Omit it: the only collation of a column is C. Sort in the application, or by a column that holds a key to sort by.',
  },
  OBJECT_TYPE: { what: 'TYPE', instead: 'A domain over text or jsonb.' },
};

/** Views, types, functions, domains, and what is done to objects by their kinds. */
export const definitions: readonly StatementRule[] = [
  rule('temporary-view', 'ViewStmt', {
    what: 'CREATE TEMPORARY VIEW',
    message: 'TEMPORARY or TEMP view not supported for CREATE VIEW',
    ...byPattern(GUIDE),
    instead: 'Use an ordinary view, or a CTE.',
    when: ({ view }) => view?.relpersistence === 't',
  }),
  rule('create-enum', 'CreateEnumStmt', {
    what: 'CREATE TYPE … AS ENUM',
    message: 'CREATE TYPE not supported',
    ...RECORDED,
    instead: 'text with a CHECK constraint, or a domain.',
  }),
  rule('alter-type', ['AlterEnumStmt', 'AlterTypeStmt'], {
    what: 'ALTER TYPE',
    message: 'ALTER TYPE not supported',
    ...RECORDED,
    instead: 'text with a CHECK constraint, or a domain.',
  }),
  statement('CompositeTypeStmt', 'CREATE TYPE … AS (…)', RECORDED, 'Use columns, or jsonb.'),
  statement('CreateRangeStmt', 'CREATE TYPE … AS RANGE', RECORDED, 'Use two columns.'),
  ...Object.entries(DEFINED).map(([kind, { what, instead }]) =>
    rule(`create-${what.toLowerCase().replaceAll(/\W+/g, '-')}`, 'DefineStmt', {
      what: `CREATE ${what}`,
      message: 'unsupported statement: Define',
      ...byPattern(VERIFIED),
      instead,
      when: ({ kind: defined }) => kind === defined,
    }),
  ),
  rule('statement-define', 'DefineStmt', {
    what: 'CREATE TEXT SEARCH …',
    message: 'unsupported statement: Define',
    ...byPattern(VERIFIED),
    instead: 'Search outside the database, or with LIKE.',
    when: ({ kind = 'OBJECT_TYPE' }) => DEFINED[kind] === undefined,
  }),
  rule('create-trigger', 'CreateTrigStmt', {
    what: 'CREATE TRIGGER',
    message: 'CREATE TRIGGER not supported',
    ...RECORDED,
    instead: 'Do in the application what the trigger did.',
  }),
  rule('create-procedure', 'CreateFunctionStmt', {
    what: 'CREATE PROCEDURE',
    message: 'PROCEDURE is not supported',
    ...SKILL,
    instead: 'Use a function in LANGUAGE sql.',
    when: ({ is_procedure: isProcedure }) => isProcedure === true,
  }),
  rule('function-language', 'CreateFunctionStmt', {
    what: 'CREATE FUNCTION in another language than SQL',
    message: 'CREATE FUNCTION with language {language} not supported',
    ...RECORDED,
    instead: 'LANGUAGE sql, or do it in the application.',
    when: (create) => {
      const language = languageOf(create);
      return language !== 'sql' && { language };
    },
  }),
  rule('domain-type', 'CreateDomainStmt', {
    what: 'CREATE DOMAIN over a type that DSQL does not store: arrays, bit strings, network, range and other types',
    message: 'datatype {type} not supported',
    ...byPattern(RECORDED),
    instead: `A domain over text or jsonb. ${TYPES_AS_TEXT_ADVICE}`,
    when: ({ typeName }) => {
      const type = refusedColumnType(typeName);
      return type !== undefined && { type };
    },
  }),
  rule('domain-collation', 'CreateDomainStmt', {
    what: 'CREATE DOMAIN … COLLATE',
    message: 'COLLATE clause not supported for CREATE DOMAIN',
    ...GRAMMAR,
    instead: 'Omit it: the only collation of a column is C.',
    when: ({ collClause }) => collClause !== undefined,
  }),
  rule('reserved-word', 'CreateFunctionStmt', {
    what: 'ASYNC as a name without quotes in the body of a function; elsewhere, too, it is a syntax error',
    sqlstate: '42601',
    message: '{error}',
    ...byPattern(GRAMMAR),
    instead: 'Put the name in double quotes.',
    when: (create) => {
      const error = bodySources(create)?.error;
      return error?.ownWords === true && { error: error.message };
    },
  }),
  rule('alter-domain', 'AlterDomainStmt', {
    what: 'ALTER DOMAIN … SET NOT NULL, ADD CONSTRAINT, VALIDATE CONSTRAINT',
    message: 'unsupported ALTER DOMAIN {action} statement',
    ...byPattern(VERIFIED),
    instead: 'Create another domain.',
    when: ({ subtype }) => {
      if (subtype === 'O') return { action: 'SET NOT NULL' };
      if (subtype === 'C') return { action: 'ADD CONSTRAINT' };
      return subtype === 'V' && { action: 'VALIDATE CONSTRAINT' };
    },
  }),
  rule('drop-domain-cascade', 'DropStmt', {
    what: 'DROP DOMAIN … CASCADE',
    message: 'DROP DOMAIN with CASCADE unsupported',
    ...VERIFIED,
    instead: 'Drop the columns of the domain first.',
    when: ({ removeType, behavior }) => removeType === 'OBJECT_DOMAIN' && behavior === 'DROP_CASCADE',
  }),
  rule('view-size', 'ViewStmt', {
    what: 'a view whose definition is longer than some 128 KiB',
    sqlstate: '54000',
    message: 'view definition too large',
    ...SKILL,
    instead:
      'Several views, one on top of the other. What a cluster takes depends on the shape: 120 KiB are safe.',
    when: (_view, { source }) =>
      Buffer.byteLength(source.query.slice(source.start, source.end)) > MAX_VIEW_BYTES,
  }),
  rule('statistics-target', 'AlterStatsStmt', {
    what: 'ALTER STATISTICS … SET STATISTICS of more than 100',
    sqlstate: '22023',
    message: 'statistics target {target} exceeds maximum allowed value of 100',
    ...SKILL,
    instead: '100 at the most.',
    when: ({ stxstattarget: target }) => (target ?? 0) > 100 && { target: String(target) },
  }),
  rule('drop-index-concurrently', 'DropStmt', {
    what: 'DROP INDEX CONCURRENTLY',
    message: 'CONCURRENTLY not supported for DROP INDEX',
    ...GRAMMAR,
    instead: 'DROP INDEX.',
    when: ({ concurrent }) => concurrent === true,
  }),
  objects(
    'drop-object',
    'DropStmt',
    'DROP TYPE, MATERIALIZED VIEW, PROCEDURE, AGGREGATE, POLICY, EXTENSION and other objects that DSQL lacks',
    'DROP',
    RECORDED,
    ({ removeType }) => removeType,
    'TABLE SEQUENCE VIEW INDEX SCHEMA DOMAIN FUNCTION ROUTINE TRIGGER EVENT_TRIGGER STATISTIC_EXT',
    'Omit it, or write IF EXISTS: DSQL has none of these.',
  ),
  objects(
    'rename-object',
    'RenameStmt',
    'ALTER TYPE … RENAME, and RENAME of other objects that DSQL lacks',
    'RENAME',
    RECORDED,
    ({ renameType }) => renameType,
    'TABLE VIEW SEQUENCE INDEX SCHEMA FUNCTION ROUTINE COLUMN TABCONSTRAINT DOMAIN DOMCONSTRAINT ROLE STATISTIC_EXT',
    'Omit it: DSQL has none of these.',
  ),
  rule('rename-column-of-object', 'RenameStmt', {
    what: 'ALTER FOREIGN TABLE, ALTER MATERIALIZED VIEW … RENAME COLUMN',
    message: 'unsupported object in RENAME statement',
    ...GRAMMAR,
    instead: 'ALTER TABLE … RENAME COLUMN, ALTER VIEW … RENAME COLUMN.',
    when: ({ renameType, relationType }) =>
      renameType === 'OBJECT_COLUMN' && relationType !== 'OBJECT_TABLE' && relationType !== 'OBJECT_VIEW',
  }),
  objects(
    'set-schema-of-object',
    'AlterObjectSchemaStmt',
    'ALTER … SET SCHEMA of a type, aggregate, extension or other object that DSQL lacks',
    'SET SCHEMA',
    GRAMMAR,
    ({ objectType }) => objectType,
    'TABLE VIEW SEQUENCE DOMAIN FUNCTION ROUTINE STATISTIC_EXT',
    'Omit it: DSQL has none of these.',
  ),
  objects(
    'owner-of-object',
    'AlterOwnerStmt',
    'ALTER … OWNER TO of a type, aggregate, database or other object that DSQL lacks',
    'OWNER TO',
    GRAMMAR,
    ({ objectType }) => objectType,
    'DOMAIN SCHEMA FUNCTION ROUTINE STATISTIC_EXT',
    'Omit it: DSQL has none of these, and its database belongs to nobody.',
  ),
  objects(
    'comment-on-object',
    'CommentStmt',
    'COMMENT ON DATABASE, EXTENSION, TYPE, DOMAIN and other objects',
    'COMMENT',
    GRAMMAR,
    ({ objtype }) => objtype,
    'TABLE COLUMN SEQUENCE VIEW INDEX SCHEMA ROLE FUNCTION ROUTINE TABCONSTRAINT',
    'Omit it, or COMMENT ON the table, the column or the schema that it is about.',
  ),
];
