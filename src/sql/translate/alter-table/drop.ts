import type { Action } from './altered-table';
import { Pass } from './step';
import type { Step } from './step';

/** DROP COLUMN: as it is, but for a column of the primary key. */
export function dropColumn(action: Action): readonly Step[] {
  const { table, rewrite, name: column } = action;
  if (table.catalogue.table(table.name)?.primaryKey?.includes(column) === true) {
    rewrite.refuse({ rule: 'drop-primary-key-column', at: action.start, parts: { column } });
  }
  table.catalogue.setColumn(table.name, column, undefined);
  return action.keep(Pass.Drop);
}

/** DROP CONSTRAINT: as it is, but for the primary key. */
export function dropConstraint(action: Action): readonly Step[] {
  const { table, rewrite, name } = action;
  if (table.catalogue.table(table.name)?.primaryKeyName === name) {
    rewrite.refuse({ rule: 'drop-primary-key', at: action.start });
  }
  table.catalogue.dropConstraint(table.name, name);
  return action.keep(Pass.Drop);
}
