import { findInChain, sqlStateOf } from '../../occ';
import { literal, quoted, quotedTable, statementOf, type DsqlStatement, type TableName } from '../../sql';
import { dependentViewsQuery, type DependentView } from '../catalogue/dependent-views';
import type { UnsupportedChange } from '../planning/unsupported-change';
import { grantsOn } from './grants';
import type { Rebuild, ViewsAbove } from './new-table';
import { besides } from './rebuilt-names';
import { withRelations } from './view-query';

type Read = (sql: string) => Promise<readonly unknown[]>;

/** Reads the views above a table, but for those that are dropped before. */
export async function viewsAbove(
  { table, change }: Pick<Rebuild, 'table' | 'change'>,
  read: Read,
  droppedBefore: ReadonlySet<string> = new Set(),
): Promise<ViewsAbove> {
  const found = (await read(dependentViewsQuery(table))) as readonly DependentView[];
  const present = found.filter(({ name }) => !droppedBefore.has(name));
  const dropped = cascadedTo(present, change);
  const views = present.filter((view) => !dropped.includes(view));
  const recreated: DependentView[] = [];
  const isAgain = (view: DependentView): boolean =>
    view.usesRowType ||
    view.columnsUsed.some((column) => change.columns.get(column)?.type !== undefined) ||
    view.reads.some((name) => recreated.some((other) => isSame(other, name)));
  for (let left = views; ;) {
    const next = left.filter(isAgain);
    recreated.push(...next);
    left = left.filter((view) => !next.includes(view));
    if (next.length > 0) continue;
    const replaced = left.filter(({ reads }) => reads.some((name) => isSame(table, name)));
    return { replaced, recreated: inOrder(recreated), dropped };
  }
}

/** The views that are dropped with columns. */
function cascadedTo(
  views: readonly DependentView[],
  { cascaded }: Rebuild['change'],
): readonly DependentView[] {
  const dropped = new Set<DependentView>();
  for (const view of inOrder(views)) {
    const isAbove = view.reads.some((name) => [...dropped].some((other) => isSame(other, name)));
    if (isAbove || view.columnsUsed.some((column) => cascaded.has(column))) dropped.add(view);
  }
  return [...dropped];
}

function isSame(one: Required<TableName>, other: Required<TableName>): boolean {
  return one.name === other.name && one.schema === other.schema;
}

/** Each behind those of them that it reads. */
export function inOrder(views: readonly DependentView[]): readonly DependentView[] {
  const ordered = new Set<DependentView>();
  const put = (view: DependentView): void => {
    for (const name of view.reads) {
      const below = views.find((other) => isSame(other, name));
      if (below !== undefined && !ordered.has(below)) put(below);
    }
    ordered.add(view);
  };
  views.forEach(put);
  return [...ordered];
}

/** What is in the way of the views above a table that is rebuilt. */
export async function viewsInTheWay(rebuild: Rebuild, read: Read): Promise<readonly UnsupportedChange[]> {
  const { table, change, views } = rebuild;
  const what = `the rebuild of the table ${table.name}`;
  const instead = 'Drop the view, and create it again afterwards.';
  const all = [...views.replaced, ...views.recreated, ...views.dropped];
  const told = all.flatMap((view): readonly UnsupportedChange[] => {
    const isKept = !views.dropped.includes(view);
    const dropped = view.columnsUsed.filter((column) => isKept && change.dropped.has(column));
    const key = table.constraints.find(({ type, name }) => type === 'p' && view.keysUsed.includes(name));
    return [
      ...dropped.map((column) => ({
        what,
        why: `The view ${view.name} reads its column ${column}, which is dropped.`,
        instead: `${instead} Or write DROP COLUMN ${column} CASCADE, which drops the view.`,
      })),
      ...(change.primaryKey === undefined || key === undefined || !isKept
        ? []
        : [
            {
              what,
              why: `The view ${view.name} groups by ${key.columns.join(', ')} and reads other columns: that needs its primary key.`,
              instead,
            },
          ]),
      ...(view.mayReplace
        ? []
        : [{ what, why: `The view ${view.name} reads it, and belongs to ${view.owner}.`, instead }]),
    ];
  });
  return told.length > 0 ? told : unfitViews(rebuild, read);
}

/** Asks PostgreSQL whether the queries of views can be read when columns have their new types. */
async function unfitViews(rebuild: Rebuild, read: Read): Promise<readonly UnsupportedChange[]> {
  const { table, change, views } = rebuild;
  const carried = table.columns.filter(({ name }) => !change.dropped.has(name));
  const types = [
    ...carried.map(({ name, type }) => {
      const newType = change.columns.get(name)?.type ?? type;
      return `CAST(NULL AS ${newType}) AS ${quoted(name)}`;
    }),
    // No view reads these, but they may have the name of what another table is joined by.
    ...[...change.added.keys()].map((name) => `NULL AS ${quoted(name)}`),
  ];
  const hasSameColumns = change.added.size === 0 && change.dropped.size === 0;
  const probes = new Map<DependentView, string>();
  for (const view of [...(hasSameColumns ? [] : views.replaced), ...views.recreated]) {
    const below = views.recreated.filter((other) => view.reads.some((name) => isSame(other, name)));
    // Without its key a table cannot be grouped by it; that is found out by the new table, before writers are kept out.
    if (view.keysUsed.length > 0 || below.some((other) => !probes.has(other))) continue;
    const probe = withRelations(view, rebuild, (name) => {
      if (isSame(table, name)) return `(SELECT ${types.join(', ')})`;
      const other = below.find((each) => isSame(each, name));
      return other && `(${probes.get(other) ?? ''})`;
    });
    probes.set(view, probe);
    try {
      await read(`SELECT 1 FROM (${probe}) AS probe LIMIT 0`);
    } catch (error) {
      const reported = findInChain(error, isOfMeaning);
      if (reported === undefined) throw error;
      const changed = view.columnsUsed.filter((column) => change.columns.get(column)?.type !== undefined);
      const columns = changed.map((column) => `${column} as ${change.columns.get(column)?.type ?? ''}`);
      const uses = columns.length > 0 ? columns : below.map(({ name }) => name);
      const which = uses.length > 0 ? `, which then reads ${uses.join(', ')},` : '';
      return [
        {
          what: `the rebuild of the table ${table.name}`,
          why: `The view ${view.name}${which} cannot be made: ${reported.message}.`,
          instead: 'Drop the view, and create another one afterwards.',
        },
      ];
    }
  }
  return [];
}

/** Syntax error or access rule violation, which the server finds before a query is run. */
function isOfMeaning(error: unknown): error is Error {
  return error instanceof Error && sqlStateOf(error)?.startsWith('42') === true;
}

/** What a view is called until the one before it is dropped. */
export function beside({ schema, name }: Required<TableName>): Required<TableName> {
  return { schema, name: besides(name, '__new') };
}

/** Makes the views that are made anew beside those that there are, and finds out before writers are kept out that it can. */
export function createViewsBeside(rebuild: Rebuild): readonly DsqlStatement[] {
  return rebuild.views.recreated.map((view) =>
    statementOf(createView(view, beside(view), definitionAbove(view, rebuild))),
  );
}

/**
 * Lets views read the new table, when it has all rows and before it has its name. Each of these can be done again, all of them
 * in their order.
 */
export function moveViews(rebuild: Rebuild): readonly DsqlStatement[] {
  const { replaced, recreated, dropped } = rebuild.views;
  return [
    ...dropViews(dropped),
    ...replaced.map((view) => statementOf(createView(view, view, definitionAbove(view, rebuild)))),
    ...createViewsBeside(rebuild),
    ...recreated.flatMap((view) => saidOfView(view).map((sql) => statementOf(sql))),
    ...dropViews(recreated),
    ...recreated.map((view) =>
      statementOf(`ALTER VIEW ${quotedTable(beside(view))} RENAME TO ${quoted(view.name)}`),
    ),
  ];
}

/** Drops views in one statement, so that they are missing for as short as can be. */
export function dropViews(views: readonly Required<TableName>[]): readonly DsqlStatement[] {
  if (views.length === 0) return [];
  return [statementOf(`DROP VIEW IF EXISTS ${views.toReversed().map(quotedTable).join(', ')}`)];
}

/** Writes views as they were written, now that the new table has its name. */
export function restoreViews(rebuild: Rebuild): readonly DsqlStatement[] {
  const { views, table } = rebuild;
  const isAbove = ({ reads }: DependentView) =>
    reads.some((name) => isSame(table, name) || views.recreated.some((other) => isSame(other, name)));
  return [...views.replaced, ...views.recreated]
    .filter(isAbove)
    .map((view) => statementOf(createView(view, view, withRelations(view, rebuild))));
}

/** What is said of a view that is made anew, beside its query. */
function saidOfView(view: DependentView): readonly string[] {
  const name = quotedTable(beside(view));
  const { comment, columns, isOwn, owner } = view;
  return [
    ...(comment === null ? [] : [`COMMENT ON VIEW ${name} IS ${literal(comment)}`]),
    ...columns.flatMap((column) => [
      ...(column.comment === null
        ? []
        : [`COMMENT ON COLUMN ${name}.${quoted(column.name)} IS ${literal(column.comment)}`]),
      ...(column.default === null
        ? []
        : [`ALTER VIEW ${name} ALTER COLUMN ${quoted(column.name)} SET DEFAULT ${column.default}`]),
    ]),
    ...grantsOn(beside(view), view),
    ...(isOwn ? [] : [`ALTER VIEW ${name} OWNER TO ${quoted(owner)}`]),
  ];
}

function createView({ options }: DependentView, name: Required<TableName>, query: string): string {
  const having = options.length === 0 ? '' : ` WITH (${options.join(', ')})`;
  return `CREATE OR REPLACE VIEW ${quotedTable(name)}${having} AS ${query}`;
}

/** The query of a view as it reads the new table, and the views above it that are made anew. */
function definitionAbove(view: DependentView, rebuild: Rebuild): string {
  const { table, names, views } = rebuild;
  const copy = quotedTable({ schema: names.schema, name: names.copy });
  const relationFor = (name: Required<TableName>) => {
    if (isSame(table, name)) return copy;
    const other = views.recreated.find((each) => isSame(each, name));
    return other && quotedTable(beside(other));
  };
  return withRelations(view, rebuild, relationFor, relationFor);
}
