'use strict';

module.exports = (sequelize, DataTypes) => {
  const InvoiceLine = sequelize.define(
    'InvoiceLine',
    {
      quantity: { type: DataTypes.INTEGER, allowNull: false },
      price: { type: DataTypes.DECIMAL(12, 2), allowNull: false },
    },
    { timestamps: false },
  );
  InvoiceLine.associate = ({ Product }) => {
    InvoiceLine.belongsTo(Product, { foreignKey: 'productId', as: 'product' });
  };
  return InvoiceLine;
};
