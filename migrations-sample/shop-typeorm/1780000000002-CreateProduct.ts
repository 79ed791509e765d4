import type { MigrationInterface, QueryRunner } from 'typeorm';

/** With an enum, which Aurora DSQL has as a CHECK. */
export class CreateProduct1780000000002 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`CREATE TYPE product_state AS ENUM ('draft', 'on sale')`);
    await queryRunner.query(
      `CREATE TABLE product (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), sku varchar(20) NOT NULL, price integer NOT NULL, state product_state NOT NULL DEFAULT 'draft')`,
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP TABLE product`);
    await queryRunner.query(`DROP TYPE product_state`);
  }
}
