module.exports = (sequelize, DataTypes) => {
  class Message extends sequelize.Sequelize.Model {} // expect: foreign-key-without-index, int4-key
  Message.init(
    {
      id: { type: DataTypes.UUID, primaryKey: true, defaultValue: DataTypes.UUIDV4 },
      text: { type: DataTypes.TEXT, allowNull: false },
      mentions: { type: DataTypes.ARRAY(DataTypes.UUID) }, // expect: column-type
      sentAt: DataTypes.DATE, // expect: index-without-async
    },
    { sequelize, modelName: 'Message', indexes: [{ fields: ['sentAt'] }] },
  );
  return Message;
};
