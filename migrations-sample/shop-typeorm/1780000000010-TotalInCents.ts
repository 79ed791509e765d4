import { rebuildTable } from 'aurora-dsql-orm/migrate';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Another type of a column, which Aurora DSQL cannot give it: the table is rebuilt. */
export class TotalInCents1780000000010 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await rebuildTable(queryRunner, {
      table: 'orders',
      change: 'ALTER COLUMN total TYPE numeric(12,2) USING total / 100.0',
      dropOld: true,
    });
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await rebuildTable(queryRunner, {
      table: 'orders',
      change: 'ALTER COLUMN total TYPE integer USING (total * 100)::integer',
      dropOld: true,
    });
  }
}
