import { UnsupportedFeatureError } from '../../occ';
import {
  emptyingPlan,
  foreignKeysOf,
  restrictsDelete,
  type CatalogTable,
  type EmptyingPlan,
  type KnownTable,
  type TableName,
} from '../../sql';
import { HAS_FOREIGN_KEY, isOneOf, refersTo, type ReadTables } from './read-tables';

/** A table with its schema. */
type QualifiedName = Required<TableName>;

/**
 * What is to be emptied, and how, for a TRUNCATE … CASCADE that is done by DELETE: the table, and those whose foreign keys
 * lead to it.
 */
export async function planCascade(
  table: QualifiedName,
  readTables: ReadTables,
): Promise<EmptyingPlan<KnownTable & QualifiedName>> {
  const tables = await readTables(`${isOneOf([table])} OR ${HAS_FOREIGN_KEY}`);
  const reached = new Set<KnownTable & QualifiedName>();
  const reach = (each: KnownTable & QualifiedName): void => {
    if (reached.has(each)) return;
    reached.add(each);
    tables.filter((owner) => keysTo(each, owner).length > 0).forEach(reach);
  };
  // What is not there is for the server to say.
  reach(tables.find((each) => isSame(each, table)) ?? { ...table, columns: [], constraints: [] });
  return emptyingPlan([...reached]);
}

/**
 * Makes sure that emptying one table by DELETE leaves all others as they are, as TRUNCATE without CASCADE does.
 *
 * @param instead - what the caller can do about it, as a sentence
 * @throws UnsupportedFeatureError where the DELETE would delete or change rows of another table
 */
export async function requireOwnRowsOnly(
  table: QualifiedName,
  readTables: ReadTables,
  instead: string,
): Promise<void> {
  const referring = await readTables(refersTo(table));
  const changed = referring.find(
    (owner) =>
      !isSame(owner, table) && keysTo(table, owner).some(({ onDelete }) => !restrictsDelete(onDelete)),
  );
  if (changed === undefined) return;
  throw new UnsupportedFeatureError(
    `TRUNCATE of "${table.name}", which is done by DELETE: that would change the rows of "${changed.name}", too`,
    instead,
  );
}

/** The foreign keys of a table that refer to another one. */
function keysTo(table: QualifiedName, owner: CatalogTable): CatalogTable['constraints'] {
  return foreignKeysOf(owner).filter(({ target }) => isSame(target, table));
}

function isSame(one: QualifiedName, other: QualifiedName): boolean {
  return one.name === other.name && one.schema === other.schema;
}
