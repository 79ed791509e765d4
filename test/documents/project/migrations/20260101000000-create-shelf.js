module.exports = {
  up: (queryInterface, { DataTypes }) =>
    queryInterface.createTable('shelf', { id: { type: DataTypes.UUID, primaryKey: true } }),
  down: (queryInterface) => queryInterface.dropTable('shelf'),
};
