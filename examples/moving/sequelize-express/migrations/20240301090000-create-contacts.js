'use strict';

module.exports = {
  async up(queryInterface, Sequelize) {
    await queryInterface.sequelize.transaction(async (transaction) => {
      await queryInterface.createTable(
        'Contacts',
        {
          id: { type: Sequelize.INTEGER, allowNull: false, autoIncrement: true, primaryKey: true },
          customerId: {
            type: Sequelize.UUID,
            allowNull: false,
            references: { model: 'Customers', key: 'id' },
            onDelete: 'CASCADE',
          },
          name: { type: Sequelize.STRING, allowNull: false },
          phone: { type: Sequelize.STRING(20) },
          createdAt: { type: Sequelize.DATE, allowNull: false },
          updatedAt: { type: Sequelize.DATE, allowNull: false },
        },
        { transaction },
      );
      await queryInterface.addIndex('Contacts', ['customerId'], { transaction });
    });
  },

  async down(queryInterface) {
    await queryInterface.dropTable('Contacts');
  },
};
