import {
  literal,
  primaryKeyOf,
  quoted,
  quotedTable,
  tokensOf,
  type CatalogColumn,
  type CatalogConstraint,
  type CatalogTable,
} from '../../sql';
import type { DependentView } from '../catalogue/dependent-views';
import type { ColumnDetails, TableDetails } from '../catalogue/table-details';
import { besides, readOnlyName, type RebuiltNames } from './rebuilt-names';
import type { ColumnChange, TableChange } from './table-change';
import { markConstraint } from './unfinished';

/** A column of the new table. */
export interface NewColumn {
  readonly name: string;
  /** Its type, and what it is declared with. */
  readonly definition: string;
  /** What its values are made of, from a row of the old table; nothing where the new table makes them. */
  readonly value?: string;
  /** The type that is written where that changes. */
  readonly newType?: string;
}

/** The views above a table, by what becomes of them when another table takes its place. */
export interface ViewsAbove {
  /**
   * Those that read the table and show the same columns as before: they are told to read the new table. They are never missing,
   * and what reads them needs nothing.
   */
  readonly replaced: readonly DependentView[];
  /** Those that show a column whose type changes, and all that read them, each behind those that it reads. */
  readonly recreated: readonly DependentView[];
  /** Those that read a column that is dropped with CASCADE, and all that read them, each behind those that it reads. */
  readonly dropped: readonly DependentView[];
}

/** A table and what is to become of it. */
export interface Rebuild {
  readonly table: CatalogTable;
  readonly details: TableDetails;
  readonly change: TableChange;
  readonly names: RebuiltNames;
  readonly views: ViewsAbove;
}

/** An index of the old table that the new one has, too. */
export interface CarriedIndex {
  readonly name: string;
  /** What comes behind the name of the table. */
  readonly definition: string;
  readonly isUnique: boolean;
}

/** The columns of the new table: those of the old one in their order, and those that are added. */
export function newColumns({ table, details, change }: Rebuild): readonly NewColumn[] {
  const carried = table.columns.flatMap((column): NewColumn[] => {
    if (change.dropped.has(column.name)) return [];
    const detail = details.columns.find(({ name }) => name === column.name);
    return [carriedColumn(column, detail, change.columns.get(column.name) ?? {})];
  });
  const added = [...change.added].map(([name, definition]): NewColumn => ({ name, definition }));
  return [...carried, ...added];
}

function carriedColumn(
  column: CatalogColumn,
  detail: ColumnDetails | undefined,
  change: ColumnChange,
): NewColumn {
  const { name } = column;
  const type = change.type ?? column.type;
  const generated = change.isPlain === true ? null : (detail?.generated ?? null);
  const identity = change.identity ?? (losesIdentity(change) ? null : identityOf(detail));
  const given = change.default === undefined ? carriedDefault(column, change) : change.default;
  const parts = [
    type,
    generated === null ? '' : `GENERATED ALWAYS AS (${generated}) STORED`,
    identity ?? '',
    given === null || identity !== null ? '' : `DEFAULT ${given}`,
    (change.notNull ?? column.notNull) ? 'NOT NULL' : '',
  ];
  return {
    name,
    definition: parts.filter((part) => part !== '').join(' '),
    ...(generated === null && { value: change.using ?? quoted(name) }),
    ...(change.type !== undefined && { newType: change.type }),
  };
}

/** A constant is shown with a cast to the type that the column had. */
function carriedDefault(column: CatalogColumn, { type }: ColumnChange): string | null {
  if (type === undefined) return column.default;
  return column.default?.replace(/^('(?:[^']|'')*')::[\w ]+(?:\([\d, ]+\))?$/, '$1') ?? null;
}

/**
 * Whether a column that is an identity becomes none. One that gets another default, or none, was a `serial`; the next number of a
 * sequence is what it has.
 */
export function losesIdentity(change: ColumnChange): boolean {
  if (change.identity !== undefined) return change.identity === null;
  return change.default !== undefined && !/^\s*nextval\s*\(/i.test(change.default ?? '');
}

function identityOf(detail: ColumnDetails | undefined): string | null {
  if (!detail?.sequence) return null;
  const { increment, min, max, start, cache, cycle } = detail.sequence;
  const kind = detail.identity === 'a' ? 'ALWAYS' : 'BY DEFAULT';
  return `GENERATED ${kind} AS IDENTITY (START WITH ${start} INCREMENT BY ${increment} MINVALUE ${min} MAXVALUE ${max} CACHE ${cache}${cycle ? ' CYCLE' : ''})`;
}

/** The primary key of the new table, and what its constraint is called in the end; nothing where it has none. */
export function newKey({
  table,
  change,
}: Rebuild): { readonly name: string; readonly columns: readonly string[] } | undefined {
  const present = table.constraints.find(({ type }) => type === 'p');
  if (change.primaryKey === null) return undefined;
  const name = change.primaryKey?.name ?? present?.name ?? besides(table.name, '_pkey');
  const columns = change.primaryKey?.columns ?? primaryKeyOf(table);
  return columns.length === 0 ? undefined : { name, columns };
}

/** The constraints that the new table has like the old one, but for the primary key. */
export function carriedConstraints({ table, change }: Rebuild): readonly CatalogConstraint[] {
  return table.constraints.filter(
    (constraint) =>
      constraint.type !== 'p' &&
      !isReadOnlyCheck(table, constraint) &&
      !(isOfItself(table, constraint) && refersToCascaded(change, constraint)) &&
      !change.droppedConstraints.has(constraint.name) &&
      !constraint.columns.some((each) => change.dropped.has(each)),
  );
}

/** Whether a foreign key refers to a column that is dropped with CASCADE, which drops the key. */
export function refersToCascaded({ cascaded }: TableChange, { target }: CatalogConstraint): boolean {
  return target?.columns.some((column) => cascaded.has(column)) === true;
}

/** Whether a constraint is the CHECK with which a rebuild that was interrupted has kept writers out. */
export function isReadOnlyCheck(table: CatalogTable, { type, name, definition }: CatalogConstraint): boolean {
  return (
    type === 'c' && name === readOnlyName(table.name) && /^CHECK \(+false\)+( NOT VALID)?$/.test(definition)
  );
}

/** The identities of the old table that the new one has, too. */
export function carriedIdentities({
  table,
  change,
}: Rebuild): readonly { readonly name: string; readonly sequence: string }[] {
  return table.columns.flatMap(({ name, sequence }) => {
    const isLost = losesIdentity(change.columns.get(name) ?? {});
    if (sequence === null || change.dropped.has(name) || isLost) return [];
    return [{ name, sequence }];
  });
}

/** Whether a constraint is added when the rows are there: to itself in any order, or where not all rows keep to it. */
export function isAddedLater({ table }: Rebuild, constraint: CatalogConstraint): boolean {
  if (constraint.type === 'u') return false;
  return !constraint.validated || isOfItself(table, constraint);
}

function isOfItself({ schema, name }: CatalogTable, { target }: CatalogConstraint): boolean {
  return target?.schema === schema && target.name === name;
}

/** A constraint of the new table, as it is written. */
export function constraintText({ table, names }: Rebuild, constraint: CatalogConstraint): string {
  const definition = constraint.definition.replace(/ NOT VALID$/, '');
  if (constraint.target === null) return definition;
  const { schema, name } = constraint.target;
  const target = isOfItself(table, constraint) ? names.copy : name;
  return withTarget(definition, { schema, name: target });
}

/** A foreign key, as `pg_get_constraintdef()` gives it, to another table. */
export function withTarget(
  definition: string,
  target: { readonly schema: string; readonly name: string },
): string {
  const tokens = [...tokensOf(definition)];
  const at = tokens.findIndex(({ kind, value }) => kind === 'word' && value === 'REFERENCES');
  const open = tokens.findIndex(({ value }, index) => index > at && value === '(');
  return `${definition.slice(0, tokens[at]?.end)} ${quotedTable(target)}${definition.slice(tokens[open]?.start)}`;
}

/** The names that keys and indexes of the new table have until the old one has given up its own. */
export const newName = (name: string): string => besides(name, '__new');

/** What creates the new table. */
export function createTable(rebuild: Rebuild): string {
  const { schema, copy } = rebuild.names;
  const key = newKey(rebuild);
  const named = (name: string, definition: string) => `CONSTRAINT ${quoted(name)} ${definition}`;
  const constraints = carriedConstraints(rebuild)
    .filter((constraint) => !isAddedLater(rebuild, constraint))
    .map((constraint) => {
      const { type, name } = constraint;
      return named(type === 'u' ? newName(name) : name, constraintText(rebuild, constraint));
    });
  const parts = [
    ...newColumns(rebuild).map(({ name, definition }) => `${quoted(name)} ${definition}`),
    ...(key === undefined
      ? []
      : [named(newName(key.name), `PRIMARY KEY (${key.columns.map(quoted).join(', ')})`)]),
    ...constraints,
    markConstraint,
  ];
  return `CREATE TABLE ${quotedTable({ schema, name: copy })} (${parts.join(', ')})`;
}

const DEFINED_INDEX =
  /^CREATE (UNIQUE )?INDEX (?:"(?:[^"]|"")+"|\S+) ON (?:ONLY )?(?:(?:"(?:[^"]|"")+"|[^\s".]+)\.)?(?:"(?:[^"]|"")+"|[^\s".]+) USING \w+ (.*)$/s;

/** The indexes that the new table has like the old one, but for those of its constraints. */
export function carriedIndexes({ table, change }: Rebuild): readonly CarriedIndex[] {
  const constraints = new Set(table.constraints.map(({ name }) => name));
  return table.indexes.flatMap(({ name, primary, unique, keys, definition, valid, buildJobId }) => {
    const isBuilt = valid || buildJobId !== null;
    const isOfDropped = keys.some(({ column }) => column !== null && change.dropped.has(column));
    const [, , rest] = DEFINED_INDEX.exec(definition) ?? [];
    if (primary || constraints.has(name) || !isBuilt || isOfDropped || rest === undefined) return [];
    return [{ name, definition: rest, isUnique: unique }];
  });
}

/** What says the same of the columns of the new table as is said of those of the old one. */
export function columnComments({ table, change, names }: Rebuild): readonly string[] {
  const { schema, copy } = names;
  return table.columns.flatMap(({ name, comment }) =>
    comment === null || change.dropped.has(name)
      ? []
      : [`COMMENT ON COLUMN ${quotedTable({ schema, name: copy })}.${quoted(name)} IS ${literal(comment)}`],
  );
}
