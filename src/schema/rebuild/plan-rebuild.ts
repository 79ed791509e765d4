import { isComparable } from './comparable-types';
import {
  literal,
  quoted,
  quotedTable,
  statementOf,
  type CatalogConstraint,
  type CatalogTable,
  type DsqlStatement,
  type Translation,
} from '../../sql';
import { tableDetailsQuery, type TableDetails } from '../catalogue/table-details';
import { refersTo, type ReadTables } from '../catalogue/read-tables';
import { refusedStatement, unsupportedChanges, type UnsupportedChange } from '../planning/unsupported-change';
import { conversions, valuesInTheWay, throughText } from './conversions';
import { copyBatch, copyNothing, createCopied, orderOf, rowsInTheWay } from './copied-rows';
import { grants, readGrants } from './grants';
import {
  carriedConstraints,
  carriedIdentities,
  carriedIndexes,
  columnComments,
  constraintText,
  createTable,
  isAddedLater,
  newKey,
  newName,
  refersToCascaded,
  withTarget,
  type Rebuild,
} from './new-table';
import { freeNames, namesInTheWay, type Leftovers } from './names-in-the-way';
import { readOnlyName } from './rebuilt-names';
import { renamesOfNew, renamesOfOld } from './renames';
import type { TableChange } from './table-change';
import { createViewsBeside, dropViews, moveViews, restoreViews, viewsAbove, viewsInTheWay } from './views';
import { dropTable, keepRecord, MARK_CONSTRAINT, repeatedStep } from './unfinished';

/** What a plan of a rebuild needs. */
export interface RebuildPlanning {
  readonly readTables: ReadTables;
  readonly read: (sql: string) => Promise<readonly unknown[]>;
  /** Translates what is written for PostgreSQL. */
  readonly translate: (text: string) => Promise<Translation>;
  /** Whether the old table is dropped in the end. */
  readonly dropOld: boolean;
  /** The views that are dropped before. */
  readonly droppedViews?: ReadonlySet<string> | undefined;
}

/** A rebuild that nothing is in the way of. */
export interface PlannedRebuild {
  readonly statements: readonly DsqlStatement[];
  /** What the old table is called then. */
  readonly old: string;
  /** What CASCADE drops besides, each with its kind. */
  readonly cascaded: readonly string[];
}

/**
 * Plans the rebuild of a table: a new one takes its place that has its rows, and is what Aurora DSQL cannot make of the old
 * one.
 *
 * The new table is made beside the old one, with its indexes, while work goes on. Then the old table gets another name, a
 * CHECK that no row can keep to, and a view in its place that cannot be written: from here on reads go on and writes fail.
 * The rows are copied in the order of the key, foreign keys of other tables and the views above the old one are moved, the
 * view in its place is dropped and the new table takes its name. Until then the comment of the new table keeps what is to
 * be done.
 *
 * @param written - the ALTER TABLE that asks for it
 * @throws UnsupportedFeatureError when something is in the way, before anything is changed
 */
export async function planRebuild(
  table: CatalogTable,
  change: TableChange,
  written: string,
  planning: RebuildPlanning,
): Promise<PlannedRebuild> {
  const { schema, name } = table;
  const { readTables, read } = planning;
  const [details] = (await read(tableDetailsQuery(table))) as readonly [TableDetails];
  const { casts, impossible } = await conversions(table, change, read);
  const names = await freeNames(table, planning.dropOld, read);
  const rebuild: Rebuild = {
    table,
    details,
    change: impossible.length === 0 ? change : throughText(change, impossible),
    names,
    views: await viewsAbove({ table, change }, read, planning.droppedViews),
  };
  const { leftovers, inTheWay: takenNames } = await namesInTheWay(rebuild, read);
  const referring = await readTables(refersTo(table));
  const all = referring
    .filter((each) => each.schema !== schema || each.name !== name)
    .flatMap((owner) => referencesOf(owner, rebuild));
  const isCascaded = ({ constraint }: Reference) => refersToCascaded(change, constraint);
  const references = all.filter((each) => !isCascaded(each));
  const droppedReferences = all.filter(isCascaded);
  // Rows without a key have no order to copy them in; where there are none, nothing is copied.
  const isEmpty =
    orderOf(rebuild).length === 0 && (await read(`SELECT 1 FROM ${quotedTable(table)} LIMIT 1`)).length === 0;
  const inTheWay = [
    ...obstacles(rebuild, references, isEmpty),
    ...takenNames,
    ...(await viewsInTheWay(rebuild, read)),
    ...(await valuesInTheWay(table, impossible, read)),
  ];
  if (inTheWay.length > 0) throw unsupportedChanges(inTheWay);
  const created = await planning.translate(createTable(rebuild));
  if (created.refusals.length > 0) {
    throw unsupportedChanges(created.refusals.map((refusal) => refusedStatement(written, refusal)));
  }
  const rows = isEmpty ? undefined : await rowsInTheWay(rebuild, casts, planning);
  if (rows !== undefined) {
    throw unsupportedChanges([
      {
        what: `the rebuild of the table ${name} with its rows`,
        why: rows,
        instead: 'Correct the rows first, or say with USING what becomes of their values.',
      },
    ]);
  }
  const { dropOld } = planning;
  const context = {
    written,
    created: created.statements,
    references,
    casts,
    dropOld,
    isEmpty,
    leftovers,
    droppedReferences,
  };
  const cascaded = [
    ...rebuild.views.dropped.map((view) => `view ${view.name}`),
    ...droppedReferences.map(({ owner, constraint }) => `foreign key ${constraint.name} of ${owner.name}`),
  ];
  return { statements: steps(rebuild, context), old: rebuild.names.old, cascaded };
}

/** A foreign key of another table. */
interface Reference {
  readonly owner: CatalogTable;
  readonly constraint: CatalogConstraint;
}

function referencesOf(owner: CatalogTable, { table }: Rebuild): readonly Reference[] {
  return owner.constraints
    .filter(({ target }) => target?.schema === table.schema && target.name === table.name)
    .map((constraint) => ({ owner, constraint }));
}

/** What makes a rebuild impossible. */
function obstacles(
  rebuild: Rebuild,
  references: readonly Reference[],
  isEmpty: boolean,
): readonly UnsupportedChange[] {
  const { table, change } = rebuild;
  const what = `the rebuild of the table ${table.name}`;
  const unknown = [...change.columns.keys(), ...change.dropped]
    .filter((name) => table.columns.every((column) => column.name !== name))
    .map((name) => ({ what, why: `It has no column ${name}.` }));
  const unconstrained = [...change.droppedConstraints]
    .filter((name) => table.constraints.every((constraint) => constraint.name !== name))
    .map((name) => ({ what, why: `It has no constraint ${name}.` }));
  const present = [...change.added.keys()]
    .filter((name) => !change.dropped.has(name) && table.columns.some((column) => column.name === name))
    .map((name) => ({ what, why: `It has a column ${name} already.` }));
  const ordered =
    orderOf(rebuild).length > 0 || isEmpty
      ? []
      : [
          {
            what,
            why: 'It has rows, no primary key, and is to have none of its columns: its rows have no order to copy them in.',
            instead:
              'Add the column of the key first, fill it, and make it the key in a statement behind that.',
          },
        ];
  const own = table.constraints
    .filter(({ target }) => target?.schema === table.schema && target.name === table.name)
    .map((constraint) => ({ owner: table, constraint }));
  return [
    ...unknown,
    ...unconstrained,
    ...present,
    ...ordered,
    ...[...references, ...own].flatMap((each) => brokenReference(rebuild, each)),
  ];
}

/** Why a foreign key could not refer to the new table. */
function brokenReference(rebuild: Rebuild, { owner, constraint }: Reference): readonly UnsupportedChange[] {
  const { table, change } = rebuild;
  const isOwn = owner === table;
  if (isOwn && (change.droppedConstraints.has(constraint.name) || refersToCascaded(change, constraint))) {
    return [];
  }
  const referred = constraint.target?.columns ?? [];
  const name = `The foreign key ${constraint.name} of ${owner.name}`;
  const what = `the rebuild of the table ${table.name}`;
  const key = newKey(rebuild)?.columns ?? [];
  const uniques = carriedConstraints(rebuild).filter(({ type }) => type === 'u');
  const isSame = (columns: readonly string[]) =>
    [...columns].sort().join('\0') === [...referred].sort().join('\0');
  if (![key, ...uniques.map(({ columns }) => columns)].some(isSame)) {
    return [
      {
        what,
        why: `${name} refers to ${referred.join(', ')}, which would be no key any more.`,
        instead: 'Make them UNIQUE first, or drop the foreign key.',
      },
    ];
  }
  return referred.flatMap((column, at) => {
    const type = change.columns.get(column)?.type;
    const from = owner.columns.find((each) => each.name === constraint.columns[at]);
    if (type === undefined || from === undefined) return [];
    const fromType = owner === table ? (change.columns.get(from.name)?.type ?? from.baseType) : from.baseType;
    if (isComparable(fromType, type)) return [];
    return [
      {
        what,
        why: `${name} refers to ${column}, and its own column ${from.name} stays ${from.type}.`,
        instead: 'Drop the foreign key, rebuild both tables, and add it again.',
      },
    ];
  });
}

interface StepContext {
  readonly written: string;
  readonly created: readonly DsqlStatement[];
  readonly references: readonly Reference[];
  /** Those that CASCADE drops. */
  readonly droppedReferences: readonly Reference[];
  readonly casts: ReadonlySet<string>;
  readonly dropOld: boolean;
  /** There are no rows, and none can come: nothing is copied. */
  readonly isEmpty: boolean;
  /** Of an earlier attempt. */
  readonly leftovers: Leftovers;
}

function steps(rebuild: Rebuild, context: StepContext): readonly DsqlStatement[] {
  const { names } = rebuild;
  const { schema, table, copy, old } = names;
  const during = duringCopy(rebuild, context);
  const after = afterCopy(rebuild, context);
  const written = quotedTable({ schema, name: table });
  const readOnly = quoted(readOnlyName(table));
  return [
    ...(context.isEmpty
      ? [
          statementOf(
            `ALTER TABLE ${written} DROP CONSTRAINT IF EXISTS ${readOnly}, ADD CONSTRAINT ${readOnly} CHECK (false) NOT VALID`,
          ),
          statementOf(`ALTER TABLE ASYNC ${written} VALIDATE CONSTRAINT ${readOnly}`, 'validate'),
        ]
      : []),
    ...dropViews(context.leftovers.views),
    ...context.leftovers.tables.map((name) => statementOf(dropTable({ schema, name }))),
    ...context.created,
    statementOf(keepRecord({ change: context.written, names, during, after })),
    statementOf(
      `ALTER TABLE ${quotedTable({ schema, name: copy })} DROP CONSTRAINT IF EXISTS ${quoted(MARK_CONSTRAINT)}`,
    ),
    statementOf(copyNothing(rebuild, context.casts), 'dml'),
    ...carriedIndexes(rebuild).map(({ name, definition, isUnique }) =>
      statementOf(
        `CREATE ${isUnique ? 'UNIQUE ' : ''}INDEX ASYNC ${quoted(newName(name))} ON ${quotedTable({ schema, name: copy })} ${definition}`,
        'job',
      ),
    ),
    ...tryLater(rebuild),
    ...createViewsBeside(rebuild),
    ...columnComments(rebuild).map((sql) => statementOf(sql)),
    ...grants(rebuild).map((sql) => statementOf(sql)),
    ...(context.isEmpty ? [] : [statementOf(createCopied(rebuild))]),
    statementOf(`ALTER TABLE ${written} RENAME TO ${quoted(old)}`),
    ...during,
    ...after,
  ];
}

/** Finds out before writers are kept out whether the constraints can be added that are added later. */
function tryLater(rebuild: Rebuild): readonly DsqlStatement[] {
  const { schema, copy } = rebuild.names;
  const table = quotedTable({ schema, name: copy });
  return carriedConstraints(rebuild)
    .filter((constraint) => isAddedLater(rebuild, constraint))
    .flatMap((constraint) => [
      statementOf(
        `ALTER TABLE ${table} ADD CONSTRAINT ${quoted(constraint.name)} ${constraintText(rebuild, constraint)} NOT VALID`,
      ),
      statementOf(`ALTER TABLE ${table} DROP CONSTRAINT IF EXISTS ${quoted(constraint.name)}`),
    ]);
}

/** Each of these can be done again. */
function duringCopy(
  rebuild: Rebuild,
  { references, droppedReferences, casts, isEmpty }: StepContext,
): readonly DsqlStatement[] {
  const { schema, table, copy, old } = rebuild.names;
  const written = (name: string) => quotedTable({ schema, name });
  const readOnly = quoted(readOnlyName(table));
  const columns = rebuild.table.columns.map(({ name }) => quoted(name)).join(', ');
  const later = carriedConstraints(rebuild).filter((constraint) => isAddedLater(rebuild, constraint));
  return [
    statementOf(
      `ALTER TABLE ${written(old)} DROP CONSTRAINT IF EXISTS ${readOnly}, ADD CONSTRAINT ${readOnly} CHECK (false) NOT VALID`,
    ),
    // A view of a UNION cannot be written.
    statementOf(
      `CREATE OR REPLACE VIEW ${written(table)} AS SELECT ${columns} FROM ${written(old)} UNION ALL SELECT ${columns} FROM ${written(old)} WHERE false`,
    ),
    ...readGrants(rebuild).map((sql) => statementOf(sql)),
    ...(isEmpty ? [] : [repeatedStep(copyBatch(rebuild, casts), copy)]),
    ...newSequences(rebuild).map((sql) => statementOf(sql, 'dml')),
    ...later.flatMap((constraint) =>
      replaceConstraint(written(copy), constraint, constraintText(rebuild, constraint)),
    ),
    ...droppedReferences.map(({ owner, constraint }) =>
      statementOf(`ALTER TABLE ${quotedTable(owner)} DROP CONSTRAINT IF EXISTS ${quoted(constraint.name)}`),
    ),
    ...references.flatMap(({ owner, constraint }) =>
      replaceConstraint(
        quotedTable(owner),
        constraint,
        withTarget(constraint.definition.replace(/ NOT VALID$/, ''), { schema, name: copy }),
      ),
    ),
    ...moveViews(rebuild),
    ...dropViews([{ schema, name: table }]),
    statementOf(`ALTER TABLE ${written(copy)} RENAME TO ${quoted(table)}`),
  ];
}

function replaceConstraint(
  table: string,
  { name, validated }: CatalogConstraint,
  definition: string,
): readonly DsqlStatement[] {
  const constraint = quoted(name);
  return [
    statementOf(
      `ALTER TABLE ${table} DROP CONSTRAINT IF EXISTS ${constraint}, ADD CONSTRAINT ${constraint} ${definition} NOT VALID`,
    ),
    ...(validated
      ? [statementOf(`ALTER TABLE ASYNC ${table} VALIDATE CONSTRAINT ${constraint}`, 'validate')]
      : []),
  ];
}

/** Lets identities go on where those of the old table were. */
function newSequences(rebuild: Rebuild): readonly string[] {
  const { schema, copy } = rebuild.names;
  return carriedIdentities(rebuild).map(
    ({ name, sequence }) =>
      `SELECT setval(pg_get_serial_sequence(${literal(quotedTable({ schema, name: copy }))}, ${literal(name)}), coalesce(q.last_value, q.start_value), q.last_value IS NOT NULL) FROM pg_catalog.pg_sequences q JOIN pg_catalog.pg_class c ON c.relname = q.sequencename JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = q.schemaname WHERE c.oid = ${literal(sequence)}::regclass`,
  );
}

/** But for the names of keys and indexes each of these can be done again. */
function afterCopy(rebuild: Rebuild, { dropOld }: StepContext): readonly DsqlStatement[] {
  const { table, details, names } = rebuild;
  const { schema, old, copied } = names;
  const written = (name: string) => quotedTable({ schema, name });
  const foreignKeys = table.constraints.filter(({ type }) => type === 'f');
  const dropped = foreignKeys.map(({ name }) => `DROP CONSTRAINT IF EXISTS ${quoted(name)}`);
  // The sequences belong to the new table, and may be dropped with it.
  const counting = table.columns
    .filter(({ default: value }) => value?.includes('nextval(') === true)
    .map(({ name }) => `ALTER COLUMN ${quoted(name)} DROP DEFAULT`);
  const left = [...dropped, ...counting];
  const leave = left.length === 0 ? [] : [statementOf(`ALTER TABLE ${written(old)} ${left.join(', ')}`)];
  const isKept = (column: string) => !rebuild.change.dropped.has(column);
  return [
    ...details.ownedSequences.map(({ name }) => statementOf(`ALTER SEQUENCE ${name} OWNED BY NONE`)),
    ...(dropOld ? [statementOf(dropTable({ schema, name: old }))] : [...leave, ...renamesOfOld(rebuild)]),
    ...renamesOfNew(rebuild),
    ...restoreViews(rebuild),
    statementOf(dropTable({ schema, name: copied })),
    ...(details.isOwn
      ? []
      : [statementOf(`ALTER TABLE ${written(names.table)} OWNER TO ${quoted(details.owner)}`)]),
    ...details.ownedSequences
      .filter(({ column }) => isKept(column))
      .map(({ name, column }) =>
        statementOf(`ALTER SEQUENCE ${name} OWNED BY ${written(names.table)}.${quoted(column)}`),
      ),
    statementOf(
      `COMMENT ON TABLE ${written(names.table)} IS ${details.comment === null ? 'NULL' : literal(details.comment)}`,
    ),
  ];
}
