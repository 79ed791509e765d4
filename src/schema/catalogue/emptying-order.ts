import { UnsupportedFeatureError } from '../../occ';
import type { TableName } from '../../sql';

/** A table with its schema. */
type Table = Required<TableName>;

/** A foreign key between two tables. */
interface Reference extends Table {
  readonly target_schema: string;
  readonly target: string;
  readonly on_delete: string;
}

/** Sends a statement to the database, and gives its rows. */
type Query = (sql: string) => Promise<readonly object[]>;

const REFERENCES =
  "SELECT rn.nspname AS schema, r.relname AS name, tn.nspname AS target_schema, t.relname AS target, k.confdeltype AS on_delete FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class r ON r.oid = k.conrelid JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace JOIN pg_catalog.pg_class t ON t.oid = k.confrelid JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace WHERE k.contype = 'f' AND k.conrelid <> k.confrelid ORDER BY 1, 2";

/**
 * The tables to empty, in order, for a TRUNCATE … CASCADE that is done by DELETE: the table, and those whose foreign keys
 * lead to it. One whose rows would be in the way of the DELETE comes before what it refers to, so that tables which refer
 * to each other in a circle can be emptied where one of these foreign keys says what becomes of its rows.
 */
export async function emptyingOrder(table: Table, query: Query): Promise<readonly Table[]> {
  const references = (await query(REFERENCES)) as readonly Reference[];
  const reached = followReferences([table], (to) => references.filter((reference) => isTo(to, reference)));
  return followReferences(reached, (to) =>
    references.filter((reference) => isTo(to, reference) && KEEPS_OTHERS.includes(reference.on_delete)),
  );
}

/** Tables and all that refer to them, each behind those that refer to it, but for circles. */
function followReferences(
  tables: readonly Table[],
  referencesTo: (table: Table) => readonly Reference[],
): Table[] {
  const order: Table[] = [];
  const seen = new Set<string>();
  const visit = ({ schema, name }: Table): void => {
    const key = JSON.stringify([schema, name]);
    if (seen.has(key)) return;
    seen.add(key);
    referencesTo({ schema, name }).forEach(visit);
    order.push({ schema, name });
  };
  tables.forEach(visit);
  return order;
}

/**
 * Makes sure that emptying one table by DELETE leaves all others as they are, as TRUNCATE without CASCADE does.
 *
 * @param instead - what the caller can do about it, as a sentence
 * @throws UnsupportedFeatureError where the DELETE would delete or change rows of another table
 */
export async function requireOwnRowsOnly(table: Table, query: Query, instead: string): Promise<void> {
  const references = (await query(REFERENCES)) as readonly Reference[];
  const changed = references.find(
    (reference) => isTo(table, reference) && !KEEPS_OTHERS.includes(reference.on_delete),
  );
  if (changed === undefined) return;
  throw new UnsupportedFeatureError(
    `TRUNCATE of "${table.name}", which is done by DELETE: that would change the rows of "${changed.name}", too`,
    instead,
  );
}

function isTo({ schema, name }: Table, reference: Reference): boolean {
  return reference.target === name && reference.target_schema === schema;
}

/** NO ACTION and RESTRICT, as `pg_constraint` has them: a DELETE fails that finds a reference. */
const KEEPS_OTHERS: readonly string[] = ['a', 'r'];
