module.exports = {
  async up(queryInterface, { DataTypes }) {
    await queryInterface.createTable('cli_rooms', {
      id: { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true },
      name: { type: DataTypes.STRING(40), allowNull: false, unique: true },
      kind: { type: DataTypes.ENUM('office', 'lab'), allowNull: false, defaultValue: 'office' },
    });
  },

  async down(queryInterface) {
    await queryInterface.dropTable('cli_rooms');
  },
};
