import { inBatches } from 'aurora-dsql-orm/migrate';
import { DataTypes, type QueryInterface } from 'sequelize';
import type { MigrationParams } from 'umzug';

/** A column that is filled for 20,000 rows. */
export async function up({ context }: MigrationParams<QueryInterface>): Promise<void> {
  await context.addColumn('orders', 'currency', DataTypes.CHAR(3));
  await inBatches(context, { table: 'orders', where: 'currency IS NULL', batchRows: 2900 }, (batch) =>
    context.sequelize.query(`UPDATE orders SET currency = 'EUR' WHERE ${batch.condition}`),
  );
}

export async function down({ context }: MigrationParams<QueryInterface>): Promise<void> {
  await context.removeColumn('orders', 'currency');
}
