'use strict';

module.exports = (sequelize, DataTypes) => {
  const Customer = sequelize.define('Customer', {
    id: { type: DataTypes.UUID, primaryKey: true, defaultValue: DataTypes.UUIDV4 },
    name: { type: DataTypes.STRING, allowNull: false },
    email: { type: DataTypes.STRING, allowNull: false, unique: true, validate: { isEmail: true } },
    balance: { type: DataTypes.DECIMAL(12, 2), allowNull: false, defaultValue: 0 },
  });
  Customer.associate = ({ Company, Contact, Invoice }) => {
    Customer.belongsTo(Company, { foreignKey: 'companyId', as: 'company' });
    Customer.hasMany(Contact, { foreignKey: 'customerId', as: 'contacts' });
    Customer.hasMany(Invoice, { foreignKey: 'customerId', as: 'invoices' });
  };
  return Customer;
};
