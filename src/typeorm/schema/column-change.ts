import type { TableColumn } from 'typeorm';
import type { UnsupportedChange } from '../../schema';
import type { Simplifications } from '../../sql';
import { isKeptAsText } from './column-types';

/** Whether a column has an enum type, which Aurora DSQL keeps as text with a CHECK. */
export function isEnum({ type }: { readonly type: unknown }): boolean {
  return type === 'enum' || type === 'simple-enum';
}

/** Whether a column that was read from the database is an identity column. */
export function isIdentity({ isGenerated, generatedIdentity }: TableColumn): boolean {
  return isGenerated && generatedIdentity !== undefined;
}

/**
 * A column before and after a change, as they are stored: an enum is a text, and so is a type that is kept as text; a text
 * that becomes one of these stays what it is.
 *
 * @param simplify - whether there are such types
 * @param storedType - what the column is in the database, if it is something else to TypeORM
 */
export function storedForms(
  oldColumn: TableColumn,
  newColumn: TableColumn,
  simplify: Simplifications,
  storedType = 'text',
): { readonly before: TableColumn; readonly after: TableColumn } {
  const before = stored(oldColumn, simplify, storedType);
  const after = stored(newColumn, simplify, 'text');
  if (isText(newColumn, simplify) && !newColumn.isArray && isTextType(before.type)) {
    after.type = before.type;
    after.length = before.length;
  }
  return { before, after };
}

/** Whether a column that is something else to TypeORM is a text in the database. */
function isText(column: TableColumn, simplify: Simplifications): boolean {
  return isEnum(column) || isKeptAsText(column.type, simplify);
}

/** Whether a type of the database is one of a text that can be anything to TypeORM. */
export function isTextType(type: string): boolean {
  return type === 'text' || type === 'character varying';
}

function stored(column: TableColumn, simplify: Simplifications, type: string): TableColumn {
  const form = column.clone();
  if (!isText(column, simplify) || column.isArray) return form;
  form.type = type;
  if (!isEnum(column)) form.length = '';
  form.enum = undefined;
  form.enumName = undefined;
  return form;
}

/** What of a column can only be had by dropping it and adding another one, as `was` and `is`. */
export function newForms(
  before: TableColumn,
  after: TableColumn,
): { readonly was: string; readonly is: string } | undefined {
  const differs =
    typeOf(before) !== typeOf(after) ||
    before.collation !== after.collation ||
    before.generatedType !== after.generatedType ||
    (after.generatedType === 'STORED' && before.asExpression !== after.asExpression);
  return differs ? { was: formOf(before), is: formOf(after) } : undefined;
}

function typeOf({ type, length, precision, scale, isArray }: TableColumn): string {
  const modifiers = [length, precision, scale].filter(
    (modifier) => modifier !== undefined && modifier !== null && modifier !== '',
  );
  return `${type}${modifiers.length > 0 ? `(${modifiers.join(',')})` : ''}${isArray ? '[]' : ''}`;
}

function formOf(column: TableColumn): string {
  const { collation, generatedType, asExpression } = column;
  return [
    typeOf(column),
    collation === undefined ? '' : `COLLATE ${collation}`,
    generatedType === undefined ? '' : `GENERATED ALWAYS AS (${asExpression ?? ''})`,
  ]
    .filter((part) => part !== '')
    .join(' ');
}

/** Why a column stays as it is, and how it can be changed by hand. */
export function refusedChange(
  table: string,
  column: string,
  { was, is }: { readonly was: string; readonly is: string },
): UnsupportedChange {
  return {
    what: `a change of the column ${table}.${column} from ${was} to ${is}`,
    why: 'There is no ALTER COLUMN … TYPE; the column would have to be dropped with all its values, and added anew.',
    instead: `To keep the values: add a column of the new type, copy them in batches with UPDATE, drop the old column and rename the new one; or let dsql: { rebuild: true } do it by a copy of the table. To lose them: dsql: { destructive: true }.`,
  };
}

/** What gives a column another type. */
export interface TypeChange {
  /** Whether an identity becomes a uuid, which is made anew. */
  readonly becomesUuid: boolean;
  readonly changesDefault: boolean;
  /** Actions of one ALTER TABLE. */
  readonly changed: readonly string[];
  /** Those that undo them. */
  readonly restored: readonly string[];
}

/**
 * Gives a column another type, and the default with it: that of one type may be none of the other.
 *
 * @param typeOf - a type as SQL
 */
export function typeChange(
  before: TableColumn,
  after: TableColumn,
  typeOf: (column: TableColumn) => string,
): TypeChange {
  const column = `ALTER COLUMN "${before.name}"`;
  const becomesUuid = isIdentity(before) && after.type === 'uuid';
  const changesDefault = !before.isGenerated && !after.isGenerated && before.default !== after.default;
  const actions = (to: TableColumn, using = '') => [
    `${column} TYPE ${typeOf(to)}${using}`,
    ...(changesDefault ? [`${column} ${defaultOf(to)}`] : []),
  ];
  return {
    becomesUuid,
    changesDefault,
    changed: actions(after, becomesUuid ? ' USING gen_random_uuid()' : ''),
    restored: actions(before),
  };
}

function defaultOf(column: TableColumn): string {
  const value = column.default as string | number | null | undefined;
  return value === undefined || value === null ? 'DROP DEFAULT' : `SET DEFAULT ${value}`;
}
