import { sqlStateOf } from '../../occ';
import type { EnumChange } from '../../schema';
import type { EnumFacts } from '../../sql';
import { whileHeld } from '../lease/lease-statements';
import { migrationTables, type MigrationTables } from '../tables';
import type { JournalRow, JournalStatement } from './journal-connection';

/** Where a type is that is named without a schema: as its columns are looked for. */
const DEFAULT_SCHEMA = 'public';

/** Reads the enum types that migrations have made. */
export function readEnums({ enum: table }: MigrationTables): JournalStatement {
  return { text: `SELECT schema_name, name, labels FROM ${table} ORDER BY 1, 2`, values: [] };
}

/** What a role meets that has run no migration here, or may not read the table. */
const NOT_THERE: ReadonlySet<string | undefined> = new Set(['42P01', '42501']);

/**
 * The enum types that migrations have made so far, of any history.
 *
 * @param query - sends a query, and gives its rows
 * @param schema - that of the tables of the journal
 */
export async function enumTypesOfMigrations(
  query: (sql: string) => Promise<readonly JournalRow[]>,
  schema: string | undefined,
): Promise<readonly EnumFacts[]> {
  try {
    return enumsIn(await query(readEnums(migrationTables(schema)).text));
  } catch (error) {
    if (NOT_THERE.has(sqlStateOf(error))) return [];
    throw error;
  }
}

/** What {@link readEnums} has found. */
export function enumsIn(rows: readonly JournalRow[]): readonly EnumFacts[] {
  return rows.map(({ schema_name: schema, name, labels }) => ({
    schema: String(schema),
    name: String(name),
    labels: JSON.parse(String(labels)) as string[],
  }));
}

/**
 * Notes what became of a type, as long as the lease is held.
 *
 * @param held - the values of {@link whileHeld}
 */
export function noteEnum(
  tables: MigrationTables,
  held: readonly string[],
  { schema = DEFAULT_SCHEMA, name, labels }: EnumChange,
): JournalStatement {
  const ofType = [...held, schema, name];
  if (labels === undefined) {
    const text = `${whileHeld(tables, 1)} DELETE FROM ${tables.enum} AS e USING held WHERE e.schema_name = $3 AND e.name = $4`;
    return { text, values: ofType };
  }
  return {
    text: `${whileHeld(tables, 1)} INSERT INTO ${tables.enum} (schema_name, name, labels, fence) SELECT $3, $4, $5, fence FROM held ON CONFLICT (schema_name, name) DO UPDATE SET labels = excluded.labels, fence = excluded.fence`,
    values: [...ofType, JSON.stringify(labels)],
  };
}
