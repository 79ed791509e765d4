'use strict';

module.exports = {
  async up(queryInterface, Sequelize) {
    const transaction = await queryInterface.sequelize.transaction();
    try {
      await queryInterface.createTable(
        'InvoiceLines',
        {
          id: { type: Sequelize.INTEGER, autoIncrement: true, primaryKey: true },
          invoiceId: {
            type: Sequelize.INTEGER,
            allowNull: false,
            references: { model: 'Invoices', key: 'id' },
            onDelete: 'CASCADE',
          },
          productId: {
            type: Sequelize.INTEGER,
            allowNull: false,
            references: { model: 'Products', key: 'id' },
          },
          quantity: { type: Sequelize.INTEGER, allowNull: false },
          price: { type: Sequelize.DECIMAL(12, 2), allowNull: false },
        },
        { transaction },
      );
      await queryInterface.addIndex('InvoiceLines', ['invoiceId'], { transaction });
      await queryInterface.addColumn(
        'Invoices',
        'total',
        { type: Sequelize.DECIMAL(12, 2), allowNull: false, defaultValue: 0 },
        { transaction },
      );
      await transaction.commit();
    } catch (error) {
      await transaction.rollback();
      throw error;
    }
  },

  async down(queryInterface) {
    await queryInterface.removeColumn('Invoices', 'total');
    await queryInterface.dropTable('InvoiceLines');
  },
};
