module.exports = (sequelize, DataTypes) => {
  const User = sequelize.define('User', { // expect: serial
    name: { type: DataTypes.STRING(40), allowNull: false, unique: true },
    presence: DataTypes.ENUM('here', 'away'), // expect: enum-type
    address: { type: DataTypes.INET }, // expect: column-type
    settings: DataTypes.JSONB,
  });
  User.associate = ({ Message }) => User.hasMany(Message, { foreignKey: 'authorId' });
  return User;
};
