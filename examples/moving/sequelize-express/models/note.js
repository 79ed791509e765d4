'use strict';

module.exports = (sequelize, DataTypes) =>
  sequelize.define('Note', { text: { type: DataTypes.TEXT, allowNull: false } }, { paranoid: true });
