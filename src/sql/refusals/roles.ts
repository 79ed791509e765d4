import type { Node } from 'libpg-query';
import { asNode } from '../parse-tree';
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

function refusedRoleOption(options: readonly Node[] | undefined): Finding {
  for (const option of options ?? []) {
    const attribute = REFUSED_ROLE_OPTIONS[asNode(option, 'DefElem')?.defname ?? ''];
    if (attribute !== undefined) return { attribute };
  }
  return false;
}

/** Roles and privileges. */
export const roles: readonly StatementRule[] = [
  rule('grant-on-object', 'GrantStmt', {
    what: 'GRANT or REVOKE on a database, type, domain, language, parameter or large object',
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
    instead: 'Leave the option away.',
    when: ({ opt, is_grant: grants }) => opt !== undefined && { statement: grants ? 'GRANT' : 'REVOKE' },
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
    what: 'CREATE ROLE with PASSWORD, SUPERUSER, CREATEDB, CREATEROLE, REPLICATION, BYPASSRLS, CONNECTION LIMIT, VALID UNTIL',
    message: '{attribute} not supported for CREATE ROLE',
    ...LINT,
    instead: 'CREATE ROLE … WITH LOGIN, then AWS IAM GRANT.',
    when: ({ options }) => refusedRoleOption(options),
  }),
  rule('alter-role-attribute', 'AlterRoleStmt', {
    what: 'ALTER ROLE with PASSWORD, SUPERUSER, CREATEDB, CREATEROLE, REPLICATION, BYPASSRLS, CONNECTION LIMIT, VALID UNTIL',
    message: '{attribute} not supported for ALTER ROLE',
    ...LINT,
    when: ({ options }) => refusedRoleOption(options),
  }),
  rule('alter-role-in-database', 'AlterRoleSetStmt', {
    what: 'ALTER ROLE … IN DATABASE',
    message: 'IN DATABASE not supported for ALTER ROLE',
    ...GRAMMAR,
    instead: 'Leave the clause away: a cluster has one database.',
    when: ({ database }) => database !== undefined,
  }),
];
