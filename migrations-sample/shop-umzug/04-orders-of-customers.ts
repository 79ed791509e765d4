import type { QueryInterface } from 'sequelize';
import type { MigrationParams } from 'umzug';

/** A foreign key that is added later. */
export async function up({ context }: MigrationParams<QueryInterface>): Promise<void> {
  await context.addConstraint('orders', {
    type: 'foreign key',
    name: 'orders_customer',
    fields: ['customer_id'],
    references: { table: 'customer', field: 'id' },
    onDelete: 'NO ACTION',
    onUpdate: 'NO ACTION',
  });
}

export async function down({ context }: MigrationParams<QueryInterface>): Promise<void> {
  await context.removeConstraint('orders', 'orders_customer');
}
