import { bodySources } from '../syntax/function-body';
import { walk } from '../syntax/parse-tree';
import type { Visited } from '../syntax/parse-tree';
import type { SourceStatement } from '../syntax/source-statement';
import type { Refusal } from '../syntax/statement';
import { alterTable } from './alter-table';
import { definitions } from './definitions';
import { indexes } from './indexes';
import { queries } from './queries';
import { roles } from './roles';
import type { RefusalRule, StatementRule } from './rule';
import { sequences } from './sequences';
import { statefulRules } from './stateful';
import { tables } from './tables';
import { transactions } from './transactions';
import { unsupported } from './unsupported';

export type { RefusalRule } from './rule';
export { cacheSize, isCacheAccepted } from './sequences';
export { columnConstraints } from './tables';

const statementRules: readonly StatementRule[] = [
  ...unsupported,
  ...transactions,
  ...tables,
  ...indexes,
  ...alterTable,
  ...sequences,
  ...definitions,
  ...roles,
  ...queries,
];

/**
 * Everything that DSQL is known to refuse, one row each: what, with which SQLSTATE and message, how we know and since
 * when, and what to do instead.
 */
export const refusals: readonly RefusalRule[] = Object.freeze([...statementRules, ...statefulRules]);

const rulesByNode = new Map<string, StatementRule[]>();
for (const each of statementRules) {
  for (const node of each.nodes) rulesByNode.set(node, [...(rulesByNode.get(node) ?? []), each]);
}

/**
 * Finds what DSQL answers to a statement instead of running it, as far as the statement alone decides.
 *
 * Of several reasons the outermost and first in the text wins; of several at one place the first in the table.
 */
export function findRefusal(source: SourceStatement): Refusal | undefined {
  let first: Refusal | undefined;
  visitRefusals(source, (refusal) => {
    first = refusal;
    return false;
  });
  return first;
}

/**
 * Visits every reason why DSQL refuses a statement, with the node that is the reason, until `visit` returns `false`:
 * outer before inner, in the order of the text, and at one place in the order of the table.
 *
 * What stands in the string that is the body of an SQL function is refused as well. For such a reason the node is that
 * of the CREATE FUNCTION: places inside the string are none of the statement's text.
 */
export function visitRefusals(
  source: SourceStatement,
  visit: (refusal: Refusal, node: Visited) => boolean,
): void {
  let isGoingOn = true;
  walk(source.node, source.body, (node) => {
    const { name, body, parent } = node;
    for (const each of rulesByNode.get(name) ?? []) {
      const finding = each.finds(body, { parent, source });
      if (finding === undefined || finding === false) continue;
      isGoingOn = visit(refusalBy(each, finding === true ? {} : finding), node);
      if (!isGoingOn) return false;
    }
    if (name === 'CreateFunctionStmt') {
      for (const inner of bodySources(body)?.statements ?? []) {
        visitRefusals(inner, (refusal) => (isGoingOn = visit(refusal, node)));
        if (!isGoingOn) return false;
      }
    }
    return true;
  });
}

function refusalBy(row: RefusalRule, parts: Readonly<Record<string, string>>): Refusal {
  return {
    sqlstate: row.sqlstate,
    message: row.message.replace(/\{(\w+)\}/g, (_braces, part: string) => parts[part] ?? ''),
    rule: row.id,
    ...(row.instead !== undefined && { hint: row.instead }),
  };
}

/**
 * The refusal of a row that only a server can decide: one whose `decidedBy` is `transaction` or `catalogue`.
 *
 * @param id - The row's id, such as `multiple-ddl`.
 * @param parts - The values for the names in braces in the row's message.
 * @throws RangeError when the table has no such row.
 */
export function refusalOf(id: string, parts: Readonly<Record<string, string>> = {}): Refusal {
  const row = refusals.find((each) => each.id === id);
  if (!row) throw new RangeError(`There is no refusal rule "${id}".`);
  return refusalBy(row, parts);
}
