const { DataTypes } = require('sequelize');

module.exports = {
  up: ({ context }) => context.createTable('book', { id: { type: DataTypes.UUID, primaryKey: true } }),
  down: ({ context }) => context.dropTable('book'),
};
