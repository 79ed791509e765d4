import type { Constraint } from 'libpg-query';
import { asNode, strings } from '../../syntax/parse-tree';
import { fillInBatches } from '../batches';
import { isByteCollation } from '../columns/collations';
import { refuseKeylessTypes } from '../columns/key-types';
import { isUnboundedNumeric, roundingNote } from '../columns/type-names';
import { NO_LATER_KEY } from './add-constraint';
import { AddedColumn } from './added-column';
import type { Clause } from './added-column';
import type { Action } from './altered-table';
import {
  addedConstraint,
  definitionAt,
  notNullCheck,
  notValidConstraint,
  uniqueConstraint,
} from './constraints';
import { sequenceDefault } from './sequence-default';
import { Pass } from './step';
import type { Step } from './step';

/** ADD COLUMN: the column alone, then what its clauses ask for. */
export function addColumn(action: Action): readonly Step[] {
  const { rewrite, table } = action;
  const column = new AddedColumn(action);
  const { name } = column;
  if (column.isRepeatable && table.catalogue.column(table.name, name)) {
    rewrite.note(`${name} exists already.`);
    return [];
  }
  if (isUnboundedNumeric(column.definition.typeName)) {
    rewrite.note(roundingNote(name));
  }
  remember(column);
  if (column.isBare || !rewrite.isRefused('add-column-with-constraint')) return action.keep(Pass.AddColumn);
  return withoutClauses(column);
}

/** Notes a column, which never is an identity: DSQL adds none. One that may have been there before may be any. */
function remember({ table, name, type, isRepeatable }: AddedColumn): void {
  if (isRepeatable && table.catalogue.table(table.name)?.isPartial === true) return;
  const column = { name, notNull: false, identity: false, ...(type !== undefined && { type }) };
  table.catalogue.setColumn(table.name, column);
}

/** Adds a column, and with statements of their own what DSQL does not add with it. */
function withoutClauses(column: AddedColumn): readonly Step[] {
  const { action, table, name, isRepeatable } = column;
  const collation = collationOf(column);
  const bare = `${column.bareAction}${collation === '' ? '' : ` ${collation}`}`;
  const steps = column.clauses.flatMap((clause) =>
    clause.constraint ? addedClause(column, clause, clause.constraint) : [],
  );
  if (column.isCounted) steps.push(...sequenceDefault(column));
  if (column.isNotNull) steps.push(...notNullCheck(table, name, column.written, isRepeatable));
  if (steps.length === 0) return [{ pass: Pass.AddColumn, kept: bare }];
  if (isRepeatable) {
    action.rewrite.note(`What follows runs even if ${name} exists already, and may run again.`);
  }
  return [table.alteration(bare, Pass.AddColumn), ...steps];
}

/** The collation that stays; empty for one that DSQL sorts by anyway, or that a person does not mind. */
function collationOf({ action, clauses, definition, name }: AddedColumn): string {
  const { rewrite, source } = action;
  const clause = clauses.find(({ constraint }) => constraint === undefined);
  if (!clause) return '';
  if (!isByteCollation(definition.collClause?.collname) && rewrite.simplify.collation !== true) {
    return source.cut(clause.from, clause.to);
  }
  rewrite.note(`The collation of ${name} is omitted: a column of DSQL sorts by bytes.`);
  return '';
}

function addedClause(column: AddedColumn, clause: Clause, constraint: Constraint): readonly Step[] {
  const { action, table, written, isRepeatable } = column;
  const { source, rewrite, start: at } = action;
  const definition = source.cut(definitionAt(source, clause.from), clause.to);
  switch (constraint.contype) {
    case 'CONSTR_DEFAULT':
      return defaultValue(column, clause, constraint);
    case 'CONSTR_CHECK':
    case 'CONSTR_FOREIGN': {
      const type = constraint.contype === 'CONSTR_CHECK' ? 'c' : 'f';
      const added = addedConstraint(table, type, constraint, column.name);
      const whole = type === 'f' ? `FOREIGN KEY (${written}) ${definition}` : definition;
      return notValidConstraint(table, added, whole, isRepeatable);
    }
    case 'CONSTR_UNIQUE':
      return uniqueColumn(column, constraint, definition);
    case 'CONSTR_PRIMARY':
      rewrite.refuse({ rule: 'add-column-with-constraint', at, ...NO_LATER_KEY });
      return [];
    case 'CONSTR_GENERATED':
      rewrite.refuse({
        rule: 'add-column-with-constraint',
        at,
        why: 'DSQL has generated columns only in CREATE TABLE.',
        instead:
          'Compute the value in a view or in queries, or create another table with the column and copy.',
      });
      return [];
    default:
      return [];
  }
}

function uniqueColumn(column: AddedColumn, constraint: Constraint, definition: string): readonly Step[] {
  const { action, table, name, type, written, isRepeatable } = column;
  const { rewrite, start: at } = action;
  const isDeferrable = / DEFERRABLE| INITIALLY DEFERRED/i.test(` ${definition}`);
  if (isDeferrable && !/ NOT DEFERRABLE/i.test(` ${definition}`)) {
    rewrite.refuse({ rule: 'deferrable-key-column', at });
    return [];
  }
  refuseKeylessTypes(rewrite, table.name, [{ name, type }], at);
  const nulls = constraint.nulls_not_distinct === true ? ' NULLS NOT DISTINCT' : '';
  const added = addedConstraint(table, 'u', constraint, name);
  return uniqueConstraint(table, added, `(${written})${nulls}`, isRepeatable);
}

/** Expressions that are never NULL, so that a back-fill comes to an end by itself. */
const NEVER_NULL =
  /^(?:now|gen_random_uuid|nextval|clock_timestamp|transaction_timestamp|statement_timestamp)$/;

function defaultValue(column: AddedColumn, clause: Clause, constraint: Constraint): readonly Step[] {
  const { action, table, written } = column;
  const { source } = action;
  const { raw_expr: expression } = constraint;
  const value = source.cut(definitionAt(source, clause.from) + 1, clause.to);
  const set = table.alteration(`ALTER COLUMN ${written} SET DEFAULT ${value}`, Pass.Attributes);
  const constant = asNode(expression, 'A_Const') ?? asNode(asNode(expression, 'TypeCast')?.arg, 'A_Const');
  if (constant?.isnull === true) return [set];
  const call = strings(asNode(expression, 'FuncCall')?.funcname).at(-1) ?? '';
  const isNeverNull =
    constant !== undefined || NEVER_NULL.test(call) || asNode(expression, 'SQLValueFunction') !== undefined;
  const guard = isNeverNull ? undefined : `(${value}) IS NOT NULL`;
  return [set, { pass: Pass.Fill, statement: fillInBatches(table, written, guard, table.context) }];
}
