import type { QueryInterface } from 'sequelize';
import type { MigrationParams } from 'umzug';

/** With an enum, which Aurora DSQL has as a CHECK. */
export async function up({ context }: MigrationParams<QueryInterface>): Promise<void> {
  await context.sequelize.query(`CREATE TYPE product_state AS ENUM ('draft', 'on sale')`);
  await context.sequelize.query(
    `CREATE TABLE product (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), sku varchar(20) NOT NULL, price integer NOT NULL, state product_state NOT NULL DEFAULT 'draft')`,
  );
}

export async function down({ context }: MigrationParams<QueryInterface>): Promise<void> {
  await context.sequelize.query(`DROP TABLE product`);
  await context.sequelize.query(`DROP TYPE product_state`);
}
