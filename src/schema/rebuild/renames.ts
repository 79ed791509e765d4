import {
  defaultName,
  quoted,
  quotedTable,
  statementOf,
  type CatalogTable,
  type DsqlStatement,
} from '../../sql';
import {
  carriedConstraints,
  carriedIdentities,
  carriedIndexes,
  newKey,
  newName,
  type Rebuild,
} from './new-table';
import { besides, sequenceName } from './rebuilt-names';

/** Renames what belongs to the old table, which keeps it: the new table is to have these names. */
export function renamesOfOld({ table, names }: Rebuild): readonly DsqlStatement[] {
  const { schema, old } = names;
  const suffix = old.slice(old.lastIndexOf('__old'));
  const { keys, indexes, sequences } = partsWithNames(table);
  return [
    ...keys.map((name) => renameConstraint({ schema, name: old }, name, besides(name, suffix))),
    ...indexes.map((name) => renameIndex(schema, name, besides(name, suffix))),
    ...sequences.map((name) => renameSequence(schema, name, besides(name, suffix))),
  ];
}

/** The names that the old table and its parts have in the end, where it is kept. */
export function namesOfOld(table: CatalogTable, suffix: string): readonly string[] {
  const { keys, indexes, sequences } = partsWithNames(table);
  return [table.name, ...keys, ...indexes, ...sequences].map((name) => besides(name, suffix));
}

/** What belongs to a table, and has a name that nothing else in the schema has. */
function partsWithNames({ constraints, indexes, columns }: CatalogTable) {
  const names = new Set(constraints.map(({ name }) => name));
  return {
    keys: constraints.filter(({ type }) => type === 'p' || type === 'u').map(({ name }) => name),
    indexes: indexes.filter(({ name, primary }) => !primary && !names.has(name)).map(({ name }) => name),
    sequences: columns.flatMap(({ sequence }) => (sequence === null ? [] : [sequenceName(sequence)])),
  };
}

/** Gives what belongs to the new table the names that those parts of the old one had. */
export function renamesOfNew(rebuild: Rebuild): readonly DsqlStatement[] {
  const { schema, table } = rebuild.names;
  return [
    ...keysOf(rebuild).map((name) => renameConstraint({ schema, name: table }, newName(name), name)),
    ...carriedIndexes(rebuild).map(({ name }) => renameIndex(schema, newName(name), name)),
    ...carriedIdentities(rebuild).map(({ name, sequence }) =>
      renameSequence(schema, newSequence(rebuild, name), sequenceName(sequence)),
    ),
  ];
}

/** The names that keys, indexes and sequences of the new table have until then. */
export function namesMeanwhile(rebuild: Rebuild): readonly string[] {
  return [
    ...keysOf(rebuild).map(newName),
    ...carriedIndexes(rebuild).map(({ name }) => newName(name)),
    ...carriedIdentities(rebuild).map(({ name }) => newSequence(rebuild, name)),
  ];
}

function keysOf(rebuild: Rebuild): readonly string[] {
  const key = newKey(rebuild);
  const uniques = carriedConstraints(rebuild).filter(({ type }) => type === 'u');
  return [...(key === undefined ? [] : [key]), ...uniques].map(({ name }) => name);
}

/** What PostgreSQL calls the sequence of an identity of the new table. */
function newSequence({ names }: Rebuild, column: string): string {
  return defaultName(names.copy, [column], 'seq');
}

const renameConstraint = (
  table: { readonly schema: string; readonly name: string },
  from: string,
  to: string,
) => statementOf(`ALTER TABLE ${quotedTable(table)} RENAME CONSTRAINT ${quoted(from)} TO ${quoted(to)}`);

const renameSequence = (schema: string, from: string, to: string) =>
  statementOf(`ALTER SEQUENCE ${quotedTable({ schema, name: from })} RENAME TO ${quoted(to)}`);

const renameIndex = (schema: string, from: string, to: string) =>
  statementOf(`ALTER INDEX ${quotedTable({ schema, name: from })} RENAME TO ${quoted(to)}`);
