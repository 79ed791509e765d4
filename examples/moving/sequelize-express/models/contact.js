'use strict';

module.exports = (sequelize, DataTypes) => {
  const Contact = sequelize.define('Contact', {
    name: { type: DataTypes.STRING, allowNull: false },
    phone: { type: DataTypes.STRING(40) },
  });
  Contact.associate = ({ Customer }) => {
    Contact.belongsTo(Customer, { foreignKey: 'customerId', as: 'customer' });
  };
  return Contact;
};
