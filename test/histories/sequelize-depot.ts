import { Op, QueryTypes, type QueryInterface, type Transaction } from 'sequelize';
import type { SequelizeMigration } from './sequelize-shop';

/** A helper of the kind that such a history has in a file of its own. */
async function addIfMissing(
  queryInterface: QueryInterface,
  table: string,
  column: string,
  definition: Parameters<QueryInterface['addColumn']>[2],
  options: { readonly transaction: Transaction },
): Promise<void> {
  const columns = await queryInterface.describeTable(table);
  if (columns[column] === undefined) {
    await queryInterface.addColumn(table, column, definition, options);
  }
}

/** The history of a depot: methods of the query interface, raw SQL with parameters, and transactions with helpers. */
export const history: Readonly<Record<string, SequelizeMigration>> = {
  '01-start': {
    up: async (queryInterface, { DataTypes, literal }) => {
      await queryInterface.createTable('depots', {
        id: { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true },
        code: { type: DataTypes.STRING(20), allowNull: false, unique: true },
        options: { type: DataTypes.JSONB, allowNull: false, defaultValue: { open: true, days: [1, 2] } },
        state: { type: DataTypes.ENUM('open', 'shut'), allowNull: false, defaultValue: 'open' },
        tags: { type: DataTypes.ARRAY(DataTypes.TEXT), allowNull: false, defaultValue: [] },
        created_at: { type: DataTypes.DATE, allowNull: false, defaultValue: literal('CURRENT_TIMESTAMP') },
        updated_at: { type: DataTypes.DATE(6), defaultValue: literal('now()') },
      });
      await queryInterface.bulkInsert('depots', [{ code: 'a' }, { code: 'b' }, { code: 'c' }]);
    },
    down: async (queryInterface) => {
      await queryInterface.dropTable('depots');
      await queryInterface.sequelize.query('DROP TYPE IF EXISTS "enum_depots_state"');
    },
  },
  '02-shelves': {
    up: (queryInterface, { DataTypes }) =>
      queryInterface.sequelize.transaction(async (transaction) => {
        await queryInterface.createTable(
          'shelves',
          {
            id: { type: DataTypes.UUID, primaryKey: true, defaultValue: DataTypes.UUIDV4 },
            depot_id: {
              type: DataTypes.INTEGER,
              references: { model: 'depots', key: 'id' },
              onDelete: 'CASCADE',
              onUpdate: 'CASCADE',
            },
            no: { type: DataTypes.INTEGER, allowNull: false },
            load: DataTypes.DECIMAL(10, 2),
          },
          { transaction },
        );
        await addIfMissing(
          queryInterface,
          'depots',
          'area',
          { type: DataTypes.FLOAT, allowNull: false, defaultValue: 1.5 },
          { transaction },
        );
        await queryInterface.addIndex('shelves', ['depot_id', 'no'], {
          unique: true,
          name: 'ux_shelves',
          transaction,
        });
      }),
    down: async (queryInterface) => {
      await queryInterface.dropTable('shelves');
      await queryInterface.removeColumn('depots', 'area');
    },
  },
  '03-rows': {
    up: async (queryInterface) => {
      const { sequelize } = queryInterface;
      const depots = await sequelize.query<{ id: number; code: string }>(
        'SELECT id, code FROM depots WHERE code <> :code ORDER BY id',
        {
          replacements: { code: 'c' },
          type: QueryTypes.SELECT,
        },
      );
      for (const { id, code } of depots) {
        await sequelize.query('INSERT INTO shelves (id, depot_id, no, load) VALUES ($id, $depot, $no, 0.5)', {
          bind: { id: `00000000-0000-4000-8000-00000000000${id}`, depot: id, no: id * 10 },
          type: QueryTypes.INSERT,
        });
        await sequelize.query(
          `UPDATE depots SET options = options || '{"named": true}', code = code || ? WHERE id = ?`,
          {
            replacements: [`-${code}`, id],
          },
        );
      }
      await queryInterface.bulkUpdate('depots', { state: 'shut' }, { code: 'c' });
      await queryInterface.bulkInsert(
        'depots',
        Array.from({ length: 40 }, (_, at) => ({ code: `x${at}`, options: JSON.stringify({ at }) })),
      );
      await queryInterface.bulkDelete('depots', { code: ['x1', 'x2'] });
    },
    down: async (queryInterface) => {
      await queryInterface.bulkDelete('shelves', {});
    },
  },
  '04-constraints': {
    up: async (queryInterface, { fn, col }) => {
      await queryInterface.addConstraint('shelves', {
        type: 'check',
        name: 'ck_no',
        fields: ['no'],
        where: { no: { [Op.gte]: 0 } },
      });
      await queryInterface.addConstraint('shelves', {
        type: 'unique',
        name: 'uq_load',
        fields: ['depot_id', 'load'],
      });
      await queryInterface.removeConstraint('shelves', 'shelves_depot_id_fkey');
      await queryInterface.addConstraint('shelves', {
        type: 'foreign key',
        name: 'fk_depot',
        fields: ['depot_id'],
        references: { table: 'depots', field: 'id' },
        onDelete: 'SET NULL',
        onUpdate: 'NO ACTION',
      });
      await queryInterface.addIndex('depots', { fields: [fn('lower', col('code'))], name: 'ix_code' });
    },
    down: async (queryInterface) => {
      await queryInterface.removeIndex('depots', 'ix_code');
      await queryInterface.removeConstraint('shelves', 'fk_depot');
      await queryInterface.addConstraint('shelves', {
        type: 'foreign key',
        name: 'shelves_depot_id_fkey',
        fields: ['depot_id'],
        references: { table: 'depots', field: 'id' },
        onDelete: 'CASCADE',
        onUpdate: 'CASCADE',
      });
      await queryInterface.removeConstraint('shelves', 'uq_load');
      await queryInterface.removeConstraint('shelves', 'ck_no');
    },
  },
  '05-states': {
    up: async (queryInterface, { DataTypes }) => {
      await queryInterface.sequelize.query(
        `ALTER TYPE "enum_depots_state" ADD VALUE IF NOT EXISTS 'moved' BEFORE 'shut'`,
      );
      await queryInterface.changeColumn('depots', 'state', {
        type: DataTypes.ENUM('open', 'moved', 'shut'),
        allowNull: true,
      });
      await queryInterface.sequelize.query(
        `ALTER TABLE depots ALTER COLUMN state DROP DEFAULT; ALTER TYPE enum_depots_state RENAME TO old_state; CREATE TYPE enum_depots_state AS ENUM ('open', 'moved', 'shut', 'gone'); ALTER TABLE depots ALTER COLUMN state TYPE enum_depots_state USING state::text::enum_depots_state; DROP TYPE old_state;`,
      );
    },
    down: async (queryInterface) => {
      await queryInterface.sequelize.query(`UPDATE depots SET state = 'open' WHERE state IS NULL`);
    },
  },
  '06-tags': {
    up: async (queryInterface) => {
      await queryInterface.sequelize.transaction(async (transaction) => {
        await queryInterface.sequelize.query(
          `UPDATE depots SET tags = array_append(tags, 'old') WHERE NOT ('old' = ANY(tags)) AND id < :id`,
          { replacements: { id: 3 }, transaction },
        );
        await queryInterface.sequelize.query(
          `UPDATE depots SET tags = array_remove(tags, 'none') || ARRAY['two'] WHERE cardinality(tags) = 1`,
          { transaction },
        );
      });
    },
    down: async (queryInterface) => {
      await queryInterface.sequelize.query(`UPDATE depots SET tags = '{}'`);
    },
  },
  '07-renames': {
    up: async (queryInterface, { DataTypes }) => {
      await queryInterface.renameColumn('shelves', 'no', 'number');
      await queryInterface.renameTable('shelves', 'racks');
      await queryInterface.changeColumn('racks', 'load', { type: DataTypes.DECIMAL(12, 3), allowNull: true });
      await queryInterface.changeColumn('depots', 'code', { type: DataTypes.STRING(60), allowNull: false });
      await queryInterface.addColumn('racks', 'spare', {
        type: DataTypes.BOOLEAN,
        allowNull: false,
        defaultValue: false,
      });
      const tables = await queryInterface.showAllTables();
      if (tables.includes('racks')) await queryInterface.removeColumn('racks', 'spare');
    },
    down: async (queryInterface, { DataTypes }) => {
      await queryInterface.changeColumn('depots', 'code', { type: DataTypes.STRING(20), allowNull: false });
      await queryInterface.changeColumn('racks', 'load', { type: DataTypes.DECIMAL(10, 2), allowNull: true });
      await queryInterface.renameTable('racks', 'shelves');
      await queryInterface.renameColumn('shelves', 'number', 'no');
    },
  },
};
