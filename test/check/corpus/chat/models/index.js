'use strict';

const { Sequelize, DataTypes } = require('sequelize');

const sequelize = new Sequelize('postgres://localhost/chat', { logging: false });
const db = {
  User: require('./user')(sequelize, DataTypes),
  Message: require('./message')(sequelize, DataTypes),
};
for (const model of Object.values(db)) model.associate?.(db);

module.exports = { ...db, sequelize, Sequelize };
