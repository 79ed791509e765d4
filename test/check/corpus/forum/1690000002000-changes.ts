import { MigrationInterface, QueryRunner, Table, TableCheck, TableColumn, TableExclusion } from 'typeorm';

export class Changes1690000002000 implements MigrationInterface {
  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.changeColumn(
      'topic',
      'title',
      new TableColumn({ name: 'title', type: 'text', isNullable: true }),
    );
    await queryRunner.changeColumn( // expect: alter-column-type
      'topic',
      'memberId',
      new TableColumn({ name: 'memberId', type: 'varchar', length: '20' }),
    );
    await queryRunner.renameColumn('member', 'homepage', 'site');
    await queryRunner.createCheckConstraint('topic', new TableCheck({ expression: 'length(title) < 200' }));
    await queryRunner.createExclusionConstraint( // expect: exclusion-constraint
      'topic',
      new TableExclusion({ expression: 'USING gist ("title" WITH =)' }),
    );
    await queryRunner.createPrimaryKey('reply', ['id']); // expect: add-constraint
    await queryRunner.clearTable('reply');
    await queryRunner.renameTable('reply', 'answer');
    await queryRunner.startTransaction();
    await queryRunner.createTable(new Table({ name: 'one', columns: [{ name: 'id', type: 'uuid', isPrimary: true }] }));
    await queryRunner.createTable(new Table({ name: 'two', columns: [{ name: 'id', type: 'uuid', isPrimary: true }] })); // expect: multiple-ddl
    await queryRunner.commitTransaction();
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.dropTable('two');
    await queryRunner.dropTable('one', true);
  }
}
