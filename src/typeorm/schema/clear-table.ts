import type { QueryRunner } from 'typeorm';
import { planCascade, isOneOf, readTablesWhere, SchemaRunner } from '../../schema';
import { loadParser, quoted, quotedTable, translate } from '../../sql';
import { schemaSession } from './schema-session';

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
  const read = (sql: string) => queryRunner.query(sql) as Promise<readonly object[]>;
  const path = { name: tableName, ...(schema !== undefined && { schema }) };
  const readTables = (where: string) => readTablesWhere(where, read);
  const [known = { ...path, columns: [], constraints: [] }] = await readTables(isOneOf([path]));
  const { unset, order } =
    cascade && known.schema !== undefined
      ? await planCascade({ ...path, schema: known.schema }, readTables)
      : { unset: [], order: [known] };
  if (queryRunner.isTransactionActive) {
    for (const { table, column } of unset) {
      await queryRunner.query(`UPDATE ${quotedTable(table)} SET ${quoted(column)} = NULL`);
    }
    for (const table of order) await queryRunner.query(`DELETE FROM ${quotedTable(table)}`);
    return;
  }
  const sql = `TRUNCATE ${order.map(quotedTable).join(', ')}`;
  const { statements } = translate(sql, { catalog: { tables: order } });
  await new SchemaRunner(schemaSession(queryRunner)).run(statements);
}
