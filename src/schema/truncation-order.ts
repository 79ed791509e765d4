import { UnsupportedFeatureError } from '../occ';
import type { TableName } from '../sql';

/** A table with its schema. */
type Table = Required<TableName>;

/**
 * Finds out which tables are to be emptied, in order, for a TRUNCATE that is done by DELETE: the table, after those that
 * refer to it where they are to be emptied, too.
 *
 * @param cascade - whether they are
 * @param query - sends a statement to the database, and gives its rows
 * @throws UnsupportedFeatureError without `cascade`, where the DELETE would delete or change rows of other tables
 */
export async function truncationOrder(
  table: Table,
  cascade: boolean,
  query: (sql: string) => Promise<readonly object[]>,
): Promise<readonly Table[]> {
  const references = (await query(REFERENCES)) as readonly Reference[];
  const order: Table[] = [];
  const seen = new Set<string>();
  const visit = ({ schema, name }: Table): void => {
    const key = JSON.stringify([schema, name]);
    if (seen.has(key)) return;
    seen.add(key);
    for (const reference of references) {
      if (reference.target !== name || reference.target_schema !== schema) continue;
      if (cascade) visit({ schema: reference.schema, name: reference.name });
      else if (!KEEPS_OTHERS.includes(reference.on_delete)) {
        throw new UnsupportedFeatureError(
          `TRUNCATE of "${name}", which is done by DELETE: that would change the rows of "${reference.name}", too`,
          'Pass `cascade: true` to empty that table first, or use destroy().',
        );
      }
    }
    order.push({ schema, name });
  };
  visit(table);
  return order;
}

const REFERENCES =
  "SELECT rn.nspname AS schema, r.relname AS name, tn.nspname AS target_schema, t.relname AS target, k.confdeltype AS on_delete FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class r ON r.oid = k.conrelid JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace JOIN pg_catalog.pg_class t ON t.oid = k.confrelid JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace WHERE k.contype = 'f' AND k.conrelid <> k.confrelid ORDER BY 1, 2";

interface Reference extends Table {
  readonly target_schema: string;
  readonly target: string;
  readonly on_delete: string;
}

/** NO ACTION and RESTRICT, as `pg_constraint` has them: a DELETE fails that finds a reference. */
const KEEPS_OTHERS: readonly string[] = ['a', 'r'];
