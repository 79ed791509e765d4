import { DataTypes, type QueryInterface } from 'sequelize';
import type { MigrationParams } from 'umzug';

/** Fails where two customers have one address; when they are corrected, it continues. */
export async function up({ context }: MigrationParams<QueryInterface>): Promise<void> {
  await context.addIndex('customer', ['email'], { unique: true, name: 'customer_email' });
  await context.addColumn('customer', 'confirmed', DataTypes.BOOLEAN);
}

export async function down({ context }: MigrationParams<QueryInterface>): Promise<void> {
  await context.removeColumn('customer', 'confirmed');
  await context.removeIndex('customer', 'customer_email');
}
