const { DataTypes } = require('sequelize');

exports.up = async ({ context: queryInterface }) => {
  await queryInterface.createTable('teams', {
    id: { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true },
    name: { type: DataTypes.STRING, allowNull: false },
    level: { type: DataTypes.ENUM('amateur', 'pro') },
  });
  await queryInterface.addIndex('teams', ['name'], { unique: true });
  await queryInterface.addColumn('teams', 'founded', { type: DataTypes.DATEONLY });
  await queryInterface.addConstraint('teams', { type: 'unique', fields: ['name', 'level'], name: 'one_team' });
  await queryInterface.sequelize.query('CREATE INDEX ASYNC teams_level ON teams (level)');
};

exports.down = async ({ context: queryInterface }) => {
  await queryInterface.removeConstraint('teams', 'one_team');
  await queryInterface.dropTable('teams');
};
