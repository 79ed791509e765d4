import type { TableColumn } from 'typeorm';
import { enumCheckName, enumCheckOf, enumTypeIn, isEnumCheckOf, literal, type CatalogTable } from '../../sql';
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
  const oldName = enumCheckOf(known, column)?.name;
  const newName = nameOfCheck(known, column, newColumn.enumName);
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

/**
 * The names of the CHECK of an enum whose labels stay, before and after a change of the name of its type: there is no type,
 * and the CHECK is called after it.
 *
 * @param known - its table, as it is now
 * @returns nothing where the CHECK keeps its name
 */
export function enumRename(
  known: CatalogTable,
  oldColumn: TableColumn,
  newColumn: TableColumn,
): { readonly from: string; readonly to: string } | undefined {
  const labels = labelsOf(newColumn);
  if (labels.length === 0 || JSON.stringify(labelsOf(oldColumn)) !== JSON.stringify(labels)) return undefined;
  const { name: column, enumName } = newColumn;
  const from = enumCheckOf(known, oldColumn.name)?.name;
  if (from === undefined) return undefined;
  const isNamedSo =
    enumName === undefined
      ? oldColumn.enumName === undefined
      : isEnumCheckOf(withoutSchema(enumName), known.name, column, from);
  return isNamedSo ? undefined : { from, to: nameOfCheck(known, column, enumName) };
}

/**
 * The name that the type of an enum was given, as far as that of its CHECK tells.
 *
 * @param wanted - what the entity calls it
 * @returns nothing for a type that has the name which TypeORM gives it by itself
 */
export function enumNameOf(
  table: string,
  column: string,
  check: string,
  wanted: string | undefined,
): string | undefined {
  // A long name is shortened in that of the CHECK.
  if (wanted !== undefined && isEnumCheckOf(withoutSchema(wanted), table, column, check)) return wanted;
  const type = enumTypeIn(check, column);
  // The host's own name, which it keeps in lower case; that of the table may have been another one.
  return type?.endsWith(`_${column.toLowerCase()}_enum`) === true ? undefined : type;
}

/** @param enumName - what its type is called, unless TypeORM names it by itself */
function nameOfCheck({ name, constraints }: CatalogTable, column: string, enumName?: string): string {
  const type = enumName === undefined ? `${name}_${column}_enum` : withoutSchema(enumName);
  return enumCheckName(type, name, column, (taken) => constraints.some((each) => each.name === taken));
}

function withoutSchema(enumName: string): string {
  return enumName.slice(enumName.lastIndexOf('.') + 1);
}

function labelsOf(column: TableColumn): readonly string[] {
  return isEnum(column) && !column.isArray ? (column.enum ?? []) : [];
}
