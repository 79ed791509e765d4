'use strict';

module.exports = (sequelize, DataTypes) => {
  const Company = sequelize.define('Company', {
    name: { type: DataTypes.STRING, allowNull: false },
    /** Invoices are numbered without gaps. */
    lastInvoiceNumber: { type: DataTypes.INTEGER, allowNull: false, defaultValue: 0 },
    settings: { type: DataTypes.JSONB, allowNull: false, defaultValue: {} },
  });
  Company.associate = ({ Customer, Invoice }) => {
    Company.hasMany(Customer, { foreignKey: 'companyId', as: 'customers' });
    Company.hasMany(Invoice, { foreignKey: 'companyId', as: 'invoices' });
  };
  return Company;
};
