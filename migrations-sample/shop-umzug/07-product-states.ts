import type { QueryInterface } from 'sequelize';
import type { MigrationParams } from 'umzug';

/** A value that is added to an enum, and one that is renamed; PostgreSQL has no way to take one away. */
export async function up({ context }: MigrationParams<QueryInterface>): Promise<void> {
  await context.sequelize.query(`ALTER TYPE product_state ADD VALUE IF NOT EXISTS 'sold out'`);
  await context.sequelize.query(`ALTER TYPE product_state RENAME VALUE 'draft' TO 'planned'`);
}

export async function down({ context }: MigrationParams<QueryInterface>): Promise<void> {
  await context.sequelize.query(`ALTER TYPE product_state RENAME VALUE 'planned' TO 'draft'`);
}
