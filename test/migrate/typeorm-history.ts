import { Table, TableColumn, TableIndex, type MigrationInterface, type QueryRunner } from 'typeorm';

/** Makes two tables, the second with rows that refer to those of the first by the ids that it was given. */
class Create1770000000001 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('CREATE TABLE shelf (id SERIAL PRIMARY KEY, label varchar(50) NOT NULL)');
    const [{ id }] = (await queryRunner.query("INSERT INTO shelf (label) VALUES ('top') RETURNING id")) as [
      { id: number },
    ];
    await queryRunner.createTable(
      new Table({
        name: 'box',
        columns: [
          { name: 'id', type: 'int', isPrimary: true },
          { name: 'shelf_id', type: 'bigint' },
          { name: 'weight', type: 'int', isNullable: true },
        ],
        foreignKeys: [
          { columnNames: ['shelf_id'], referencedTableName: 'shelf', referencedColumnNames: ['id'] },
        ],
      }),
    );
    for (const box of [1, 2, 3]) await queryRunner.query('INSERT INTO box VALUES ($1, $2, 5)', [box, id]);
    await queryRunner.query('UPDATE box SET weight = weight + 1');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.dropTable('box');
    await queryRunner.dropTable('shelf');
  }
}

/** Changes them by the methods of the query runner, which read what is there. */
class Change1770000000002 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.addColumn('box', new TableColumn({ name: 'lid', type: 'varchar', default: "'none'" }));
    await queryRunner.createIndex(
      'shelf',
      new TableIndex({ name: 'shelf_label', columnNames: ['label'], isUnique: true }),
    );
    await queryRunner.renameColumn('box', 'weight', 'kilos');
    await queryRunner.query("UPDATE box SET lid = lid || '!'");
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.renameColumn('box', 'kilos', 'weight');
    await queryRunner.dropIndex('shelf', 'shelf_label');
    await queryRunner.dropColumn('box', 'lid');
  }
}

/** Changes rows, in a transaction of its own where there is none. */
class Fill1770000000003 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    const isOwn = !queryRunner.isTransactionActive;
    if (isOwn) await queryRunner.startTransaction();
    await queryRunner.query('UPDATE box SET kilos = kilos * 2');
    await queryRunner.query("INSERT INTO shelf (label) VALUES ('bottom')");
    if (isOwn) await queryRunner.commitTransaction();
    await queryRunner.query('ALTER TABLE shelf ADD CONSTRAINT shelf_long CHECK (length(label) > 1)');
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE shelf DROP CONSTRAINT shelf_long');
    await queryRunner.query("DELETE FROM shelf WHERE label = 'bottom'");
    await queryRunner.query('UPDATE box SET kilos = kilos / 2');
  }
}

export const typeormHistory = [Create1770000000001, Change1770000000002, Fill1770000000003];
