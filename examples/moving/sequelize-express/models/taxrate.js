'use strict';

module.exports = (sequelize, DataTypes) =>
  sequelize.define(
    'TaxRate',
    {
      name: { type: DataTypes.STRING(40), allowNull: false, unique: true },
      percent: { type: DataTypes.DECIMAL(5, 2), allowNull: false },
    },
    { timestamps: false },
  );
