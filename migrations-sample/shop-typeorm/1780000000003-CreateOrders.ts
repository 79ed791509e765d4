import { Table, type MigrationInterface, type QueryRunner } from 'typeorm';

/** Without its foreign key. */
export class CreateOrders1780000000003 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.createTable(
      new Table({
        name: 'orders',
        columns: [
          { name: 'id', type: 'bigint', isPrimary: true, isGenerated: true, generationStrategy: 'identity' },
          { name: 'customer_id', type: 'bigint' },
          { name: 'placed_at', type: 'timestamptz', default: 'now()' },
          { name: 'total', type: 'int' },
        ],
      }),
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.dropTable('orders');
  }
}
