import type { QueryInterface } from 'sequelize';
import type { MigrationParams } from 'umzug';

/** A unique constraint. */
export async function up({ context }: MigrationParams<QueryInterface>): Promise<void> {
  await context.addConstraint('product', { type: 'unique', name: 'product_sku', fields: ['sku'] });
}

export async function down({ context }: MigrationParams<QueryInterface>): Promise<void> {
  await context.removeConstraint('product', 'product_sku');
}
