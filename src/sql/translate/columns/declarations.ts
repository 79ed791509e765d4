import type { ColumnDef, Constraint } from 'libpg-query';
import type { KnownColumn, KnownConstraint } from '../../catalogue/known-table';
import { tableNameOf } from '../../catalogue/catalog-facts';
import { serialType } from '../../facts/column-types';
import { columnConstraints } from '../../refusals';
import { strings, walk } from '../../syntax/parse-tree';
import type { NodeBody } from '../../syntax/parse-tree';
import { defaultConstraintName } from './default-names';
import { formattedType } from './type-names';

/** A column as CREATE TABLE or ADD COLUMN declares it. */
export function declaredColumn(column: ColumnDef): KnownColumn {
  const { colname: name = '', typeName } = column;
  const constraints = columnConstraints(column);
  const has = (type: Constraint['contype']) => constraints.some(({ contype }) => contype === type);
  const serial = serialType(typeName);
  const identity = serial !== undefined || has('CONSTR_IDENTITY');
  const type = serial === undefined ? formattedType(typeName) : integerOf(serial);
  return {
    name,
    ...(type !== undefined && { type }),
    notNull: identity || has('CONSTR_PRIMARY') || has('CONSTR_NOTNULL'),
    identity,
  };
}

function integerOf(serial: string): string {
  if (serial === 'bigserial' || serial === 'serial8') return 'bigint';
  return serial === 'smallserial' || serial === 'serial2' ? 'smallint' : 'integer';
}

const TYPES: Readonly<Record<string, KnownConstraint['type']>> = {
  CONSTR_CHECK: 'c',
  CONSTR_FOREIGN: 'f',
  CONSTR_PRIMARY: 'p',
  CONSTR_UNIQUE: 'u',
};

/** What `pg_constraint` calls a constraint; nothing for a part of a column, such as NOT NULL, and for an exclusion. */
export function constraintType({ contype }: Constraint): KnownConstraint['type'] | undefined {
  return TYPES[contype ?? ''];
}

/** Where a constraint is declared. */
export interface ConstraintPlace {
  /** The name of the table. */
  readonly table: string;
  /** The column that it is declared with, if it is. */
  readonly column?: string | undefined;
  /** Tells whether a name is in use already. */
  readonly isTaken: (name: string) => boolean;
}

/**
 * A constraint as CREATE TABLE or ALTER TABLE declares it, with the name that PostgreSQL would choose where it has none.
 *
 * @param type - see {@link constraintType}
 */
export function declaredConstraint(
  type: KnownConstraint['type'],
  constraint: Constraint,
  { table, column, isTaken }: ConstraintPlace,
): KnownConstraint {
  const { conname, indexname, skip_validation: isUnchecked } = constraint;
  const columns = constrainedColumns(type, constraint, column);
  return {
    name: conname ?? indexname ?? defaultConstraintName(table, columns, type, isTaken),
    type,
    columns,
    validated: isUnchecked !== true,
    ...(type === 'f' && {
      target: { ...tableNameOf(constraint.pktable), columns: strings(constraint.pk_attrs) },
      onUpdate: constraint.fk_upd_action ?? 'a',
      onDelete: constraint.fk_del_action ?? 'a',
    }),
  };
}

function constrainedColumns(
  type: KnownConstraint['type'],
  constraint: Constraint,
  column: string | undefined,
): readonly string[] {
  if (type === 'c') return checkedColumns(constraint);
  if (column !== undefined) return [column];
  return strings(type === 'f' ? constraint.fk_attrs : constraint.keys);
}

function checkedColumns(constraint: Constraint): readonly string[] {
  const columns = new Set<string>();
  walk('Constraint', constraint, ({ name, body }) => {
    if (name === 'ColumnRef') {
      const last = strings((body as NodeBody<'ColumnRef'>).fields).at(-1);
      if (last !== undefined) columns.add(last);
    }
    return true;
  });
  return [...columns];
}
