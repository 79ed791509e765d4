import type { Node } from 'libpg-query';
import { asNode, optionNamed, stringConstant } from '../syntax/parse-tree';
import { PARAMETER_ADVICE, sessionParameterRefusal } from '../facts/session-parameters';
import { GRAMMAR, LINT, RECORDED, rule } from './rule';
import type { StatementRule } from './rule';

const ISOLATION_WORDS: Readonly<Record<string, string>> = {
  serializable: 'SERIALIZABLE',
  'read committed': 'READ COMMITTED',
  'read uncommitted': 'READ UNCOMMITTED',
};

/** The isolation level in a list of transaction modes, when it is one that DSQL does not have. */
function refusedIsolation(modes: readonly Node[] | undefined): { level: string } | undefined {
  for (const mode of modes ?? []) {
    const element = asNode(mode, 'DefElem');
    if (element?.defname !== 'transaction_isolation') continue;
    const level = ISOLATION_WORDS[stringConstant(element.arg)?.toLowerCase() ?? ''];
    if (level !== undefined) return { level };
  }
  return undefined;
}

/** Transaction control and session parameters. */
export const transactions: readonly StatementRule[] = [
  rule('savepoint', 'TransactionStmt', {
    what: 'SAVEPOINT name',
    message: 'unsupported transaction statement: SAVEPOINT',
    ...RECORDED,
    instead: 'End the transaction and begin another one; a nested transaction cannot be undone on its own.',
    when: ({ kind }) => kind === 'TRANS_STMT_SAVEPOINT',
  }),
  rule('rollback-to-savepoint', 'TransactionStmt', {
    what: 'ROLLBACK TO SAVEPOINT name',
    message: 'unsupported transaction statement: ROLLBACK TO',
    ...RECORDED,
    instead: 'Roll back the whole transaction.',
    when: ({ kind }) => kind === 'TRANS_STMT_ROLLBACK_TO',
  }),
  rule('release-savepoint', 'TransactionStmt', {
    what: 'RELEASE SAVEPOINT name',
    instead: 'Omit it: there are no savepoints.',
    message: 'unsupported transaction statement: RELEASE',
    ...LINT,
    when: ({ kind }) => kind === 'TRANS_STMT_RELEASE',
  }),
  rule('prepared-transaction', 'TransactionStmt', {
    what: 'PREPARE TRANSACTION, COMMIT PREPARED, ROLLBACK PREPARED',
    instead: 'COMMIT in one step: DSQL takes part in no two-phase commit.',
    message: 'unsupported transaction statement: {statement}',
    ...GRAMMAR,
    when: ({ kind }) => {
      if (kind === 'TRANS_STMT_PREPARE') return { statement: 'PREPARE TRANSACTION' };
      if (kind === 'TRANS_STMT_COMMIT_PREPARED') return { statement: 'COMMIT PREPARED' };
      return kind === 'TRANS_STMT_ROLLBACK_PREPARED' && { statement: 'ROLLBACK PREPARED' };
    },
  }),
  rule('transaction-chain', 'TransactionStmt', {
    what: 'COMMIT AND CHAIN, ROLLBACK AND CHAIN',
    message: 'unsupported transaction statement: {statement} AND CHAIN',
    ...GRAMMAR,
    instead: 'Send BEGIN after it.',
    when: ({ kind, chain }) =>
      chain === true && { statement: kind === 'TRANS_STMT_COMMIT' ? 'COMMIT' : 'ROLLBACK' },
  }),
  rule('begin-isolation-level', 'TransactionStmt', {
    what: 'BEGIN ISOLATION LEVEL other than REPEATABLE READ',
    message: 'Unsupported isolation level: {level}',
    ...RECORDED,
    instead: 'Omit the level: every transaction is REPEATABLE READ.',
    when: ({ options }) => refusedIsolation(options),
  }),
  rule('begin-deferrable', 'TransactionStmt', {
    what: 'BEGIN [NOT] DEFERRABLE',
    instead: 'Omit it: no transaction waits for another.',
    message: 'setting configuration parameter "transaction_deferrable" not supported',
    ...GRAMMAR,
    when: ({ options }) => optionNamed(options, 'transaction_deferrable') !== undefined,
  }),
  rule('set-isolation-level', 'VariableSetStmt', {
    what: 'SET TRANSACTION ISOLATION LEVEL other than REPEATABLE READ',
    message: 'Unsupported isolation level: {level}',
    ...RECORDED,
    instead: 'Omit the statement: every transaction is REPEATABLE READ.',
    when: ({ kind, args }) => (kind === 'VAR_SET_MULTI' ? refusedIsolation(args) : undefined),
  }),
  rule('set-transaction', 'VariableSetStmt', {
    what: 'SET TRANSACTION …',
    message: 'setting configuration parameter "{name}" not supported',
    ...RECORDED,
    instead: 'Name the modes in BEGIN: BEGIN READ ONLY.',
    when: ({ kind, name }) =>
      kind === 'VAR_SET_MULTI' && name !== undefined && name !== 'SESSION CHARACTERISTICS' && { name },
  }),
  rule('set-session-characteristics-deferrable', 'VariableSetStmt', {
    what: 'SET SESSION CHARACTERISTICS AS TRANSACTION [NOT] DEFERRABLE',
    instead: 'Omit it: no transaction waits for another.',
    message: 'setting configuration parameter "transaction_deferrable" not supported',
    ...GRAMMAR,
    when: ({ kind, args }) =>
      kind === 'VAR_SET_MULTI' && optionNamed(args, 'transaction_deferrable') !== undefined,
  }),
  rule('session-parameter', 'VariableSetStmt', {
    what: 'SET, SET LOCAL or RESET of a parameter that is not on the list',
    message: 'setting configuration parameter "{name}" not supported',
    ...RECORDED,
    instead: PARAMETER_ADVICE,
    when: ({ kind, name, is_local: local }) => {
      if (name === undefined || kind === 'VAR_SET_MULTI' || kind === 'VAR_RESET_ALL') return false;
      // `RESET SESSION AUTHORIZATION` and `RESET TRANSACTION ISOLATION LEVEL` are in DSQL's grammar of 2026-08.
      const resets = kind === 'VAR_RESET' || kind === 'VAR_SET_DEFAULT';
      if (resets && name === 'session_authorization') return false;
      if (kind === 'VAR_RESET' && name === 'transaction_isolation') return false;
      return sessionParameterRefusal(name, local ? 'local' : 'session') !== undefined && { name };
    },
  }),
];
