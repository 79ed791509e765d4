import type { QueryRunner } from 'typeorm';
import { planCascade, isOneOf, readTablesWhere, SchemaRunner } from '../../schema';
import { factsOf, loadParser, quoted, quotedTable, translate } from '../../sql';
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
  const [known] = await readTablesWhere(isOneOf([path]), read);
  const { unset, order } =
    cascade && known !== undefined ? await planCascade(known, read) : { unset: [], order: [known ?? path] };
  if (queryRunner.isTransactionActive) {
    for (const { table, column } of unset) {
      await queryRunner.query(`UPDATE ${quotedTable(table)} SET ${quoted(column)} = NULL`);
    }
    for (const table of order) await queryRunner.query(`DELETE FROM ${quotedTable(table)}`);
    return;
  }
  const tables = order.length === 1 && known ? [known] : await readTablesWhere(isOneOf(order), read);
  const catalog = { tables: tables.map(factsOf) };
  const { statements } = translate(`TRUNCATE ${order.map(quotedTable).join(', ')}`, { catalog });
  await new SchemaRunner(schemaSession(queryRunner)).run(statements);
}
