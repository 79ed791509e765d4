'use strict';

module.exports = (sequelize, DataTypes) =>
  sequelize.define('Job', {
    kind: { type: DataTypes.STRING, allowNull: false },
    payload: { type: DataTypes.JSONB, allowNull: false },
    status: {
      type: DataTypes.ENUM('queued', 'running', 'done'),
      allowNull: false,
      defaultValue: 'queued',
    },
    attempts: { type: DataTypes.INTEGER, allowNull: false, defaultValue: 0 },
  });
