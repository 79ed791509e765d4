import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A table between two, with the key of both. */
export class CreateOrderLine1780000000005 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`CREATE TABLE order_line (
      order_id bigint NOT NULL CONSTRAINT order_line_order REFERENCES orders (id) ON DELETE CASCADE,
      product_id uuid NOT NULL CONSTRAINT order_line_product REFERENCES product (id),
      amount integer NOT NULL CHECK (amount > 0),
      PRIMARY KEY (order_id, product_id)
    )`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.dropTable('order_line');
  }
}
