import {
  Table,
  TableCheck,
  TableColumn,
  TableForeignKey,
  TableIndex,
  TableUnique,
  type MigrationInterface,
  type QueryRunner,
} from 'typeorm';
import { migration } from './typeorm-clinic';

type Step = (queryRunner: QueryRunner) => Promise<unknown>;

/** A migration that calls the methods of the query runner. */
function calls(name: string, up: Step, down: Step): new () => MigrationInterface {
  return class implements MigrationInterface {
    readonly name = name;
    async up(queryRunner: QueryRunner): Promise<void> {
      await up(queryRunner);
    }
    async down(queryRunner: QueryRunner): Promise<void> {
      await down(queryRunner);
    }
  };
}

/** The history of a warehouse: written by hand, with the methods of the query runner and raw SQL side by side. */
export const warehouse: readonly (new () => MigrationInterface)[] = [
  calls(
    'Items1730000000001',
    (runner) =>
      runner.createTable(
        new Table({
          name: 'item',
          columns: [
            {
              name: 'id',
              type: 'bigint',
              isPrimary: true,
              isGenerated: true,
              generationStrategy: 'increment',
            },
            { name: 'code', type: 'varchar', length: '30', isUnique: true },
            {
              name: 'kind',
              type: 'enum',
              enum: ['part', 'tool'],
              enumName: 'item_kind_enum',
              default: "'part'",
            },
            { name: 'price', type: 'decimal', precision: 12, scale: 2, isNullable: true },
            { name: 'created_at', type: 'timestamptz', default: 'now()' },
          ],
          checks: [new TableCheck({ name: 'CHK_price', expression: '"price" > 0' })],
        }),
        true,
      ),
    (runner) => runner.dropTable('item'),
  ),
  calls(
    'Places1730000000002',
    async (runner) => {
      if (await runner.hasTable('place')) return;
      await runner.createTable(
        new Table({
          name: 'place',
          columns: [
            { name: 'id', type: 'uuid', isPrimary: true, isGenerated: true, generationStrategy: 'uuid' },
            { name: 'row', type: 'int' },
            { name: 'shelf', type: 'smallint', isNullable: true },
          ],
          uniques: [new TableUnique({ name: 'UQ_place', columnNames: ['row', 'shelf'] })],
        }),
      );
    },
    (runner) => runner.dropTable('place', true),
  ),
  calls(
    'PlaceOfItem1730000000003',
    async (runner) => {
      await runner.addColumn('item', new TableColumn({ name: 'place_id', type: 'uuid', isNullable: true }));
      await runner.createForeignKey(
        'item',
        new TableForeignKey({
          name: 'FK_item_place',
          columnNames: ['place_id'],
          referencedTableName: 'place',
          referencedColumnNames: ['id'],
          onDelete: 'SET NULL',
        }),
      );
    },
    async (runner) => {
      await runner.dropForeignKey('item', 'FK_item_place');
      await runner.dropColumn('item', 'place_id');
    },
  ),
  migration(
    'FirstItems1730000000004',
    [
      `INSERT INTO place (id, "row", shelf) VALUES (uuid_generate_v4(), 1, 1), (uuid_generate_v4(), 1, NULL)`,
      `INSERT INTO item (code, kind) VALUES ('a-1', 'tool'::item_kind_enum), ('a-2', CAST('part' AS item_kind_enum))`,
    ],
    [`DELETE FROM item`, `DELETE FROM place`],
  ),
  calls(
    'IndexItems1730000000005',
    async (runner) => {
      await runner.createIndex(
        'item',
        new TableIndex({ name: 'IDX_item_created', columnNames: ['created_at'] }),
      );
      await runner.createIndices('item', [
        new TableIndex({ name: 'IDX_item_kind', columnNames: ['kind', 'code'] }),
        new TableIndex({ name: 'IDX_item_cheap', columnNames: ['price'], where: '"price" < 10' }),
      ]);
    },
    async (runner) => {
      await runner.dropIndex('item', 'IDX_item_cheap');
      await runner.dropIndex('item', 'IDX_item_kind');
      await runner.dropIndex('item', 'IDX_item_created');
    },
  ),
  calls(
    'Weight1730000000006',
    async (runner) => {
      await runner.addColumns('item', [
        new TableColumn({ name: 'weight', type: 'int', default: 1 }),
        new TableColumn({ name: 'note', type: 'varchar', isNullable: true }),
      ]);
    },
    (runner) => runner.dropColumns('item', ['note', 'weight']),
  ),
  calls(
    'RenameNote1730000000007',
    (runner) => runner.renameColumn('item', 'note', 'remark'),
    (runner) => runner.renameColumn('item', 'remark', 'note'),
  ),
  migration(
    'Stock1730000000008',
    [
      `create table if not exists stock (item_id bigint not null references item (id) on delete cascade, place_id uuid not null, amount integer default 0 not null, constraint stock_pkey primary key (item_id, place_id))`,
      `create index if not exists stock_place on stock using btree (place_id asc)`,
    ],
    [`drop table if exists stock cascade`],
  ),
  calls(
    'UniqueShelves1730000000009',
    async (runner) => {
      await runner.createUniqueConstraint(
        'item',
        new TableUnique({ name: 'UQ_remark', columnNames: ['remark'] }),
      );
      await runner.createCheckConstraint(
        'stock',
        new TableCheck({ name: 'CHK_amount', expression: 'amount >= 0' }),
      );
    },
    async (runner) => {
      await runner.dropCheckConstraint('stock', 'CHK_amount');
      await runner.dropUniqueConstraint('item', 'UQ_remark');
    },
  ),
  migration(
    'Fill1730000000010',
    [
      `INSERT INTO stock (item_id, place_id, amount) SELECT i.id, p.id, 3 FROM item i CROSS JOIN place p`,
      `UPDATE stock s SET amount = 4 FROM item i WHERE i.id = s.item_id AND i.code = 'a-1'`,
    ],
    [`TRUNCATE stock`],
  ),
  calls(
    'Read1730000000011',
    async (runner) => {
      const items = (await runner.query('SELECT id, code FROM item ORDER BY id')) as {
        id: string;
        code: string;
      }[];
      for (const { id, code } of items) {
        await runner.query('UPDATE item SET remark = $1 WHERE id = $2', [`item ${code}`, id]);
      }
    },
    (runner) => runner.query('UPDATE item SET remark = NULL'),
  ),
  calls(
    'Manager1730000000012',
    (runner) => runner.manager.query(`INSERT INTO item (code, weight) VALUES ('a-3', 7)`),
    (runner) => runner.manager.query(`DELETE FROM item WHERE code = 'a-3'`),
  ),
  migration(
    'Required1730000000013',
    [
      `UPDATE item SET price = 1 WHERE price IS NULL`,
      `ALTER TABLE item ALTER COLUMN price SET NOT NULL`,
      `ALTER TABLE ONLY item ALTER COLUMN price SET DEFAULT 1`,
    ],
    [`ALTER TABLE item ALTER price DROP DEFAULT, ALTER price DROP NOT NULL`],
  ),
  calls(
    'Orders1730000000014',
    (runner) =>
      runner.createTable(
        new Table({
          name: 'order',
          columns: [
            { name: 'id', type: 'int', isPrimary: true, isGenerated: true, generationStrategy: 'increment' },
            { name: 'total', type: 'int', isNullable: true },
            { name: 'state', type: 'varchar', length: '10', default: "'new'" },
          ],
        }),
      ),
    (runner) => runner.dropTable('order'),
  ),
  migration(
    'WholeTotals1730000000015',
    [
      `ALTER TABLE "order" ALTER COLUMN "total" TYPE bigint`,
      `ALTER TABLE "order" ALTER COLUMN "state" TYPE text`,
    ],
    [
      `ALTER TABLE "order" ALTER COLUMN "state" TYPE character varying(10)`,
      `ALTER TABLE "order" ALTER COLUMN "total" TYPE integer`,
    ],
  ),
  calls(
    'RenameOrders1730000000016',
    (runner) => runner.renameTable('order', 'purchase'),
    (runner) => runner.renameTable('purchase', 'order'),
  ),
  migration(
    'SeveralInOne1730000000017',
    [
      `CREATE TABLE supplier (id SERIAL PRIMARY KEY, name TEXT NOT NULL);
       CREATE UNIQUE INDEX supplier_name ON supplier (lower(name));
       INSERT INTO supplier (name) VALUES ('One'), ('Two');`,
    ],
    [`DROP TABLE supplier`],
  ),
  migration(
    'SupplierOfItem1730000000018',
    [
      `ALTER TABLE item ADD COLUMN supplier_id int REFERENCES supplier (id), ADD COLUMN active boolean DEFAULT true NOT NULL`,
    ],
    [`ALTER TABLE item DROP COLUMN active, DROP COLUMN supplier_id`],
  ),
  migration(
    'Locked1730000000019',
    [
      `SET LOCAL lock_timeout = '5s'`,
      `SELECT id FROM item FOR SHARE`,
      `ALTER TYPE item_kind_enum ADD VALUE 'box'`,
      `COMMENT ON COLUMN item.kind IS 'what it is'`,
    ],
    [`COMMENT ON COLUMN item.kind IS NULL`],
  ),
  migration(
    'Overview1730000000020',
    [`CREATE VIEW overview AS SELECT i.code, s.amount FROM item i JOIN stock s ON s.item_id = i.id`],
    [`DROP VIEW IF EXISTS overview`],
  ),
];
