'use strict';

module.exports = {
  async up(queryInterface, Sequelize) {
    await queryInterface.addColumn('Companies', 'lastInvoiceNumber', {
      type: Sequelize.INTEGER,
      allowNull: false,
      defaultValue: 0,
    });
    await queryInterface.addConstraint('Invoices', {
      type: 'unique',
      fields: ['companyId', 'number'],
      name: 'invoices_company_number',
    });
  },

  async down(queryInterface) {
    await queryInterface.removeConstraint('Invoices', 'invoices_company_number');
    await queryInterface.removeColumn('Companies', 'lastInvoiceNumber');
  },
};
