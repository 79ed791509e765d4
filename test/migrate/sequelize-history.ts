import { DataTypes, QueryTypes, type QueryInterface } from 'sequelize';
import type { RunnableMigration } from 'umzug';

type Step = (queryInterface: QueryInterface) => Promise<unknown>;

const migration = (name: string, up: Step, down: Step): RunnableMigration<QueryInterface> => ({
  name,
  up: ({ context }) => up(context),
  down: ({ context }) => down(context),
});

/** The same as {@link typeormHistory}, in the words of Sequelize. */
export const sequelizeHistory = [
  migration(
    '01-create',
    async (queryInterface) => {
      const { sequelize } = queryInterface;
      await queryInterface.createTable('shelf', {
        id: { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true },
        label: { type: DataTypes.STRING(50), allowNull: false },
      });
      const [shelf] = await sequelize.query<{ id: number }>(
        "INSERT INTO shelf (label) VALUES ('top') RETURNING id",
        { type: QueryTypes.SELECT },
      );
      await queryInterface.createTable('box', {
        id: { type: DataTypes.INTEGER, primaryKey: true },
        shelf_id: { type: DataTypes.BIGINT, references: { model: 'shelf', key: 'id' } },
        weight: DataTypes.INTEGER,
      });
      await queryInterface.bulkInsert(
        'box',
        [1, 2, 3].map((id) => ({ id, shelf_id: shelf?.id, weight: 5 })),
      );
      await sequelize.query('UPDATE box SET weight = weight + $1', { bind: [1] });
    },
    async (queryInterface) => {
      await queryInterface.dropTable('box');
      await queryInterface.dropTable('shelf');
    },
  ),
  migration(
    '02-change',
    async (queryInterface) => {
      const { sequelize } = queryInterface;
      await queryInterface.addColumn('box', 'lid', { type: DataTypes.STRING, defaultValue: 'none' });
      await queryInterface.addIndex('shelf', ['label'], { unique: true, name: 'shelf_label' });
      await queryInterface.renameColumn('box', 'weight', 'kilos');
      await sequelize.query("UPDATE box SET lid = lid || '!'");
    },
    async (queryInterface) => {
      await queryInterface.renameColumn('box', 'kilos', 'weight');
      await queryInterface.removeIndex('shelf', 'shelf_label');
      await queryInterface.removeColumn('box', 'lid');
    },
  ),
  migration(
    '03-fill',
    async (queryInterface) => {
      const { sequelize } = queryInterface;
      await sequelize.transaction(async (transaction) => {
        await sequelize.query('UPDATE box SET kilos = kilos * 2', { transaction });
        await queryInterface.addColumn('shelf', 'depth', DataTypes.INTEGER, { transaction });
        await queryInterface.bulkInsert('shelf', [{ label: 'bottom' }], { transaction });
        await sequelize.query('UPDATE box SET kilos = kilos + 1', { transaction });
      });
      await sequelize.query('ALTER TABLE shelf ADD CONSTRAINT shelf_long CHECK (length(label) > 1)');
    },
    async (queryInterface) => {
      await queryInterface.removeConstraint('shelf', 'shelf_long');
      await queryInterface.bulkDelete('shelf', { label: 'bottom' });
      await queryInterface.removeColumn('shelf', 'depth');
    },
  ),
];
