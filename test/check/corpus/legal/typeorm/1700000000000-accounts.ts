import { MigrationInterface, QueryRunner, Table, TableColumn, TableIndex } from 'typeorm';

export class Accounts1700000000000 implements MigrationInterface {
  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.createTable(
      new Table({
        name: 'account',
        columns: [
          { name: 'id', type: 'int', isPrimary: true, isGenerated: true, generationStrategy: 'increment' },
          { name: 'owner', type: 'varchar', length: '100' },
          { name: 'state', type: 'enum', enum: ['open', 'closed'], default: `'open'` },
          { name: 'createdAt', type: 'timestamptz', default: 'now()' },
        ],
      }),
    );
    await queryRunner.query('CREATE INDEX ASYNC "IDX_owner" ON "account" ("owner")');
    await queryRunner.addColumn('account', new TableColumn({ name: 'limit', type: 'numeric', precision: 12, scale: 2, default: 0 }));
    await queryRunner.createIndex('account', new TableIndex({ columnNames: ['state'], where: `"state" = 'open'` }));
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.dropColumn('account', 'limit');
    await queryRunner.dropTable('account');
  }
}
