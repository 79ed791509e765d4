import type { QueryRunner } from 'typeorm';
import { SchemaRunner } from '../../schema';
import { loadParser, quotedTable, translate, type TableFacts } from '../../sql';
import { schemaSession } from './schema-session';

/** The table itself last, before it the tables whose foreign keys lead to it, the most distant first. */
const TABLES = `WITH RECURSIVE emptied AS (
    SELECT t.oid, 0 AS distance FROM pg_catalog.pg_class t JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
    WHERE t.relname = $1 AND n.nspname = COALESCE($2, current_schema())
    UNION
    SELECT k.conrelid, e.distance + 1 FROM emptied e JOIN pg_catalog.pg_constraint k ON k.confrelid = e.oid
    WHERE $3 AND k.contype = 'f' AND k.conrelid <> e.oid AND e.distance < 32
  )
  SELECT n.nspname AS schema, t.relname AS name, array_to_json(array(
      SELECT a.attname FROM pg_catalog.pg_constraint k
      JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
      WHERE k.conrelid = t.oid AND k.contype = 'p' ORDER BY a.attnum)) AS key
  FROM (SELECT oid, max(distance) AS distance FROM emptied GROUP BY oid) e
  JOIN pg_catalog.pg_class t ON t.oid = e.oid JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
  ORDER BY e.distance DESC, t.relname`;

/**
 * Deletes all rows of a table, as TRUNCATE does where there is one: in a transaction with one statement, otherwise in
 * transactions of at most 3,000 rows each. After an interruption it goes on where it stopped when it is called again.
 *
 * @param table - its name, and its schema where it is not the current one
 * @param cascade - whether the tables whose foreign keys lead to it are emptied first
 */
export async function clearTable(
  queryRunner: QueryRunner,
  { tableName, schema }: { readonly tableName: string; readonly schema?: string | undefined },
  cascade: boolean,
): Promise<void> {
  await loadParser();
  const tables = (await queryRunner.query(TABLES, [tableName, schema ?? null, cascade])) as (Required<
    Pick<TableFacts, 'schema' | 'name'>
  > & { readonly key: readonly string[] })[];
  const named = tables.length > 0 ? tables : [{ schema, name: tableName, key: [] }];
  for (const { schema: of, name, key } of named) {
    const path = quotedTable({ schema: of, name });
    if (queryRunner.isTransactionActive) {
      await queryRunner.query(`DELETE FROM ${path}`);
      continue;
    }
    const facts = { ...(of !== undefined && { schema: of }), name, primaryKey: key };
    const { statements } = translate(`TRUNCATE ${path}`, { catalog: { tables: [facts] } });
    await new SchemaRunner(schemaSession(queryRunner)).run(statements);
  }
}
