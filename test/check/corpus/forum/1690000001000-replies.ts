import { MigrationInterface, QueryRunner, Table, TableColumn, TableForeignKey, TableUnique } from 'typeorm';

export class Replies1690000001000 implements MigrationInterface {
  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.createTable(
      new Table({
        name: 'reply',
        columns: [
          { name: 'id', type: 'uuid', isPrimary: true },
          { name: 'topicId', type: 'uuid' },
          { name: 'memberId', type: 'int' }, // expect: int4-key
          { name: 'text', type: 'text' },
        ],
      }),
    );
    await queryRunner.createForeignKey(
      'reply',
      new TableForeignKey({ columnNames: ['topicId'], referencedTableName: 'topic', referencedColumnNames: ['id'] }), // expect: foreign-key-without-index
    );
    await queryRunner.createForeignKeys('reply', [
      new TableForeignKey({
        columnNames: ['memberId'], // expect: foreign-key-without-index
        referencedTableName: 'member',
        referencedColumnNames: ['id'],
      }),
    ]);
    await queryRunner.addColumn('topic', new TableColumn({ name: 'pinned', type: 'boolean', default: false }));
    await queryRunner.createUniqueConstraint('topic', new TableUnique({ columnNames: ['title'] }));
    if (await queryRunner.hasColumn('topic', 'closed')) throw new Error('There is no such column.');
    const topic = await queryRunner.getTable('topic');
    if (topic?.findColumnByName('pinned') === undefined) throw new Error('It was added.');
    if (!(await queryRunner.hasTable('member'))) throw new Error('The migration before made it.');
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    const topic = await queryRunner.getTable('topic');
    const unique = topic?.uniques.find(({ columnNames }) => columnNames.includes('title'));
    if (!unique) throw new Error('up has made it');
    await queryRunner.dropUniqueConstraint('topic', unique);
    await queryRunner.dropColumn('topic', 'pinned');
    await queryRunner.dropTable('reply');
  }
}
