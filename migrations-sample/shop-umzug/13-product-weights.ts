import type { QueryInterface } from 'sequelize';
import type { MigrationParams } from 'umzug';

/** Several statements in one text, as PostgreSQL takes them. */
export async function up({ context }: MigrationParams<QueryInterface>): Promise<void> {
  await context.sequelize.query(`
    ALTER TABLE product ADD COLUMN weight real DEFAULT 0;
    CREATE INDEX product_by_price ON product USING btree (price);
    COMMENT ON TABLE product IS 'What is sold';
  `);
}

export async function down({ context }: MigrationParams<QueryInterface>): Promise<void> {
  await context.sequelize.query(
    `DROP INDEX product_by_price; ALTER TABLE product DROP COLUMN weight; COMMENT ON TABLE product IS NULL`,
  );
}
