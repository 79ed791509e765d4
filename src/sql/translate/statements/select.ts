import { rowLocksIn } from '../../syntax/row-locks';
import { asNode, stringConstant, strings } from '../../syntax/parse-tree';
import { withComments } from '../draft';
import type { Outcome } from '../draft';
import type { Rewrite } from '../rewrite';
import { needlessParameter } from './session';

/** Turns `SELECT set_config('search_path', '…', false)`, alone, into SET, and strengthens row locks. */
export function select(rewrite: Rewrite<'SelectStmt'>): Outcome {
  const { targetList, fromClause, lockingClause } = rewrite.tree;
  if (lockingClause) return strengthenLocks(rewrite);
  const [target, more] = targetList ?? [];
  const call = asNode(asNode(target, 'ResTarget')?.val, 'FuncCall');
  if (more !== undefined || fromClause || strings(call?.funcname).at(-1) !== 'set_config') {
    return rewrite.unchanged();
  }
  const [name, value, local] = call?.args ?? [];
  const parameter = stringConstant(name)?.toLowerCase();
  const setting = stringConstant(value);
  const isSession = asNode(local, 'A_Const')?.boolval?.boolval !== true;
  if (parameter === undefined || setting === undefined || !isSession || !rewrite.isRefused('set-config')) {
    return rewrite.unchanged();
  }
  if (parameter !== 'search_path') return needlessParameter(parameter) ?? rewrite.unchanged();
  const path = setting.trim() === '' ? "''" : setting;
  const notes = ['set_config answered with the value; SET answers nothing.'];
  return withComments(rewrite.source, [{ sql: `SET search_path = ${path}`, notes }]);
}

function strengthenLocks(rewrite: Rewrite<'SelectStmt'>): Outcome {
  const missing = rewrite.isRefused('locking-strength')
    ? rowLocksIn(rewrite.source.tokens).filter(
        ({ strength }) => strength === 'SHARE' || strength === 'NO KEY UPDATE',
      )
    : [];
  rewrite.edit(...missing.map(({ start, end }) => ({ start, end, text: 'FOR UPDATE' })));
  if (missing.length > 0) rewrite.note('FOR UPDATE conflicts with more than the lock that was asked for.');
  return rewrite.edited();
}
