import type { Node, RoleSpec } from 'libpg-query';
import { asNode } from '../syntax/parse-tree';
import { tokensOf } from '../text/scan';
import { GRAMMAR, LINT, rule } from './rule';
import type { Finding, StatementRule } from './rule';

const GRANTED_OBJECTS = new Set(
  ['TABLE', 'SEQUENCE', 'SCHEMA', 'FUNCTION', 'ROUTINE'].map((kind) => `OBJECT_${kind}`),
);

/** The attributes that a role may be given; the value is the word to show for those that it may not. */
const REFUSED_ROLE_OPTIONS: Readonly<Record<string, string>> = {
  superuser: 'SUPERUSER',
  createdb: 'CREATEDB',
  createrole: 'CREATEROLE',
  isreplication: 'REPLICATION',
  bypassrls: 'BYPASSRLS',
  password: 'PASSWORD',
  connectionlimit: 'CONNECTION LIMIT',
  validUntil: 'VALID UNTIL',
  sysid: 'SYSID',
};

/** Attributes that a role has, and that cannot be taken from it: LOGIN is documented, INHERIT is in the grammar. */
const LASTING_ROLE_OPTIONS: Readonly<Record<string, string>> = { canlogin: 'NOLOGIN', inherit: 'NOINHERIT' };

function refusedRoleOption(options: readonly Node[] | undefined): Finding {
  for (const option of options ?? []) {
    const { defname = '', arg } = asNode(option, 'DefElem') ?? {};
    const isOff = asNode(arg, 'Boolean')?.boolval !== true;
    const attribute = REFUSED_ROLE_OPTIONS[defname] ?? (isOff ? LASTING_ROLE_OPTIONS[defname] : undefined);
    if (attribute !== undefined) return { attribute };
  }
  return false;
}

/** Whether a role is named, not CURRENT_ROLE, CURRENT_USER or SESSION_USER. */
const isNamed = (role: RoleSpec | undefined): boolean => role?.roletype === 'ROLESPEC_CSTRING';

/** Roles and privileges. */
export const roles: readonly StatementRule[] = [
  rule('grant-on-object', 'GrantStmt', {
    what: 'GRANT or REVOKE on a database, type, domain, language, parameter or large object',
    instead: 'Omit it: GRANT on schemas, tables, sequences and functions.',
    message: 'unsupported object in {statement} statement',
    ...GRAMMAR,
    when: ({ objtype, targtype, is_grant: grants }) =>
      targtype !== 'ACL_TARGET_DEFAULTS' &&
      !GRANTED_OBJECTS.has(objtype ?? '') && { statement: grants ? 'GRANT' : 'REVOKE' },
  }),
  rule('grant-role-option', 'GrantRoleStmt', {
    what: 'GRANT role … WITH ADMIN | INHERIT | SET, REVOKE … OPTION FOR role',
    message: 'unsupported option in {statement} statement',
    ...GRAMMAR,
    instead: 'Omit the option.',
    when: ({ opt, is_grant: grants }) => opt !== undefined && { statement: grants ? 'GRANT' : 'REVOKE' },
  }),
  rule('grant-role-grantor', 'GrantRoleStmt', {
    what: 'GRANT role … GRANTED BY, REVOKE role … GRANTED BY',
    message: 'GRANTED BY not supported for {statement}',
    ...GRAMMAR,
    instead: 'Omit it.',
    when: ({ grantor, is_grant: grants }) =>
      grantor !== undefined && { statement: grants ? 'GRANT' : 'REVOKE' },
  }),
  rule('grant-grantor', 'GrantStmt', {
    what: 'GRANT or REVOKE … GRANTED BY a role by its name',
    message: 'GRANTED BY not supported for {statement}',
    ...GRAMMAR,
    instead: 'Omit it, or write GRANTED BY CURRENT_ROLE.',
    when: ({ grantor, is_grant: grants }) => isNamed(grantor) && { statement: grants ? 'GRANT' : 'REVOKE' },
  }),
  rule('revoke-role-cascade', 'GrantRoleStmt', {
    what: 'REVOKE role … CASCADE',
    message: 'CASCADE not supported for REVOKE',
    ...GRAMMAR,
    instead: 'Omit it.',
    when: ({ behavior }) => behavior === 'DROP_CASCADE',
  }),
  rule('schema-authorization', 'CreateSchemaStmt', {
    what: 'CREATE SCHEMA … AUTHORIZATION, but for AUTHORIZATION CURRENT_ROLE, CURRENT_USER or SESSION_USER alone',
    message: 'AUTHORIZATION not supported for CREATE SCHEMA',
    ...GRAMMAR,
    instead: 'CREATE SCHEMA name, then ALTER SCHEMA … OWNER TO.',
    when: ({ schemaname, authrole }) =>
      authrole !== undefined && (schemaname !== undefined || isNamed(authrole)),
  }),
  rule('alter-group', 'AlterRoleStmt', {
    what: 'ALTER GROUP … ADD USER, DROP USER',
    message: 'ALTER GROUP not supported',
    ...GRAMMAR,
    instead: 'GRANT role TO role, REVOKE role FROM role.',
    when: (_role, { source }) => {
      const [, second] = tokensOf(source.query, source.start);
      return second?.value === 'GROUP';
    },
  }),
  rule('create-user', 'CreateRoleStmt', {
    what: 'CREATE USER, CREATE GROUP',
    message: 'CREATE {kind} not supported',
    ...GRAMMAR,
    instead: 'CREATE ROLE … WITH LOGIN, then AWS IAM GRANT.',
    when: ({ stmt_type: kind }) => {
      if (kind === 'ROLESTMT_USER') return { kind: 'USER' };
      return kind === 'ROLESTMT_GROUP' && { kind: 'GROUP' };
    },
  }),
  rule('create-role-attribute', 'CreateRoleStmt', {
    what: 'CREATE ROLE with NOLOGIN, NOINHERIT, PASSWORD, SUPERUSER, CREATEDB, CREATEROLE, REPLICATION, BYPASSRLS, CONNECTION LIMIT, VALID UNTIL',
    message: '{attribute} not supported for CREATE ROLE',
    ...LINT,
    instead: 'CREATE ROLE … WITH LOGIN, then AWS IAM GRANT.',
    when: ({ options }) => refusedRoleOption(options),
  }),
  rule('alter-role-attribute', 'AlterRoleStmt', {
    what: 'ALTER ROLE with NOLOGIN, NOINHERIT, PASSWORD, SUPERUSER, CREATEDB, CREATEROLE, REPLICATION, BYPASSRLS, CONNECTION LIMIT, VALID UNTIL',
    instead: 'Omit it. Who may log in as a role is said with AWS IAM GRANT.',
    message: '{attribute} not supported for ALTER ROLE',
    ...LINT,
    when: ({ options }) => refusedRoleOption(options),
  }),
  rule('alter-role-in-database', 'AlterRoleSetStmt', {
    what: 'ALTER ROLE … IN DATABASE',
    message: 'IN DATABASE not supported for ALTER ROLE',
    ...GRAMMAR,
    instead: 'Omit the clause: a cluster has one database.',
    when: ({ database }) => database !== undefined,
  }),
];
