import type { Node, ObjectType } from 'libpg-query';
import { asNode } from '../parse-tree';
import type { NodeBody } from '../parse-tree';
import { byPattern, GRAMMAR, GUIDE, LINT, RECORDED, rule, statement, VERIFIED } from './rule';
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
): StatementRule {
  const kinds = new Set(accepted.split(' ').map((kind) => `OBJECT_${kind}`));
  return rule(id, node, {
    what,
    message: `unsupported object in ${verb} statement`,
    ...evidence,
    when: (body) => !kinds.has(kindOf(body) ?? ''),
  });
}

/** The language of a function, in lower case; without one it is SQL. */
function languageOf(options: readonly Node[] | undefined): string {
  for (const option of options ?? []) {
    const element = asNode(option, 'DefElem');
    if (element?.defname === 'language') return asNode(element.arg, 'String')?.sval?.toLowerCase() ?? '';
  }
  return 'sql';
}

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
  statement(
    'DefineStmt',
    'CREATE AGGREGATE, OPERATOR, COLLATION, TEXT SEARCH …, shell and base TYPE',
    byPattern(VERIFIED),
  ),
  rule('create-trigger', 'CreateTrigStmt', {
    what: 'CREATE TRIGGER',
    message: 'CREATE TRIGGER not supported',
    ...RECORDED,
    instead: 'Do in the application what the trigger did.',
  }),
  rule('create-procedure', 'CreateFunctionStmt', {
    what: 'CREATE PROCEDURE',
    message: 'CREATE PROCEDURE not supported',
    ...LINT,
    instead: 'Use a function in LANGUAGE sql.',
    when: ({ is_procedure: isProcedure }) => isProcedure === true,
  }),
  rule('function-language', 'CreateFunctionStmt', {
    what: 'CREATE FUNCTION in another language than SQL',
    message: 'CREATE FUNCTION with language {language} not supported',
    ...RECORDED,
    instead: 'LANGUAGE sql, or do it in the application.',
    when: ({ options }) => {
      const language = languageOf(options);
      return language !== 'sql' && { language };
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
    'DROP TYPE, MATERIALIZED VIEW, PROCEDURE, AGGREGATE, POLICY, EXTENSION and other objects that DSQL does not have',
    'DROP',
    RECORDED,
    ({ removeType }) => removeType,
    'TABLE SEQUENCE VIEW INDEX SCHEMA DOMAIN FUNCTION ROUTINE TRIGGER EVENT_TRIGGER STATISTIC_EXT',
  ),
  objects(
    'rename-object',
    'RenameStmt',
    'ALTER TYPE … RENAME, and RENAME of other objects that DSQL does not have',
    'RENAME',
    RECORDED,
    ({ renameType }) => renameType,
    'TABLE VIEW SEQUENCE INDEX SCHEMA FUNCTION ROUTINE COLUMN TABCONSTRAINT DOMAIN DOMCONSTRAINT ROLE STATISTIC_EXT',
  ),
  objects(
    'set-schema-of-object',
    'AlterObjectSchemaStmt',
    'ALTER … SET SCHEMA of a type, aggregate, extension or other object that DSQL does not have',
    'SET SCHEMA',
    GRAMMAR,
    ({ objectType }) => objectType,
    'TABLE VIEW SEQUENCE DOMAIN FUNCTION ROUTINE STATISTIC_EXT',
  ),
  objects(
    'owner-of-object',
    'AlterOwnerStmt',
    'ALTER … OWNER TO of a type, aggregate, database or other object that DSQL does not have',
    'OWNER TO',
    GRAMMAR,
    ({ objectType }) => objectType,
    'DOMAIN SCHEMA FUNCTION ROUTINE STATISTIC_EXT',
  ),
  objects(
    'comment-on-object',
    'CommentStmt',
    'COMMENT ON DATABASE, EXTENSION, TYPE, DOMAIN and other objects',
    'COMMENT',
    GRAMMAR,
    ({ objtype }) => objtype,
    'TABLE COLUMN SEQUENCE VIEW INDEX SCHEMA ROLE FUNCTION ROUTINE TABCONSTRAINT',
  ),
];
