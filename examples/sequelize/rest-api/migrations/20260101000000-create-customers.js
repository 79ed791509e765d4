module.exports = {
  async up(queryInterface, { DataTypes }) {
    await queryInterface.createTable('customers', {
      id: { type: DataTypes.UUID, primaryKey: true, defaultValue: DataTypes.UUIDV4 },
      name: { type: DataTypes.STRING, allowNull: false },
      email: { type: DataTypes.STRING, allowNull: false, unique: true },
      created_at: { type: DataTypes.DATE, allowNull: false },
      updated_at: { type: DataTypes.DATE, allowNull: false },
    });
    await queryInterface.createTable('addresses', {
      id: { type: DataTypes.UUID, primaryKey: true, defaultValue: DataTypes.UUIDV4 },
      customer_id: {
        type: DataTypes.UUID,
        allowNull: false,
        unique: true,
        references: { model: 'customers', key: 'id' },
        onDelete: 'CASCADE',
      },
      street: { type: DataTypes.STRING, allowNull: false },
      city: { type: DataTypes.STRING, allowNull: false },
    });
  },

  async down(queryInterface) {
    await queryInterface.dropTable('addresses');
    await queryInterface.dropTable('customers');
  },
};
