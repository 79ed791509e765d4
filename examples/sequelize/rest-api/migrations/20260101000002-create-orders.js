module.exports = {
  async up(queryInterface, { DataTypes }) {
    await queryInterface.createTable('orders', {
      id: { type: DataTypes.UUID, primaryKey: true, defaultValue: DataTypes.UUIDV4 },
      customer_id: {
        type: DataTypes.UUID,
        allowNull: false,
        references: { model: 'customers', key: 'id' },
      },
      status: { type: DataTypes.ENUM('placed', 'shipped'), allowNull: false, defaultValue: 'placed' },
      version: { type: DataTypes.INTEGER, allowNull: false, defaultValue: 0 },
      created_at: { type: DataTypes.DATE, allowNull: false },
      updated_at: { type: DataTypes.DATE, allowNull: false },
    });
    await queryInterface.addIndex('orders', ['customer_id', 'created_at']);
    await queryInterface.createTable('order_lines', {
      order_id: {
        type: DataTypes.UUID,
        primaryKey: true,
        references: { model: 'orders', key: 'id' },
        onDelete: 'CASCADE',
      },
      product_id: {
        type: DataTypes.BIGINT,
        primaryKey: true,
        references: { model: 'products', key: 'id' },
      },
      quantity: { type: DataTypes.INTEGER, allowNull: false },
      price: { type: DataTypes.DECIMAL(10, 2), allowNull: false },
    });
  },

  async down(queryInterface) {
    await queryInterface.dropTable('order_lines');
    await queryInterface.dropTable('orders');
  },
};
