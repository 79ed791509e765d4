module.exports = {
  async up({ context: queryInterface }) {
    await queryInterface.sequelize.query(
      'CREATE TABLE umzug_readings (id serial PRIMARY KEY, sensor varchar(40) NOT NULL, value numeric(12,3))',
    );
  },

  async down({ context: queryInterface }) {
    await queryInterface.dropTable('umzug_readings');
  },
};
