import { rebuildTable } from 'aurora-dsql-orm/migrate';
import type { QueryInterface } from 'sequelize';
import type { MigrationParams } from 'umzug';

/** Another type of a column, which Aurora DSQL cannot give it: the table is rebuilt. */
export async function up({ context }: MigrationParams<QueryInterface>): Promise<void> {
  await rebuildTable(context, {
    table: 'orders',
    change: 'ALTER COLUMN total TYPE numeric(12,2) USING total / 100.0',
    dropOld: true,
  });
}

export async function down({ context }: MigrationParams<QueryInterface>): Promise<void> {
  await rebuildTable(context, {
    table: 'orders',
    change: 'ALTER COLUMN total TYPE integer USING (total * 100)::integer',
    dropOld: true,
  });
}
