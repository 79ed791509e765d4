import { DataTypes, type QueryInterface } from 'sequelize';
import type { MigrationParams } from 'umzug';

/** Without its foreign key. */
export async function up({ context }: MigrationParams<QueryInterface>): Promise<void> {
  await context.createTable('orders', {
    id: { type: DataTypes.BIGINT, primaryKey: true, autoIncrement: true },
    customer_id: { type: DataTypes.BIGINT, allowNull: false },
    placed_at: { type: DataTypes.DATE, allowNull: false, defaultValue: DataTypes.NOW },
    total: { type: DataTypes.INTEGER, allowNull: false },
  });
}

export async function down({ context }: MigrationParams<QueryInterface>): Promise<void> {
  await context.dropTable('orders');
}
