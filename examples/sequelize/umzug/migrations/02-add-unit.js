module.exports = {
  async up({ context: queryInterface }) {
    await queryInterface.sequelize.query(
      "ALTER TABLE umzug_readings ADD COLUMN unit text NOT NULL DEFAULT 'K'",
    );
    await queryInterface.addIndex('umzug_readings', ['sensor']);
  },

  async down({ context: queryInterface }) {
    await queryInterface.removeColumn('umzug_readings', 'unit');
  },
};
