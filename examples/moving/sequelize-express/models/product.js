'use strict';

module.exports = (sequelize, DataTypes) => {
  const Product = sequelize.define('Product', {
    sku: { type: DataTypes.STRING(32), allowNull: false, unique: true },
    name: { type: DataTypes.STRING, allowNull: false },
    price: { type: DataTypes.DECIMAL(12, 2), allowNull: false },
  });
  Product.associate = ({ TaxRate }) => {
    Product.belongsTo(TaxRate, { foreignKey: 'taxRateId', as: 'taxRate' });
  };
  return Product;
};
