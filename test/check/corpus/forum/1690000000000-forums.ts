import { MigrationInterface, QueryRunner, Table, TableColumn, TableForeignKey, TableIndex, TableUnique } from 'typeorm';

// What goes through TypeORM's own methods is translated by createDsqlDataSource.
export class Forums1690000000000 implements MigrationInterface {
  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.createTable(
      new Table({
        name: 'member',
        columns: [
          { name: 'id', type: 'int', isPrimary: true, isGenerated: true, generationStrategy: 'increment' },
          { name: 'name', type: 'varchar', length: '80', isUnique: true },
          { name: 'rank', type: 'enum', enum: ['new', 'regular'], default: `'new'` },
          { name: 'homepage', type: 'text', isNullable: true },
          { name: 'lastAddress', type: 'cidr', isNullable: true }, // expect: column-type
        ],
      }),
      true,
    );
    await queryRunner.createTable(
      new Table({
        name: 'topic',
        columns: [
          {
            name: 'id',
            type: 'uuid',
            isPrimary: true,
            generationStrategy: 'uuid',
            default: 'uuid_generate_v4()',
          },
          { name: 'title', type: 'text' },
          { name: 'memberId', type: 'bigint' },
        ],
        indices: [{ columnNames: ['memberId'] }],
        foreignKeys: [
          { columnNames: ['memberId'], referencedTableName: 'member', referencedColumnNames: ['id'] },
        ],
      }),
    );
    await queryRunner.createIndex('topic', new TableIndex({ name: 'IDX_topic_title', columnNames: ['title'] }));
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.dropTable('topic');
    await queryRunner.dropTable('member');
  }
}
