import { TableIndex, type MigrationInterface, type QueryRunner } from 'typeorm';

/** Fails where two customers have one address; when they are corrected, it continues. */
export class UniqueEmails1780000000012 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.createIndex(
      'customer',
      new TableIndex({ name: 'customer_email', columnNames: ['email'], isUnique: true }),
    );
    await queryRunner.query(`ALTER TABLE customer ADD COLUMN confirmed boolean`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE customer DROP COLUMN confirmed`);
    await queryRunner.dropIndex('customer', 'customer_email');
  }
}
