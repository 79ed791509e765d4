module.exports = {
  async up(queryInterface, { DataTypes }) {
    await queryInterface.addColumn('cli_rooms', 'seats', {
      type: DataTypes.INTEGER,
      allowNull: false,
      defaultValue: 1,
    });
    await queryInterface.addIndex('cli_rooms', ['seats']);
  },

  async down(queryInterface) {
    await queryInterface.removeColumn('cli_rooms', 'seats');
  },
};
