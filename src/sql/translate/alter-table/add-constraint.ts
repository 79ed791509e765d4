import { asNode, strings } from '../../syntax/parse-tree';
import { refuseKeylessTypes } from '../columns/key-types';
import { exclusionNote } from '../statements/create-table';
import type { Action } from './altered-table';
import { addedConstraint, definitionAt, notValidConstraint, uniqueConstraint } from './constraints';
import { Pass } from './step';
import type { Step } from './step';

/** ADD CONSTRAINT: a check or foreign key is validated in a job, a unique constraint takes an index. */
export function addConstraint(action: Action): readonly Step[] {
  const { source, rewrite, table, from, to, start: at } = action;
  const constraint = asNode(action.command.def, 'Constraint') ?? {};
  const keep = action.keep(Pass.Constraint);
  if (!rewrite.isRefused('add-constraint')) return keep;
  switch (constraint.contype) {
    case 'CONSTR_CHECK':
    case 'CONSTR_FOREIGN': {
      const type = constraint.contype === 'CONSTR_CHECK' ? 'c' : 'f';
      if (constraint.skip_validation === true) return keep;
      const definition = source.cut(definitionAt(source, from + 1), to);
      return notValidConstraint(table, addedConstraint(table, type, constraint), definition, false);
    }
    case 'CONSTR_UNIQUE':
      return constraint.indexname === undefined ? addUnique(action) : keep;
    case 'CONSTR_PRIMARY':
      rewrite.refuse({ rule: 'add-constraint', at, ...NO_LATER_KEY });
      return [];
    case 'CONSTR_EXCLUSION':
      if (rewrite.simplify.exclusions === true) rewrite.note(exclusionNote(action.written));
      else rewrite.refuse({ rule: 'exclusion-constraint', at });
      return [];
    default:
      return keep;
  }
}

/** Why a primary key cannot be added, and what to do. */
export const NO_LATER_KEY = {
  why: 'A table of DSQL is stored by its primary key, so the key cannot be added or changed later.',
  instead:
    'Put PRIMARY KEY into CREATE TABLE; for a table with rows, rebuildTable() or dsql: { rebuild: true } copies it.',
};

function addUnique(action: Action): readonly Step[] {
  const { rewrite, table, start: at } = action;
  const constraint = asNode(action.command.def, 'Constraint') ?? {};
  if (constraint.deferrable === true || constraint.initdeferred === true) {
    rewrite.refuse({ rule: 'deferrable-key', at });
    return [];
  }
  const keys = strings(constraint.keys).map((name) => ({ name }));
  refuseKeylessTypes(rewrite, table.name, keys, at);
  return uniqueConstraint(table, addedConstraint(table, 'u', constraint), uniqueDefinition(action), false);
}

/** Reads `UNIQUE NULLS NOT DISTINCT (a) INCLUDE (b)` from its tokens, in the order that CREATE INDEX wants. */
function uniqueDefinition({ source, from, to }: Action): string {
  let at = definitionAt(source, from + 1) + 1;
  let nulls = '';
  while (at < to && source.tokens[at]?.value !== '(') {
    nulls += ` ${source.cut(at, at + 1)}`;
    at++;
  }
  const after = source.afterGroup(at);
  const hasInclude = source.tokens[after]?.value === 'INCLUDE';
  const include = hasInclude ? ` ${source.cut(after, source.afterGroup(after + 1))}` : '';
  return source.cut(at, after) + include + nulls;
}
