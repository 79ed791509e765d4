import type { QueryInterface } from 'sequelize';
import type { MigrationParams } from 'umzug';

/** A table between two, with the key of both. */
export async function up({ context }: MigrationParams<QueryInterface>): Promise<void> {
  await context.sequelize.query(`CREATE TABLE order_line (
    order_id bigint NOT NULL CONSTRAINT order_line_order REFERENCES orders (id) ON DELETE CASCADE,
    product_id uuid NOT NULL CONSTRAINT order_line_product REFERENCES product (id),
    amount integer NOT NULL CHECK (amount > 0),
    PRIMARY KEY (order_id, product_id)
  )`);
}

export async function down({ context }: MigrationParams<QueryInterface>): Promise<void> {
  await context.dropTable('order_line');
}
