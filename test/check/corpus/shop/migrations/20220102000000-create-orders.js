'use strict';

module.exports = {
  up: (queryInterface, Sequelize) => {
    return queryInterface.sequelize.transaction(async (transaction) => {
      await queryInterface.createTable(
        'Orders',
        {
          id: { type: Sequelize.UUID, defaultValue: Sequelize.UUIDV4, primaryKey: true },
          customerId: { // expect: foreign-key-without-index
            type: Sequelize.INTEGER,
            references: { model: 'Customers', key: 'id' },
            onDelete: 'CASCADE',
          },
          total: { type: Sequelize.DECIMAL }, // expect: unbounded-numeric
          lines: { type: Sequelize.ARRAY(Sequelize.JSONB) }, // expect: column-type
        },
        { transaction },
      );
      await queryInterface.addIndex('Orders', ['total'], { transaction }); // expect: multiple-ddl
    });
  },

  down: (queryInterface) => queryInterface.dropTable('Orders'),
};
