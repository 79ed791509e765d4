import type { TableName } from '../syntax/statement';
import { isSameName, type RestrictingKey } from './catalog-facts';

/** A table that is to be emptied by DELETE. */
export interface EmptiedTable extends TableName {
  readonly restrictingKeys?: readonly RestrictingKey[] | undefined;
}

/** How tables are emptied that refer to each other. */
export interface EmptyingPlan<Table> {
  /** References that are set to NULL first: they go around in circles. */
  readonly unset: readonly { readonly table: Table; readonly column: string }[];
  /** The tables, each behind those that refer to it, but for circles. */
  readonly order: readonly Table[];
}

/** Whether a foreign key keeps rows from being deleted that it refers to, by `pg_constraint.confdeltype`. */
export function restrictsDelete(onDelete: string): boolean {
  return onDelete === 'a' || onDelete === 'r';
}

/** Plans how to empty tables by DELETE, so that no foreign key between them is in the way where that can be. */
export function emptyingPlan<Table extends EmptiedTable>(tables: readonly Table[]): EmptyingPlan<Table> {
  const first = planFrom(tables);
  if (!first.isBroken) return first;
  // In a circle one of the keys has to take NULL, and which one it is follows from where one begins.
  for (let at = 1; at < tables.length; at++) {
    const plan = planFrom([...tables.slice(at), ...tables.slice(0, at)]);
    if (!plan.isBroken) return plan;
  }
  return first;
}

function planFrom<Table extends EmptiedTable>(
  tables: readonly Table[],
): EmptyingPlan<Table> & { readonly isBroken: boolean } {
  const unset: { readonly table: Table; readonly column: string }[] = [];
  const order: Table[] = [];
  const begun = new Set<Table>();
  let isBroken = false;
  const visit = (table: Table): void => {
    if (begun.has(table)) return;
    begun.add(table);
    for (const owner of tables) {
      if (owner === table) continue;
      for (const { target, nullable } of owner.restrictingKeys ?? []) {
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
