import type { QueryInterface } from 'sequelize';
import type { MigrationParams } from 'umzug';

/** A column with another name. */
export async function up({ context }: MigrationParams<QueryInterface>): Promise<void> {
  await context.renameColumn('customer', 'name', 'full_name');
}

export async function down({ context }: MigrationParams<QueryInterface>): Promise<void> {
  await context.renameColumn('customer', 'full_name', 'name');
}
