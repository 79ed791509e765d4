import type { TableName } from '../syntax/statement';
import { isSameName } from './catalog-facts';
import { notNullCheckOf } from './checks';
import { foreignKeysOf, type KnownTable } from './known-table';

/** A foreign key that keeps rows of another table from being deleted. */
interface RestrictingKey {
  readonly target: TableName;
  /** One of its columns that takes NULL; the row then refers to nothing. */
  readonly nullable: string | undefined;
}

/** How tables are emptied that refer to each other. */
export interface EmptyingPlan<Table> {
  /** References that are set to NULL first: they go around in circles. */
  readonly unset: readonly { readonly table: Table; readonly column: string }[];
  /** The tables, each behind those that refer to it, but for circles. */
  readonly order: readonly Table[];
}

/** Whether a foreign key keeps rows from being deleted that it refers to, by `pg_constraint.confdeltype`. */
export function restrictsDelete(onDelete: string | undefined): boolean {
  return onDelete === 'a' || onDelete === 'r';
}

function restrictingKeysOf(table: KnownTable): readonly RestrictingKey[] {
  // A CHECK that is not validated refuses a new NULL, too.
  const takesNull = (name: string) =>
    table.columns.some((column) => column.name === name && !column.notNull) &&
    notNullCheckOf(table, name) === undefined;
  return foreignKeysOf(table)
    .filter(({ target, onDelete }) => !isSameName(target, table) && restrictsDelete(onDelete))
    .map(({ target, columns }) => ({ target, nullable: columns.find(takesNull) }));
}

/**
 * Plans how to empty tables by DELETE, so that no foreign key between them is in the way where that can be.
 *
 * @param tables - one of which nothing is known has neither columns nor constraints
 */
export function emptyingPlan<Table extends KnownTable>(tables: readonly Table[]): EmptyingPlan<Table> {
  const first = planFrom(tables);
  if (!first.isBroken) return first;
  // In a circle one of the keys has to take NULL, and which one it is follows from where one begins.
  for (let at = 1; at < tables.length; at++) {
    const plan = planFrom([...tables.slice(at), ...tables.slice(0, at)]);
    if (!plan.isBroken) return plan;
  }
  return first;
}

function planFrom<Table extends KnownTable>(
  tables: readonly Table[],
): EmptyingPlan<Table> & { readonly isBroken: boolean } {
  const unset: { readonly table: Table; readonly column: string }[] = [];
  const order: Table[] = [];
  const begun = new Set<Table>();
  const keysOf = new Map(tables.map((table) => [table, restrictingKeysOf(table)]));
  let isBroken = false;
  const visit = (table: Table): void => {
    if (begun.has(table)) return;
    begun.add(table);
    for (const owner of tables) {
      if (owner === table) continue;
      for (const { target, nullable } of keysOf.get(owner) ?? []) {
        if (!isSameName(target, table)) continue;
        visit(owner);
        if (order.includes(owner)) continue;
        if (nullable === undefined) isBroken = true;
        else unset.push({ table: owner, column: nullable });
      }
    }
    order.push(table);
  };
  tables.forEach(visit);
  return { unset, order, isBroken };
}
