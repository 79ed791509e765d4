import type { QueryInterface } from 'sequelize';
import type { MigrationParams } from 'umzug';

/** As it was written for PostgreSQL. */
export async function up({ context }: MigrationParams<QueryInterface>): Promise<void> {
  await context.sequelize.query(
    `CREATE TABLE customer (id SERIAL PRIMARY KEY, email varchar(100) NOT NULL, name text, created_at timestamp NOT NULL DEFAULT now())`,
  );
}

export async function down({ context }: MigrationParams<QueryInterface>): Promise<void> {
  await context.dropTable('customer');
}
