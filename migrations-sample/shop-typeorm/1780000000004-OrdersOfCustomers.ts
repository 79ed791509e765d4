import { TableForeignKey, type MigrationInterface, type QueryRunner } from 'typeorm';

/** A foreign key that is added later. */
export class OrdersOfCustomers1780000000004 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.createForeignKey(
      'orders',
      new TableForeignKey({
        name: 'orders_customer',
        columnNames: ['customer_id'],
        referencedTableName: 'customer',
        referencedColumnNames: ['id'],
      }),
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.dropForeignKey('orders', 'orders_customer');
  }
}
