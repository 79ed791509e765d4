import { UnsupportedFeatureError } from '../../occ';
import {
  emptyingPlan,
  restrictsDelete,
  type EmptyingPlan,
  type RestrictingKey,
  type TableName,
} from '../../sql';

/** A table with its schema. */
type Table = Required<TableName>;

/** A foreign key between two tables. */
interface Reference extends Table {
  readonly target_schema: string;
  readonly target: string;
  readonly on_delete: string;
  readonly nullable: string | null;
}

/** Sends a statement to the database, and gives its rows. */
type Query = (sql: string) => Promise<readonly object[]>;

const REFERENCES =
  "SELECT rn.nspname AS schema, r.relname AS name, tn.nspname AS target_schema, t.relname AS target, k.confdeltype AS on_delete, (SELECT a.attname FROM pg_catalog.pg_attribute a WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey) AND NOT a.attnotnull AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint c WHERE c.conrelid = k.conrelid AND c.contype = 'c' AND c.conkey = ARRAY[a.attnum] AND pg_get_constraintdef(c.oid) LIKE '%IS NOT NULL%') ORDER BY a.attnum LIMIT 1) AS nullable FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class r ON r.oid = k.conrelid JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace JOIN pg_catalog.pg_class t ON t.oid = k.confrelid JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace WHERE k.contype = 'f' AND k.conrelid <> k.confrelid ORDER BY 1, 2";

/** A table that is to be emptied. */
type Emptied = Table & { readonly restrictingKeys: readonly RestrictingKey[] };

/**
 * What is to be emptied, and how, for a TRUNCATE … CASCADE that is done by DELETE: the table, and those whose foreign keys
 * lead to it.
 */
export async function planCascade(table: Table, query: Query): Promise<EmptyingPlan<Emptied>> {
  const references = (await query(REFERENCES)) as readonly Reference[];
  const reached = new Map<string, Table>();
  const reach = ({ schema, name }: Table): void => {
    const key = JSON.stringify([schema, name]);
    if (reached.has(key)) return;
    reached.set(key, { schema, name });
    references.filter((reference) => isTo({ schema, name }, reference)).forEach(reach);
  };
  reach(table);
  return emptyingPlan(
    [...reached.values()].map((each) => ({ ...each, restrictingKeys: keysOf(each, references) })),
  );
}

function keysOf({ schema, name }: Table, references: readonly Reference[]): readonly RestrictingKey[] {
  return references
    .filter((each) => each.schema === schema && each.name === name && restrictsDelete(each.on_delete))
    .map(({ target_schema, target, nullable }) => ({
      target: { schema: target_schema, name: target },
      nullable: nullable ?? undefined,
    }));
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
    (reference) => isTo(table, reference) && !restrictsDelete(reference.on_delete),
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
