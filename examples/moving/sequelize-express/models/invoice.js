'use strict';

module.exports = (sequelize, DataTypes) => {
  const Invoice = sequelize.define('Invoice', {
    number: { type: DataTypes.INTEGER, allowNull: false },
    status: {
      type: DataTypes.ENUM('draft', 'sent', 'paid', 'cancelled'),
      allowNull: false,
      defaultValue: 'draft',
    },
    total: { type: DataTypes.DECIMAL(12, 2), allowNull: false, defaultValue: 0 },
    dueOn: { type: DataTypes.DATEONLY },
  });
  Invoice.associate = ({ Company, Customer, InvoiceLine, Note, Payment }) => {
    Invoice.belongsTo(Company, { foreignKey: 'companyId', as: 'company' });
    Invoice.belongsTo(Customer, { foreignKey: 'customerId', as: 'customer' });
    Invoice.hasMany(InvoiceLine, { foreignKey: 'invoiceId', as: 'lines' });
    Invoice.hasMany(Note, { foreignKey: 'invoiceId', as: 'notes' });
    Invoice.hasMany(Payment, { foreignKey: 'invoiceId', as: 'payments' });
  };
  return Invoice;
};
