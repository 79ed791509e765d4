import { inBatches } from 'aurora-dsql-orm/migrate';
import type { QueryInterface } from 'sequelize';
import type { MigrationParams } from 'umzug';

/** More rows than a transaction takes, in parts that are each the same on every run. */
export async function up({ context }: MigrationParams<QueryInterface>): Promise<void> {
  await context.sequelize.query(
    `INSERT INTO customer (id, email, name) SELECT n, 'customer' || n || '@example.com', 'Customer ' || n FROM generate_series(1, 500) AS n`,
  );
  for (let part = 0; part < 10; part++) {
    await context.sequelize.query(
      `INSERT INTO orders (customer_id, placed_at, total) SELECT 1 + n % 500, '2025-01-01', n FROM generate_series($1::int, $2::int) AS n`,
      { bind: [part * 2000 + 1, (part + 1) * 2000] },
    );
  }
}

export async function down({ context }: MigrationParams<QueryInterface>): Promise<void> {
  await inBatches(context, { table: 'orders', batchRows: 2900 }, (batch) =>
    context.sequelize.query(`DELETE FROM orders WHERE ${batch.condition}`),
  );
  await context.sequelize.query(`DELETE FROM customer WHERE id <= 500`);
}
