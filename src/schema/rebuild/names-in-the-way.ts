import { literal, quotedTable, type CatalogTable, type TableName } from '../../sql';
import { dependentViewsQuery, type DependentView } from '../catalogue/dependent-views';
import type { UnsupportedChange } from '../planning/unsupported-change';
import { carriedConstraints, carriedIndexes, isReadOnlyCheck, newKey, type Rebuild } from './new-table';
import { readOnlyName, rebuiltNames, type RebuiltNames } from './rebuilt-names';
import { namesMeanwhile, namesOfOld } from './renames';
import { makesBeside, MARK_CONSTRAINT, recordIn } from './unfinished';
import { beside, inOrder } from './views';

type Read = (sql: string) => Promise<readonly unknown[]>;

/** What has a name that a rebuild needs. */
interface Holder extends Required<TableName> {
  /** As `pg_class.relkind` has it; `type` for a type without a relation. */
  readonly kind: string;
  /** The table to which an index or a sequence belongs. */
  readonly table: string | null;
  readonly comment: string | null;
  /** Whether a rebuild has made it, as its constraints say. */
  readonly isMarked: boolean;
}

const KINDS: Readonly<Record<string, string>> = {
  r: 'a table',
  v: 'a view',
  i: 'an index',
  S: 'a sequence',
  type: 'a type',
};

/** What an interrupted rebuild has left, and is dropped first. */
export interface Leftovers {
  /** Each behind those that it reads. */
  readonly views: readonly DependentView[];
  /** The names of tables. */
  readonly tables: readonly string[];
}

/** The names for the rebuild of a table: what is kept of the old one gets names that nothing has. */
export async function freeNames(table: CatalogTable, dropOld: boolean, read: Read): Promise<RebuiltNames> {
  const { schema } = table;
  const inSchema = `n.nspname = ${literal(schema)}`;
  const rows = await read(
    `SELECT c.relname AS name FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE ${inSchema} AND c.relname LIKE '%\\_\\_old%' UNION ALL SELECT t.typname FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE ${inSchema} AND t.typrelid = 0 AND t.typname LIKE '%\\_\\_old%'`,
  );
  const taken = new Set((rows as readonly { readonly name: string }[]).map(({ name }) => name));
  return rebuiltNames(table, (old, suffix) => {
    const needed = dropOld ? [old] : namesOfOld(table, suffix);
    return needed.some((name) => taken.has(name));
  });
}

/**
 * Looks at all names that a rebuild needs: what only a rebuild can have made is left by one that was interrupted; all else is
 * the user's.
 */
export async function namesInTheWay(
  rebuild: Rebuild,
  read: Read,
): Promise<{ readonly leftovers: Leftovers; readonly inTheWay: readonly UnsupportedChange[] }> {
  const { names, views, table } = rebuild;
  const { schema } = names;
  const needed = [
    ...[names.copy, names.copied, ...namesMeanwhile(rebuild)].map((name) => ({ schema, name })),
    ...views.recreated.map(beside),
    ...newFinalNames(rebuild).map((name) => ({ schema, name })),
  ];
  const holders = await holdersOf(needed, read);
  const tables = holders.filter((holder) => isLeft(holder, names));
  const copy = tables.find(({ name }) => name === names.copy);
  const above = copy === undefined ? [] : await viewsAboveCopy(copy, read);
  const isOfCopy = ({ table: owner }: Holder) => owner !== null && owner === copy?.name;
  const isView = (holder: Holder) => above.some(({ view }) => isSame(view, holder));
  const others = holders.filter((holder) => !tables.includes(holder) && !isOfCopy(holder) && !isView(holder));
  const what = `the rebuild of the table ${table.name}`;
  return {
    leftovers: {
      views: inOrder(above.filter(({ isOurs }) => isOurs).map(({ view }) => view)),
      tables: tables.map(({ name }) => name),
    },
    inTheWay: [
      ...others.map((holder) => ({ what, ...takenBy(holder) })),
      ...above.flatMap(({ view, isOurs }) => (isOurs ? [] : [{ what, ...readsCopy(view, names) }])),
      ...(await rowsLeft(copy, read)).map((each) => ({ what, ...each })),
      ...foreignCheck(table).map((each) => ({ what, ...each })),
    ],
  };
}

type Reason = Omit<UnsupportedChange, 'what'>;

/** The name of a primary key that the table does not have yet, where something else of the table does. */
function newFinalNames(rebuild: Rebuild): readonly string[] {
  const { table } = rebuild;
  const key = newKey(rebuild);
  if (key === undefined || table.constraints.some(({ type, name }) => type === 'p' && name === key.name)) {
    return [];
  }
  const isCarried = [...carriedConstraints(rebuild), ...carriedIndexes(rebuild)].some(
    ({ name }) => name === key.name,
  );
  const isOfTable = [...table.constraints, ...table.indexes].some(({ name }) => name === key.name);
  return isCarried || !isOfTable ? [key.name] : [];
}

function isLeft({ kind, name, comment, isMarked: hasMark }: Holder, { copy, copied }: RebuiltNames): boolean {
  return kind === 'r' && (name === copy || name === copied) && (hasMark || recordIn(comment) !== undefined);
}

function takenBy({ kind, name, table }: Holder): Reason {
  const of = table === null ? '' : ` of ${table}`;
  return {
    why: `There is ${KINDS[kind] ?? 'a relation'} ${name}${of} that no rebuild has made, and this one needs the name.`,
    instead: 'Rename or drop it.',
  };
}

function readsCopy({ name }: DependentView, { copy }: RebuiltNames): Reason {
  return {
    why: `The view ${name} reads ${copy}, which an interrupted rebuild has left and this one makes anew.`,
    instead: 'Drop the view.',
  };
}

/** No rebuild has copied rows, and left its table as it was. */
async function rowsLeft(copy: Holder | undefined, read: Read): Promise<readonly Reason[]> {
  if (copy === undefined) return [];
  const { name } = copy;
  if ((await read(`SELECT 1 FROM ${quotedTable(copy)} LIMIT 1`)).length === 0) return [];
  return [
    {
      why: `There is a table ${name} with rows that an interrupted rebuild has copied, but no table that it has copied them from.`,
      instead: `Drop ${name} if the table has these rows.`,
    },
  ];
}

/** What keeps writers out has a name that no other constraint may have. */
function foreignCheck(table: CatalogTable): readonly Reason[] {
  const name = readOnlyName(table.name);
  return table.constraints
    .filter((each) => each.name === name && !isReadOnlyCheck(table, each))
    .map(() => ({
      why: `It has a constraint ${name} that no rebuild has made, and this one needs the name.`,
      instead: 'Rename it.',
    }));
}

async function viewsAboveCopy(
  copy: Holder,
  read: Read,
): Promise<readonly { readonly view: DependentView; readonly isOurs: boolean }[]> {
  const views = (await read(dependentViewsQuery(copy))) as readonly DependentView[];
  const record = recordIn(copy.comment);
  return views.map((view) => ({ view, isOurs: record !== undefined && makesBeside(record, view) }));
}

async function holdersOf(names: readonly Required<TableName>[], read: Read): Promise<readonly Holder[]> {
  const among = (column: string) =>
    names
      .map(({ schema, name }) => `(n.nspname = ${literal(schema)} AND ${column} = ${literal(name)})`)
      .join(' OR ');
  const ofTable = `(SELECT o.relname FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class o ON o.oid = x.indrelid WHERE x.indexrelid = c.oid)`;
  const ofColumn = `(SELECT o.relname FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class o ON o.oid = d.refobjid WHERE c.relkind = 'S' AND d.classid = 1259 AND d.objid = c.oid AND d.refclassid = 1259 AND d.deptype IN ('a', 'i') LIMIT 1)`;
  const comment = `(SELECT description FROM pg_catalog.pg_description WHERE objoid = c.oid AND classoid = 1259 AND objsubid = 0)`;
  const marked = `EXISTS (SELECT FROM pg_catalog.pg_constraint o WHERE o.conrelid = c.oid AND o.conname = ${literal(MARK_CONSTRAINT)})`;
  return (await read(
    `SELECT n.nspname AS schema, c.relname AS name, c.relkind::text AS kind, coalesce(${ofTable}, ${ofColumn})::text AS "table", ${comment} AS comment, ${marked} AS "isMarked" FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE ${among('c.relname')} UNION ALL SELECT n.nspname, t.typname, 'type', NULL, NULL, false FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE t.typrelid = 0 AND t.typcategory <> 'A' AND (${among('t.typname')}) ORDER BY 1, 2`,
  )) as readonly Holder[];
}

function isSame(one: Required<TableName>, other: Required<TableName>): boolean {
  return one.name === other.name && one.schema === other.schema;
}
