import type { ColumnDef, TypeName } from 'libpg-query';
import { isNamedAlike, isSameName, nameOfParts, tableNameOf } from '../../catalogue/catalog-facts';
import type { ArrayColumn } from '../../catalogue/catalog-facts';
import { builtinTypeName, isBuiltinType } from '../../facts/column-types';
import { asNode, objectParts, strings } from '../../syntax/parse-tree';
import type { NodeBody } from '../../syntax/parse-tree';
import type { Statement, TableName } from '../../syntax/statement';
import { formattedType } from '../columns/type-names';

const NUMBER = /^(?:int[248]|float[48]|numeric)$/;

/** Whether a type is an array: also by the name of its element with an underscore before it. */
export function isArrayType(type: TypeName | undefined): boolean {
  return type?.arrayBounds !== undefined || /^_[a-z]/.test(builtinTypeName(type) ?? '');
}

/** Whether the members of an array are numbers in JSON, too. */
export function isOfNumbers(type: TypeName | undefined): boolean {
  return NUMBER.test((strings(type?.names).at(-1) ?? '').replace(/^_/, ''));
}

/** Whether members of a type are numbers in JSON, by its name as `format_type()` gives it. */
export function isNumberType(type: string): boolean {
  return /^(?:smallint|integer|bigint|real|double precision|numeric)\b/.test(type);
}

/** The type of the members of an array. */
function memberType(type: TypeName | undefined): string {
  const { arrayBounds, ...member } = type ?? {};
  const name = builtinTypeName(type);
  // Numbers of any length, as on PostgreSQL.
  if (name?.replace(/^_/, '') === 'numeric') return 'numeric';
  if (arrayBounds === undefined || arrayBounds.length > 1) return name?.replace(/^_/, '') ?? 'text';
  return isBuiltinType(member) ? (formattedType(member) ?? 'text') : 'text';
}

/**
 * The columns of arrays behind a statement: those that it makes are among them, those that it drops or gives another type
 * are not, and what is renamed has its new name.
 *
 * @param known - those before it
 */
export function arrayColumnsAfter(
  known: readonly ArrayColumn[],
  { node, tree }: Statement,
): readonly ArrayColumn[] {
  switch (node) {
    case 'CreateStmt':
      return behindCreate(known, tree as NodeBody<'CreateStmt'>);
    case 'AlterTableStmt':
      return behindAlter(known, tree as NodeBody<'AlterTableStmt'>);
    case 'RenameStmt':
      return behindRename(known, tree as NodeBody<'RenameStmt'>);
    case 'DropStmt': {
      const { removeType, objects = [] } = tree as NodeBody<'DropStmt'>;
      if (removeType !== 'OBJECT_TABLE') return known;
      const dropped = objects.map((object) => nameOfParts(objectParts(object)));
      return known.filter(({ table }) => !dropped.some((name) => isSameName(name, table)));
    }
    default:
      return known;
  }
}

function behindCreate(
  known: readonly ArrayColumn[],
  { relation, tableElts = [], if_not_exists: mayBeThere }: NodeBody<'CreateStmt'>,
): readonly ArrayColumn[] {
  const table = tableNameOf(relation);
  const columns = tableElts.flatMap((item) => asNode(item, 'ColumnDef') ?? []);
  const made = columns.flatMap((column, place) =>
    isArrayType(column.typeName) ? [{ ...arrayColumn(table, column), place }] : [],
  );
  // One of another schema may be another table, and stays what it is.
  const others = mayBeThere === true ? known : known.filter((each) => !isNamedAlike(each.table, table));
  return [...made, ...others];
}

function behindAlter(
  known: readonly ArrayColumn[],
  { relation, cmds = [] }: NodeBody<'AlterTableStmt'>,
): readonly ArrayColumn[] {
  const table = tableNameOf(relation);
  let now = known;
  for (const item of cmds) {
    const { subtype, name = '', def, missing_ok: mayBeThere } = asNode(item, 'AlterTableCmd') ?? {};
    const column = asNode(def, 'ColumnDef');
    const without = (dropped: string) =>
      now.filter((each) => each.column !== dropped || !isSameName(each.table, table));
    if (subtype === 'AT_DropColumn') {
      // Behind a column that is dropped the others have other places.
      now = without(name).map(({ place, ...each }) =>
        place === undefined || isSameName(each.table, table) ? each : { ...each, place },
      );
    } else if (column !== undefined && (subtype === 'AT_AddColumn' || subtype === 'AT_AlterColumnType')) {
      const { colname = name, typeName } = column;
      const { place } = now.find((each) => each.column === colname && isSameName(each.table, table)) ?? {};
      const isPlaced = subtype === 'AT_AlterColumnType' && place !== undefined;
      const made = isArrayType(typeName)
        ? [{ ...arrayColumn(table, { ...column, colname }), ...(isPlaced && { place }) }]
        : [];
      now = [...made, ...(mayBeThere === true ? now : without(colname))];
    }
  }
  return now;
}

function behindRename(
  known: readonly ArrayColumn[],
  { renameType, relation, subname, newname = '' }: NodeBody<'RenameStmt'>,
): readonly ArrayColumn[] {
  const table = tableNameOf(relation);
  return known.map((each) => {
    if (!isSameName(each.table, table)) return each;
    if (renameType === 'OBJECT_TABLE') return { ...each, table: { ...each.table, name: newname } };
    return renameType === 'OBJECT_COLUMN' && each.column === subname ? { ...each, column: newname } : each;
  });
}

function arrayColumn(table: TableName, { colname: column = '', typeName }: ColumnDef): ArrayColumn {
  return { table, column, isOfNumbers: isOfNumbers(typeName), type: memberType(typeName) };
}
