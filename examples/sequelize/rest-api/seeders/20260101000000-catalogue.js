const products = [
  { sku: 'TEA', name: 'Tea', price: 4.5, stock: 60 },
  { sku: 'CUP', name: 'Cup', price: 7, stock: 60 },
  { sku: 'POT', name: 'Pot', price: 19.9, stock: 40 },
];

module.exports = {
  async up(queryInterface) {
    await queryInterface.bulkInsert('products', products);
  },

  async down(queryInterface) {
    await queryInterface.bulkDelete('products', { sku: products.map(({ sku }) => sku) });
  },
};
