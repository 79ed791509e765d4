module.exports = {
  async up(queryInterface, { DataTypes, Op }) {
    await queryInterface.createTable('products', {
      id: { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true },
      sku: { type: DataTypes.STRING(32), allowNull: false },
      name: { type: DataTypes.STRING, allowNull: false },
      price: { type: DataTypes.DECIMAL(10, 2), allowNull: false },
      stock: { type: DataTypes.INTEGER, allowNull: false },
    });
    await queryInterface.addIndex('products', ['sku'], { unique: true, name: 'products_sku' });
    await queryInterface.addConstraint('products', {
      type: 'check',
      fields: ['stock'],
      name: 'products_stock_check',
      where: { stock: { [Op.gte]: 0 } },
    });
  },

  async down(queryInterface) {
    await queryInterface.dropTable('products');
  },
};
