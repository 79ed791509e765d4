import { DataTypes, QueryInterface } from 'sequelize';

export default {
  async up(queryInterface: QueryInterface) {
    await queryInterface.createTable('tasks', {
      id: { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true },
      done: { type: DataTypes.BOOLEAN, allowNull: false, defaultValue: false },
      parentId: { type: DataTypes.INTEGER, references: { model: 'tasks', key: 'id' } }, // expect: foreign-key-without-index
    });
    await queryInterface.sequelize.query(`
      CREATE OR REPLACE FUNCTION finish() RETURNS trigger AS $$ BEGIN RETURN NEW; END; $$ LANGUAGE plpgsql; -- expect: function-language
    `);
    await queryInterface.removeColumn('tasks', 'done');
  },
  async down(queryInterface: QueryInterface) {
    await queryInterface.dropAllTables();
  },
};
