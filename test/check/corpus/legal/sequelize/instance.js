const { DataTypes } = require('sequelize');
const { createDsqlSequelize } = require('aurora-dsql-orm/sequelize');

const sequelize = createDsqlSequelize({
  host: 'abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws',
  logging: false,
});

const Team = sequelize.define('Team', { name: { type: DataTypes.STRING, unique: true } });
const Player = sequelize.define(
  'Player',
  {
    position: DataTypes.ENUM('goal', 'field'),
    shirt: DataTypes.SMALLINT,
    height: DataTypes.DECIMAL(5, 2),
  },
  { indexes: [{ fields: ['TeamId'] }] },
);
Team.hasMany(Player);
Player.belongsTo(Team);

module.exports = sequelize;
