import type { KnownConstraint } from '../../catalogue/known-table';
import type { Action, AlteredTable } from './altered-table';
import { Pass } from './step';
import type { Step } from './step';

/** DROP COLUMN: as it is, but for a column of the primary key. */
export function dropColumn(action: Action): readonly Step[] {
  const { table, rewrite, name: column } = action;
  if (keyOf(table)?.columns.includes(column) === true) {
    rewrite.refuse({ rule: 'drop-primary-key-column', at: action.start, parts: { column } });
  }
  table.catalogue.dropColumn(table.name, column);
  return action.keep(Pass.Drop);
}

/** DROP CONSTRAINT: as it is, but for the primary key. */
export function dropConstraint(action: Action): readonly Step[] {
  const { table, rewrite, name } = action;
  if (keyOf(table)?.name === name) {
    rewrite.refuse({ rule: 'drop-primary-key', at: action.start });
  }
  table.catalogue.dropConstraint(table.name, name);
  return action.keep(Pass.Drop);
}

function keyOf({ catalogue, name }: AlteredTable): KnownConstraint | undefined {
  return catalogue.table(name)?.constraints.find(({ type }) => type === 'p');
}
