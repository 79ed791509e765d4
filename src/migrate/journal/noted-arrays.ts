import { isNumberType, type ArrayColumn } from '../../sql';
import type { ArrayChange } from '../../schema';
import { whileHeld } from '../lease/lease-statements';
import type { MigrationTables } from '../tables';
import type { JournalRow, JournalStatement } from './journal-connection';

/** Reads the columns of arrays that migrations have made. */
export function readArrays({ array: table }: MigrationTables): JournalStatement {
  const text = `SELECT schema_name, table_name, column_name, member_type, place FROM ${table} ORDER BY 1, 2, 3`;
  return { text, values: [] };
}

/** What {@link readArrays} has found. */
export function arraysIn(rows: readonly JournalRow[]): readonly ArrayColumn[] {
  return rows.map(
    ({ schema_name: schema, table_name: name, column_name: column, member_type: type, place }) => ({
      // A table that was named without a schema may be in any that the role finds it in.
      table: { ...(schema !== '' && { schema: String(schema) }), name: String(name) },
      column: String(column),
      type: String(type),
      isOfNumbers: isNumberType(String(type)),
      ...(place !== null && { place: Number(place) }),
    }),
  );
}

/**
 * Notes what became of columns of arrays, as long as the lease is held.
 *
 * @param held - the values of {@link whileHeld}
 * @param changes - those of one migration
 */
export function noteArrays(
  tables: MigrationTables,
  held: readonly string[],
  changes: readonly ArrayChange[],
): readonly JournalStatement[] {
  const { array: table } = tables;
  const rows = changes.map(({ table: { schema = '', name }, column, made }) => ({
    schema,
    name,
    column,
    ...made,
  }));
  const of = (isMade: boolean) => rows.filter((row) => 'type' in row === isMade);
  const each = 'json_array_elements($3::json) AS e';
  const key = "e->>'schema', e->>'name', e->>'column'";
  const statement = (text: string, isMade: boolean): readonly JournalStatement[] =>
    of(isMade).length === 0
      ? []
      : [{ text: `${whileHeld(tables, 1)} ${text}`, values: [...held, JSON.stringify(of(isMade))] }];
  return [
    ...statement(
      `DELETE FROM ${table} AS a USING held, ${each} WHERE (a.schema_name, a.table_name, a.column_name) = (${key})`,
      false,
    ),
    ...statement(
      `INSERT INTO ${table} (schema_name, table_name, column_name, member_type, place, fence) SELECT ${key}, e->>'type', (e->>'place')::integer, fence FROM held, ${each} ON CONFLICT (schema_name, table_name, column_name) DO UPDATE SET member_type = excluded.member_type, place = excluded.place, fence = excluded.fence`,
      true,
    ),
  ];
}
