import type { TableColumn } from 'typeorm';
import { defaultName, enumCheckOf, literal, type CatalogTable } from '../../sql';
import { isEnum } from './column-change';

/** Actions of an ALTER TABLE that change the CHECK in which the labels of a column are. */
export interface EnumChange {
  readonly added: readonly string[];
  readonly dropped: readonly string[];
  /** What undoes `dropped`. */
  readonly restored: readonly string[];
  /** What undoes `added`. */
  readonly withdrawn: readonly string[];
}

const NONE: EnumChange = { added: [], dropped: [], restored: [], withdrawn: [] };

/**
 * What gives a column the CHECK of its new labels in the place of that of the old ones.
 *
 * @param known - its table, as it is now
 */
export function enumChange(known: CatalogTable, oldColumn: TableColumn, newColumn: TableColumn): EnumChange {
  const was = labelsOf(oldColumn);
  const is = labelsOf(newColumn);
  if (JSON.stringify(was) === JSON.stringify(is)) return NONE;
  const column = oldColumn.name;
  const taken = known.constraints.map(({ name }) => name);
  const oldName = enumCheckOf(known, column)?.name;
  const newName = defaultName(known.name, [column], 'check', (name) => taken.includes(name));
  const add = (name: string, labels: readonly string[]) =>
    `ADD CONSTRAINT "${name}" CHECK ("${column}" IN (${labels.map(literal).join(', ')}))`;
  const drop = (name: string) => `DROP CONSTRAINT "${name}"`;
  return {
    added: is.length > 0 ? [add(newName, is)] : [],
    withdrawn: is.length > 0 ? [drop(newName)] : [],
    dropped: oldName === undefined ? [] : [drop(oldName)],
    restored: oldName === undefined ? [] : [add(oldName, was)],
  };
}

function labelsOf(column: TableColumn): readonly string[] {
  return isEnum(column) && !column.isArray ? (column.enum ?? []) : [];
}
