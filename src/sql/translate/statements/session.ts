import type { Node } from 'libpg-query';
import { sessionParameterRefusal } from '../../facts/session-parameters';
import { asNode, optionNamed, stringConstant } from '../../syntax/parse-tree';
import type { Outcome } from '../draft';
import type { Rewrite } from '../rewrite';

/** Levels that DSQL's own, REPEATABLE READ, is not weaker than. */
const WEAKER_LEVELS = new Set(['repeatable read', 'read committed', 'read uncommitted']);

function isolationLevel(modes: readonly Node[] | undefined): string | undefined {
  return stringConstant(optionNamed(modes, 'transaction_isolation')?.arg)?.toLowerCase();
}

/** Omits the isolation level of BEGIN where DSQL's own is not weaker. */
export function begin(rewrite: Rewrite<'TransactionStmt'>): Outcome {
  const { source } = rewrite;
  const level = source.statement.kind === 'begin' ? isolationLevel(rewrite.tree.options) : undefined;
  if (level === undefined || level === 'repeatable read' || !rewrite.isRefused('begin-isolation-level')) {
    return rewrite.unchanged();
  }
  if (!WEAKER_LEVELS.has(level)) {
    refuseSerializable(rewrite, 'begin-isolation-level');
    return [];
  }
  const { tokens } = source;
  const at = tokens.findIndex(({ value }) => value === 'ISOLATION');
  const end = at + 3 + (tokens[at + 2]?.value === 'READ' ? 1 : 0);
  const isFirst = tokens[at - 1]?.value !== ',';
  if (tokens[end]?.value === ',') rewrite.remove(at, end + 1);
  else rewrite.remove(isFirst ? at : at - 1, end);
  rewrite.note(stronger(level));
  return rewrite.edited();
}

function stronger(level: string): string {
  return `${level.toUpperCase()} is omitted: every transaction of DSQL is REPEATABLE READ, which gives more.`;
}

function refuseSerializable(rewrite: Rewrite, rule: string): void {
  rewrite.refuse({
    rule,
    parts: { level: 'SERIALIZABLE' },
    why: 'DSQL has snapshot isolation only: two transactions may each read what the other one writes.',
    instead: 'Read with FOR UPDATE what must not change, and omit the level.',
  });
}

/** Parameters of which DSQL's fixed value is as good to the statements after them, whatever is set. */
const NEEDLESS_PARAMETERS = new Set(
  (
    'client_min_messages statement_timeout lock_timeout idle_in_transaction_session_timeout transaction_timeout ' +
    'synchronize_seqscans check_function_bodies xmloption row_security default_table_access_method ' +
    'default_tablespace default_toast_compression escape_string_warning backslash_quote default_with_oids ' +
    'work_mem maintenance_work_mem synchronous_commit log_statement log_min_duration_statement ' +
    'standard_conforming_strings transaction_isolation default_transaction_isolation'
  ).split(' '),
);

/** What becomes of a change of a parameter that DSQL does not take; `undefined` where something may depend on it. */
export function needlessParameter(parameter: string): Outcome | undefined {
  return NEEDLESS_PARAMETERS.has(parameter)
    ? { omitted: `DSQL fixes ${parameter}; nothing that follows depends on it.` }
    : undefined;
}

/** Omits SET where DSQL refuses it and nothing depends on it. */
export function setVariable(rewrite: Rewrite<'VariableSetStmt'>): Outcome {
  const { kind, name = '', args, is_local: isLocal } = rewrite.tree;
  if (!rewrite.source.statement.refusal) return rewrite.unchanged();
  if (kind === 'VAR_SET_MULTI') return setTransaction(rewrite);
  const scope = isLocal === true ? 'local' : 'session';
  const parameter = name.toLowerCase();
  const isAccepted = sessionParameterRefusal(parameter, scope) === undefined || kind === 'VAR_RESET_ALL';
  const needless = needlessParameter(parameter);
  if (isAccepted || !rewrite.isRefused('session-parameter') || !needless) return rewrite.unchanged();
  const value = (stringConstant(args?.[0]) ?? '').toLowerCase();
  if (parameter.endsWith('isolation') && value === 'serializable') {
    refuseSerializable(rewrite, 'set-isolation-level');
    return [];
  }
  const isOff = parameter === 'standard_conforming_strings' && !/^(?:on|true|yes|1|)$/.test(value);
  return isOff ? rewrite.unchanged() : needless;
}

function setTransaction(rewrite: Rewrite<'VariableSetStmt'>): Outcome {
  if (!rewrite.isRefused('set-transaction')) return rewrite.unchanged();
  const { args: modes = [] } = rewrite.tree;
  const level = isolationLevel(modes);
  if (level === 'serializable') {
    refuseSerializable(rewrite, 'set-isolation-level');
    return [];
  }
  const isNeedless = modes.every((mode) => {
    const element = asNode(mode, 'DefElem');
    if (element?.defname === 'transaction_isolation') return true;
    return element?.defname === 'transaction_read_only' && isZero(asNode(element.arg, 'A_Const')?.ival ?? {});
  });
  if (!isNeedless) return rewrite.unchanged();
  return { omitted: level === undefined ? 'READ WRITE is what every transaction is.' : stronger(level) };
}

function isZero({ ival = 0 }: { readonly ival?: number }): boolean {
  return ival === 0;
}
