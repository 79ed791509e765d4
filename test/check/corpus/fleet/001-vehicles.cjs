/* umzug, CommonJS, with its own context. */
module.exports.up = async ({ context: { queryInterface, Sequelize } }) => {
  await queryInterface.createTable('vehicles', {
    id: { type: Sequelize.UUID, primaryKey: true },
    plate: { type: new Sequelize.STRING(12), allowNull: false },
    track: { type: Sequelize.GEOGRAPHY }, // expect: extension-type
    extras: { type: Sequelize.HSTORE }, // expect: extension-type
    seen: { type: Sequelize.DATE(6) },
  });
};

module.exports.down = async ({ context: { queryInterface } }) => {
  await queryInterface.dropTable('vehicles', { cascade: true });
};
